"""Check the columns of sealed messages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.controls.probe_tools.database_page_search import TOKEN_MARKS
from theseller.controls.probe_tools.ephemeral_keys import can_open
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.errors import CannotOpenError, KeyNotFoundError
from theseller.crypto.key_types import Purpose
from theseller.crypto.seal_value import key_id_of
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import TableDescriptor
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.tenancy.tenant_scope import tenant_scope

#: Shops checked in one run, others each hour, and values whose key is fetched; each costs a call of
#: the key store.
MAX_TENANTS, MAX_KEYS = 500, 50


@dataclass(frozen=True, slots=True)
class ColumnInspection:
    """The result of an inspection of sealed columns.

    `values` were checked in `columns`; no connection of ours may read the `unreadable` columns;
    `failures` are messages.
    """

    columns: int
    values: int
    unreadable: tuple[str, ...]
    failures: tuple[str, ...]


def inspect_sealed_columns(context: ProbeContext) -> ColumnInspection:
    """Check the values of every sealed column of the data map.

    Their format, signs of plain text, their key, and that they do not open in another context.
    """
    columns = values = 0
    unreadable: list[str] = []
    failures: list[str] = []
    for descriptor in descriptors():
        for column, purpose in descriptor.sealed_columns:
            if not _readable(context, descriptor.table, column):
                unreadable.append(descriptor.table)
                continue
            columns += 1
            found = list(_values(context, descriptor, column))
            values += len(found)
            failures += _wrong(context, descriptor.table, column, Purpose(purpose), found)
    return ColumnInspection(columns, values, tuple(unreadable), tuple(failures))


def can_find_plain_text(context: ProbeContext) -> bool:
    """Return whether a value that is not sealed would be found.

    The positive control of `inspect_sealed_columns`.
    """
    return any(_wrong(context, "planted", "planted", Purpose.REFRESH_TOKEN, [b"plain text"]))


def _values(context: ProbeContext, descriptor: TableDescriptor, column: str) -> Iterator[bytes]:
    using = _reader(context, descriptor.table)
    select = f"select {column} from {descriptor.table}"  # noqa: S608
    if descriptor.tenant_column is None:
        yield from _bytes(
            sql_execution.rows(
                databases[using], f"{select} order by random() limit %s", [10 * MAX_TENANTS]
            )
        )
        return
    # the data map's own names
    owner, table = descriptor.tenant_column, descriptor.table
    shops = context.rows(f"select distinct {owner} from {table}")  # noqa: S608
    for (tenant,) in sorted(shops, key=lambda row: _turn(context, row[0]))[:MAX_TENANTS]:
        with tenant_scope(tenant, using=using):
            yield from _bytes(
                sql_execution.rows(databases[using], f"{select} where {owner} = %s", [tenant])
            )


def _bytes(rows: list[tuple[Any, ...]]) -> Iterator[bytes]:
    return (bytes(row[0]) for row in rows if row[0] is not None)


def _turn(context: ProbeContext, tenant: UUID) -> bytes:
    """Return a sort key that orders shops differently each hour.

    Over time each of many is checked.
    """
    return hashlib.sha256(f"{tenant} {context.at:%Y-%m-%d %H}".encode()).digest()


def _wrong(
    context: ProbeContext, table: str, column: str, purpose: Purpose, values: list[bytes]
) -> Iterator[str]:
    elsewhere = EncryptionContext(
        new_id(), table, column, "nowhere", purpose, settings.ENVIRONMENT.kind.value
    )
    for number, value in enumerate(values):
        try:
            key = key_id_of(value)
        except CannotOpenError:
            yield f"A value of the sealed column {table}.{column} is not a sealed message."
            continue
        if TOKEN_MARKS.search(value):
            yield f"A value of the sealed column {table}.{column} holds a token's plain text."
        elif number < MAX_KEYS:
            yield from _wrong_key(context, f"{table}.{column}", key, purpose)
            if can_open(context.keys, elsewhere, value):
                yield (
                    f"A value of the sealed column {table}.{column} opened at another place than"
                    " its own."
                )


def _wrong_key(context: ProbeContext, where: str, key: UUID, purpose: Purpose) -> Iterator[str]:
    try:
        record = context.keys.record(key)
    except KeyNotFoundError:
        yield f"A value of the sealed column {where} names a key that the key store never held."
        return
    if record.purpose not in {purpose, None}:
        yield f"A value of the sealed column {where} is sealed under a key of another purpose."


def _reader(context: ProbeContext, table: str) -> str:
    """Return the application's connection that may read a table.

    Buyers' data has its own.
    """
    return "pii" if table.startswith("pii.") else context.application


def _readable(context: ProbeContext, table: str, column: str) -> bool:
    return bool(
        sql_execution.value(
            databases[_reader(context, table)],
            "select has_column_privilege(%s, %s, 'select')",
            [table, column],
        )
    )
