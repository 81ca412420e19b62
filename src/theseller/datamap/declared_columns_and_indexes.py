"""Columns and indexes of every table: the descriptors' and `guard`'s.

A column has its table's class unless its descriptor says otherwise. An index stores values of its
table's columns and is deleted with them. A partition has its parent's columns and indexes. The
control `pii-strip` compares both with the live database and fails for a column that no descriptor
has.
"""

from __future__ import annotations

from collections.abc import Iterator

from theseller.datamap.table_registry import descriptors, read_columns, read_indexes
from theseller.datamap.types import Column, DataClass

#: Tables of the database's own protection, which hold nothing of anyone: columns, then indexes.
_GUARD = {
    "guard.audit_writer": ("role tag", "_pkey"),
    "guard.deployment": (
        "only_row environment set_at files_of files_since schema_release oldest_release",
        "_pkey",
    ),
    "guard.isolation_probe": ("tenant_id", "_pkey"),
    "guard.ticket_key": ("id inner_block:credentials outer_block:credentials created_at", "_pkey"),
}


def all_columns() -> dict[str, dict[str, DataClass | None]]:
    """Return {schema.table: {column: data class}}, by table name.

    The class is None where the column has its table's class.
    """
    return {table: {one.name: one.data_class for one in columns} for table, columns, _ in _tables()}


def all_indexes() -> dict[str, frozenset[str]]:
    """Return {schema.table: names of its indexes}, by table name."""
    return {table: frozenset(indexes) for table, _, indexes in _tables()}


def _tables() -> Iterator[tuple[str, tuple[Column, ...], tuple[str, ...]]]:
    found = [(one.qualified, one.columns, one.indexes) for one in descriptors()]
    found += [
        (table, read_columns(columns), read_indexes(table, indexes))
        for table, (columns, indexes) in _GUARD.items()
    ]
    yield from sorted(found)
