"""Grants of the table descriptors: complete statements, and nothing that only looks like one."""

from __future__ import annotations

import pytest

from theseller.datamap import grant_statements
from theseller.datamap.table_registry import TableRegistry
from theseller.datamap.types import CrossTenantFunction, DataClass, Eraser, TableDescriptor


def declared(monkeypatch: pytest.MonkeyPatch, **fields: object) -> str:
    """Return the statements of a registry that holds one table."""
    registry = TableRegistry()
    one = {"retention": "x", "eraser": Eraser.DELETE_TENANT, "tenant_column": "tenant_id"} | fields
    table = TableDescriptor("shop_note", DataClass.SELLER_FACTS, **one)  # type: ignore[arg-type]
    registry.register(table)
    monkeypatch.setattr(grant_statements, "descriptors", registry.descriptors)
    return grant_statements.grant_statements()


def test_a_descriptor_gives_its_functions_an_owner_and_roles_their_rights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    statements = declared(
        monkeypatch,
        functions=(
            CrossTenantFunction("due_notes(timestamptz, int)", ("worker", "probe")),
            CrossTenantFunction("check_note()", owner="requests"),
        ),
        grants=(("web", "select, insert, update (text, seen_at)"), ("probe", "select (tenant_id)")),
    )
    assert statements.splitlines() == [
        "alter function guard.due_notes(timestamptz, int) owner to theseller_directory;",
        (
            "grant execute on function guard.due_notes(timestamptz, int) to theseller_worker,"
            " theseller_probe;"
        ),
        "alter function guard.check_note() owner to theseller_requests;",
        "grant select, insert, update (text, seen_at) on public.shop_note to theseller_web;",
        "grant select (tenant_id) on public.shop_note to theseller_probe;",
    ]
    assert grant_statements.cross_tenant_functions() == {"due_notes", "check_note"}


@pytest.mark.parametrize(
    "fields",
    [
        {"grants": (("web", "all"),)},
        {"grants": (("web", "select on tenancy_tenant to public; grant select"),)},
        {"grants": (("web, public", "select"),)},
        {"functions": (CrossTenantFunction("due_notes"),)},
        {"functions": (CrossTenantFunction("due_notes()", ("worker; drop table shop_note",)),)},
        {"functions": (CrossTenantFunction("due_notes()", owner="super user"),)},
    ],
)
def test_invalid_grant_in_a_descriptor_is_refused(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="can't grant"):
        declared(monkeypatch, **fields)
