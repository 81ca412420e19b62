"""What stands in the columns that must hold sealed messages, and in the pages that the database keeps on its disk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.controls.search import search_files
from theseller.controls.throwaway import opens
from theseller.controls.world import World
from theseller.crypto.errors import CannotOpenError, KeyNotFoundError
from theseller.crypto.keys import Purpose
from theseller.crypto.place import Place
from theseller.crypto.sealed import key_id_of
from theseller.datamap.registry import holdings
from theseller.datamap.types import Holding
from theseller.lib.ids import new_id
from theseller.tenancy.scope import tenant_scope

#: What begins every token and client secret of Amazon's, before the part that is worth something.
MARKS = re.compile(rb"Atz[ar]\||amzn1\.oa2-cs\.v1\.")
#: Shops looked at in one run, others each hour, and values whose key is asked for; each costs a call of the key store.
MOST_SHOPS, MOST_KEYS = 500, 50
#: What is read of the pages in one run. A database that is larger is read from another file on each time.
MOST_PAGE_BYTES = 256 << 20
_FILES = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Looked:
    """`values` were looked at in `columns`; `unseen` are columns that no connection of ours may read; `broken` are sentences."""

    columns: int
    values: int
    unseen: tuple[str, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pages:
    """`readable` is False where the files are on another machine, or another user's."""

    readable: bool
    files: int
    size: int
    hits: int


def look_into_columns(world: World) -> Looked:
    """Look at the values of every sealed column of the data map: form, marks of plain text, key, and that they open nowhere else."""
    columns = values = 0
    unseen: list[str] = []
    broken: list[str] = []
    for holding in holdings():
        for column, purpose in holding.sealed_columns:
            if not _readable(world, holding.table, column):
                unseen.append(holding.table)
                continue
            columns += 1
            found = list(_values(world, holding, column))
            values += len(found)
            broken += _wrong(world, holding.table, column, Purpose(purpose), found)
    return Looked(columns, values, tuple(unseen), tuple(broken))


def finds_plain_text(world: World) -> bool:
    """Return whether a value that is no sealed message would be found: the positive control of `look_into_columns`."""
    return any(_wrong(world, "planted", "planted", Purpose.REFRESH_TOKEN, [b"plain text"]))


def _values(world: World, holding: Holding, column: str) -> Iterator[bytes]:
    using = _reader(world, holding.table)
    select = f"select {column} from {holding.table}"  # noqa: S608  the data map's own names
    if holding.tenant_column is None:
        with databases[using].cursor() as cursor:
            cursor.execute(f"{select} order by random() limit %s", [10 * MOST_SHOPS])
            yield from _bytes(cursor.fetchall())
        return
    shops = world.rows(f"select distinct {holding.tenant_column} from {holding.table}")  # noqa: S608  the data map's own names
    for (tenant,) in sorted(shops, key=lambda row: _turn(world, row[0]))[:MOST_SHOPS]:
        with tenant_scope(tenant, using=using), databases[using].cursor() as cursor:
            cursor.execute(f"{select} where {holding.tenant_column} = %s", [tenant])
            yield from _bytes(cursor.fetchall())


def _bytes(rows: list[tuple[Any, ...]]) -> Iterator[bytes]:
    return (bytes(row[0]) for row in rows if row[0] is not None)


def _turn(world: World, tenant: UUID) -> bytes:
    """Order shops anew each hour, so that over time each of many has its turn."""
    return hashlib.sha256(f"{tenant} {world.at:%Y-%m-%d %H}".encode()).digest()


def _wrong(world: World, table: str, column: str, purpose: Purpose, values: list[bytes]) -> Iterator[str]:
    elsewhere = Place(new_id(), table, column, "nowhere", purpose, settings.ENVIRONMENT.kind.value)
    for number, value in enumerate(values):
        try:
            key = key_id_of(value)
        except CannotOpenError:
            yield f"A value of the sealed column {table}.{column} is not a sealed message."
            continue
        if MARKS.search(value):
            yield f"A value of the sealed column {table}.{column} holds a token's plain text."
        elif number < MOST_KEYS:
            yield from _wrong_key(world, f"{table}.{column}", key, purpose)
            if opens(world.keys, elsewhere, value):
                yield f"A value of the sealed column {table}.{column} opened at another place than its own."


def _wrong_key(world: World, where: str, key: UUID, purpose: Purpose) -> Iterator[str]:
    try:
        record = world.keys.record(key)
    except KeyNotFoundError:
        yield f"A value of the sealed column {where} names a key that the key store never held."
        return
    if record.purpose not in {purpose, None}:
        yield f"A value of the sealed column {where} is sealed under a key of another purpose."


def _reader(world: World, table: str) -> str:
    """Return the application's connection that may read a table: what is held of buyers only the vault's own can."""
    return "pii" if table.startswith("pii.") else world.application


def _readable(world: World, table: str, column: str) -> bool:
    with databases[_reader(world, table)].cursor() as cursor:
        cursor.execute("select has_column_privilege(%s, %s, 'select')", [table, column])
        return bool(cursor.fetchone()[0])


def look_into_pages(world: World) -> Pages:
    """Search the files of this database's tables for tokens, whatever column or dead row they stand in.

    Compressed values hide from this, and so does what has not been written to the disk yet.
    """
    data = world.database_directory
    if data is None:
        return Pages(readable=False, files=0, size=0, hits=0)
    folder = data / "base" / str(world.number("select oid from pg_database where datname = current_database()"))
    try:
        files = sorted(path for path in folder.iterdir() if _FILES.fullmatch(path.name))
    except OSError:
        return Pages(readable=False, files=0, size=0, hits=0)
    found = search_files(_portion(world, files), data, MARKS)
    return Pages(readable=found.things > 0 or not found.skipped, files=found.things, size=found.size, hits=len(found.hits))


def _portion(world: World, files: list[Path]) -> Iterator[Path]:
    """Yield files until the portion is full, beginning at another one each time."""
    start = int(world.at.timestamp() // 600) % len(files) if files else 0
    left = MOST_PAGE_BYTES
    for path in files[start:] + files[:start]:
        if left <= 0:
            return
        try:
            left -= path.stat().st_size
        except OSError:
            continue  # Dropped meanwhile.
        yield path
