"""Export of a shop's own facts as a zip of CSV files.

It is written while it is sent: neither memory nor disk holds it whole. Each page of rows is read in
a transaction of its own, so that a slow download does not delay an erasure; data that is erased
meanwhile is missing from the export.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import DataClass
from theseller.lib.formula_injection import neutralize_formulas
from theseller.tenancy.tenant_scope import tenant_scope

_PAGE = 5_000
_KEY = """
select array_agg(a.attname::text order by k.position) from pg_index i
cross join lateral unnest(i.indkey::int2[]) with ordinality as k (attnum, position)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = %s::regclass and i.indisprimary and a.attname <> 'tenant_id'
"""
_READ_ME = (
    "These are the facts that {deployment} stores about your shop, and the costs that your people"
    " entered, exported on {at:%Y-%m-%d %H:%M} UTC.\n\n"
    "One CSV file (UTF-8, comma, header line) for each kind. Amounts are next to their currency;"
    " days are the store's own; moments are UTC.\n"
    "An apostrophe is put before = + - @ where one could begin a formula in a spreadsheet, at the"
    " beginning of a text or after a separator in it. Numbers are not changed.\n"
)


class _Pipe(io.RawIOBase):
    """Where the zip is written to: keeps what was written until it is taken."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # whatever has a buffer  # noqa: ANN401
        self._written.append(bytes(data))
        return len(self._written[-1])

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def exported_tables() -> tuple[str, ...]:
    """Return the tables of an export: facts, and what people entered."""
    return tuple(
        descriptor.table
        for descriptor in descriptors()
        if descriptor.data_class in {DataClass.SELLER_FACTS, DataClass.SELLER_INPUT}
    )


def note_export(*, tenant: UUID, actor: str, at: datetime) -> None:
    """Record that the shop's facts are downloaded, before the first byte."""
    with tenant_scope(tenant):
        details: dict[str, str | int] = {"what": "all", "tables": len(exported_tables())}
        record(
            Tag.DATA_EXPORTED,
            actor=actor,
            tenant=tenant,
            subject=f"tenant:{tenant}",
            at=at,
            details=details,
        )


def export(tenant: UUID, *, deployment: str, at: datetime) -> Iterator[bytes]:
    """Yield the bytes of the zip."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _READ_ME.format(deployment=deployment, at=at))
        for table in exported_tables():
            with archive.open(f"{table}.csv", "w", force_zip64=True) as member:
                for page in _pages(tenant, table):
                    member.write(page)
                    yield pipe.take()
    yield pipe.take()


def _pages(tenant: UUID, table: str) -> Iterator[bytes]:
    key: list[str] = []
    after: tuple[Any, ...] | None = None
    while True:
        with tenant_scope(tenant), databases["default"].cursor() as cursor:
            if not key:
                cursor.execute(_KEY, [table])
                key = cursor.fetchone()[0]
            columns = ", ".join(key)
            beyond = f" and ({columns}) > ({', '.join(['%s'] * len(key))})" if after else ""
            cursor.execute(
                # the data map's and catalogue's names
                f"select * from {table} where tenant_id = %s{beyond} order by "  # noqa: S608
                f"{columns} limit {_PAGE}",
                [tenant, *(after or ())],
            )
            names = [column.name for column in cursor.description]
            rows = cursor.fetchall()
        yield _text(names, rows, header=after is None)
        if len(rows) < _PAGE:
            return
        after = tuple(rows[-1][names.index(name)] for name in key)


def _text(names: list[str], rows: list[tuple[Any, ...]], *, header: bool) -> bytes:
    shown = [index for index, name in enumerate(names) if name != "tenant_id"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if header:
        writer.writerow([names[index] for index in shown])
    writer.writerows([_cell(row[index]) for index in shown] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:  # whatever a column holds  # noqa: ANN401
    if isinstance(value, str):
        return neutralize_formulas(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, list):
        return neutralize_formulas(" ".join(str(one) for one in value))
    return value.isoformat() if isinstance(value, datetime) else value
