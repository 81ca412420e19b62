"""The laws of the data map."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.datamap import table_registry
from theseller.datamap.table_registry import DataMapError, TableRegistry
from theseller.datamap.types import Column, DataClass, Differences, Eraser, TableDescriptor


# - bad values are offered too
def descriptor(table: str, **changes: Any) -> TableDescriptor:  # noqa: ANN401
    fields: dict[str, Any] = {
        "data_class": DataClass.SELLER_FACTS,
        "retention": "life-purge-30",
        "eraser": Eraser.DELETE_TENANT,
        "tenant_column": "tenant_id",
    }
    return TableDescriptor(table=table, **fields | changes)


def filled(*descriptors: TableDescriptor) -> TableRegistry:
    register = TableRegistry()
    register.register(*descriptors)
    return register


def tables(register: TableRegistry) -> list[str]:
    return [descriptor.table for descriptor in register.erasure_order()]


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        ({"table": "Orders"}, "plain name"),
        ({"table": "public.orders"}, "plain name"),
        ({"table": "orders;drop"}, "plain name"),
        ({"table": ""}, "plain name"),
        ({"tenant_column": "tenant id"}, "plain name"),
        ({"parents": ("a-b",)}, "plain name"),
        ({"retention": " "}, "how long"),
        ({"parents": ("orders",)}, "own parent"),
        ({"tenant_column": None}, "whose they are"),
        (
            {"age_column": "local_day", "columns": (Column("tenant_id"), Column("local_day"))},
            "store's calendar",
        ),
        ({"tenant_column": None, "data_class": DataClass.OPERATIONAL}, "tenant column"),
        (
            {"tenant_column": None, "data_class": DataClass.CREDENTIALS, "eraser": Eraser.KEY},
            "tenant column",
        ),
        ({"eraser": Eraser.DELETE_CONNECTION}, "connection column"),
        ({"data_class": DataClass.SELLER_INPUT, "eraser": Eraser.REBUILD}, "with the shop"),
        ({"data_class": DataClass.SELLER_INPUT, "tenant_column": None}, "with the shop"),
        ({"eraser": Eraser.CASCADE}, "parent"),
        ({"eraser": Eraser.KEEP, "note": "why"}, "cannot be kept"),
        (
            {"eraser": Eraser.KEEP, "data_class": DataClass.SELLER_PERSONAL, "note": "why"},
            "cannot be kept",
        ),
        ({"eraser": Eraser.KEEP, "data_class": DataClass.EVIDENCE}, "note"),
        ({"data_class": DataClass.NONE, "eraser": Eraser.EXPIRY, "expired_by": "a.job"}, "someone"),
        ({"eraser": Eraser.EXPIRY}, "by a job"),
        ({"expired_by": "a.job"}, "by a job"),
    ],
)
def test_inconsistent_descriptor_is_refused(changes: dict[str, Any], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        descriptor(**{"table": "orders"} | changes)


def test_descriptor_is_immutable() -> None:
    with pytest.raises(AttributeError):
        descriptor("orders").table = "other"  # type: ignore[misc]


def test_a_table_is_registered_once() -> None:
    register = filled(descriptor("orders"))
    register.register(descriptor("orders"))
    with pytest.raises(DataMapError, match="orders is registered twice"):
        register.register(descriptor("lines"), descriptor("orders", note="other"))
    assert [kept.table for kept in register.descriptors()] == ["orders"]


def test_descriptors_are_found_by_table_and_by_partition() -> None:
    register = filled(descriptor("lines", partitions="lines_p"), descriptor("orders"))
    assert register.descriptor("lines_p2026_11").table == "lines"
    assert register.descriptor("orders").table == "orders"
    for unknown in ("order", "orders_2026", "line", "lines_x"):
        with pytest.raises(KeyError, match="no data map"):
            register.descriptor(unknown)


def test_partitions_may_not_hide_another_table() -> None:
    register = filled(descriptor("lines", partitions="lines_"))
    with pytest.raises(DataMapError, match="lines_archive"):
        register.register(descriptor("lines_archive"))
    with pytest.raises(DataMapError, match="would also cover"):
        register.register(descriptor("other", partitions="lines_o"))
    with pytest.raises(DataMapError, match="would also cover"):
        filled(descriptor("lines_old"), descriptor("lines", partitions="lines_"))


def test_erasure_order_puts_children_before_parents() -> None:
    register = filled(
        descriptor("tenant"),
        descriptor("connection", parents=("tenant",)),
        descriptor("token", parents=("connection", "tenant")),
        descriptor("facts", parents=("tenant",)),
    )
    assert tables(register) == ["facts", "token", "connection", "tenant"]


def test_erasure_order_uses_erase_order_then_table_name() -> None:
    register = filled(
        descriptor("c", erase_order=-1),
        descriptor("b"),
        descriptor("a"),
        descriptor("z", erase_order=-2, parents=("a",)),
    )
    assert tables(register) == ["z", "c", "a", "b"]


@given(
    st.permutations(range(8)), st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)
)
def test_erasure_order_puts_children_first_for_any_tree(
    names: list[int], pairs: set[tuple[int, int]]
) -> None:
    """Parents drawn only from lower numbers can't form a cycle; registration happens in any order."""
    parents: dict[int, set[int]] = {number: set() for number in range(8)}
    for one, other in pairs:
        if one != other:
            parents[max(one, other)].add(min(one, other))
    register = filled(
        *(descriptor(f"t{n}", parents=tuple(f"t{p}" for p in sorted(parents[n]))) for n in names)
    )
    order = tables(register)
    assert sorted(order) == [f"t{n}" for n in range(8)]
    for child, of_child in parents.items():
        for parent in of_child:
            assert order.index(f"t{child}") < order.index(f"t{parent}")


def test_cyclic_and_unknown_parents_are_named_in_the_error() -> None:
    with pytest.raises(DataMapError, match="cycle of parents: a, b"):
        filled(
            descriptor("a", parents=("b",)), descriptor("b", parents=("a",)), descriptor("c")
        ).erasure_order()
    with pytest.raises(DataMapError, match="a names the parent nowhere"):
        filled(descriptor("a", parents=("nowhere",))).erasure_order()


def test_tables_missing_in_database_or_registry_are_reported() -> None:
    register = filled(
        descriptor("lines", partitions="lines_p"), descriptor("orders"), descriptor("gone")
    )
    found = register.differences(
        ["orders", "lines", "lines_p1", "lines_p2", "stray", "another", "orders"]
    )
    assert found == Differences(unregistered=("another", "stray"), missing=("gone",))
    assert found
    assert not register.differences(iter(["orders", "lines", "gone"]))
    # A partition alone does not make up for the table that it belongs to.
    assert register.differences(["orders", "gone", "lines_p1"]).missing == ("lines",)


def test_load_imports_the_slices_and_checks_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = TableRegistry()
    for name in ("register", "descriptors", "descriptor", "erasure_order", "differences"):
        monkeypatch.setattr(table_registry, name, getattr(fresh, name))
    head = (
        "from theseller.datamap.table_registry import describe_table\nfrom theseller.datamap.types import"
        " DataClass, Eraser\n"
    )
    call = (
        'describe_table("{}", DataClass.OPERATIONAL, retention="x", eraser=Eraser.EXPIRY,'
        ' expired_by="a.job", parents={})\n'
    )
    (tmp_path / "sample_slice_one.py").write_text(head + call.format("one", "('two',)"))
    (tmp_path / "sample_slice_two.py").write_text(head + call.format("two", "()"))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataMapError, match="names the parent two"):
        table_registry.load(["sample_slice_one"])
    assert [
        kept.table for kept in table_registry.load(["sample_slice_one", "sample_slice_two"])
    ] == [
        "one",
        "two",
    ]
    assert [kept.table for kept in table_registry.erasure_order()] == ["one", "two"]
    with pytest.raises(ImportError):
        table_registry.load(["sample_slice_three"])
    for name in ("sample_slice_one", "sample_slice_two"):
        del sys.modules[name]


def test_sealed_columns_are_plain_names_with_their_purpose() -> None:
    kept = TableDescriptor(
        "tokens", DataClass.CREDENTIALS, retention="life-token-now", eraser=Eraser.KEY,
        tenant_column="tenant_id", sealed_columns=(("sealed", "refresh_token"),),
    )  # fmt: skip
    assert kept.sealed_columns == (("sealed", "refresh_token"),)
    for wrong in (("Sealed", "refresh_token"), ("sealed", "refresh token")):
        with pytest.raises(ValueError, match="no plain name"):
            TableDescriptor(
                "tokens",
                DataClass.NONE,
                retention="x",
                eraser=Eraser.EXPIRY,
                expired_by="a.job",
                sealed_columns=(wrong,),
            )
