"""Search the disk for data that an erasure should have removed.

The database's files, its WAL and the program's logs are searched for the 16 bytes of the subject's
id, which every row of a connection, tenant or user holds. Evidence (the record of the erasure, the
audit log) holds it too and is meant to; its files are left out.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connections as databases
from django.db.backends.utils import CursorWrapper

from theseller.erasure.types import ResidualScan
from theseller.erasure.work_pacing import UNTHROTTLED, Throttle
from theseller.lib import sql_execution
from theseller.postgres.server_folders import Layout, saved_layout

_CHUNK, _OVERLAP = 4 * 1024 * 1024, 64
_FILE = re.compile(r"(t\d+_)?(\d+)(_\w+)?(\.\d+)?")
_SEGMENT = re.compile(r"[0-9A-F]{24}(\.partial)?")
_NODES = """
with wanted as (select unnest(%s::text[])::regclass::oid as oid),
     whole as (
         select oid from wanted union
         select c.reltoastrelid from pg_class c join wanted w on w.oid = c.oid
         where c.reltoastrelid <> 0)
select pg_relation_filenode(oid) from whole
union select pg_relation_filenode(i.indexrelid) from pg_index i join whole w on w.oid = i.indrelid
"""
_KNOWN = "select pg_relation_filenode(oid) from pg_class where relkind in ('r', 'i', 't', 'm', 'S')"
_NOT_VISIBLE, _NOT_IN_PLACE = (
    "the database runs elsewhere: its files were not searched",
    (
        "erased again in a restored database, before that was put in place: its files were not"
        " searched"
    ),
)


def database_files() -> Layout | None:
    """Return where the files of our database are, or None.

    None if it runs elsewhere, or the files can't be read.
    """
    if settings.ENVIRONMENT.database_url:
        return None
    layout = saved_layout(settings.ENVIRONMENT.state)
    if layout is None or not (layout.data / "base").is_dir():
        return None
    return layout


def older_wal(layout: Layout, begin: str) -> int:
    """Return how many files of WAL precede `begin`, archived ones too."""
    return sum(name[8:24] < begin[8:24] for name in _wal(layout))


def search(
    ids: Iterable[UUID],
    relations: Iterable[str],
    begin: str,
    *,
    using: str,
    throttle: Throttle = UNTHROTTLED,
) -> ResidualScan:
    """Search files of the database and logs for these ids.

    The files are those of `relations` and of no relation; of WAL only the names are read.
    """
    layout = database_files()
    needles = tuple(
        needle for one in ids for needle in (one.bytes, str(one).encode(), one.hex.encode())
    )
    logs = _Looked.through(_log_files(), needles, throttle)
    if layout is None:
        return ResidualScan(
            _NOT_IN_PLACE if settings.ENVIRONMENT.in_quarantine else _NOT_VISIBLE,
            log_files=logs.files,
            log_bytes=logs.size,
            log_hits=len(logs.places),
        )
    tables = _Looked.through(_relation_files(layout, tuple(relations), using), needles, throttle)
    return ResidualScan(
        "", tables.files, tables.size, len(tables.places), len(list(_wal(layout))),
        older_wal(layout, begin), logs.files, logs.size, len(logs.places), tuple(tables.places),
    )  # fmt: skip


@dataclass(slots=True)
class _Looked:
    files: int
    size: int
    places: list[str]

    @classmethod
    def through(
        cls, paths: Iterable[Path], needles: tuple[bytes, ...], throttle: Throttle
    ) -> _Looked:
        looked = cls(0, 0, [])
        for path in paths:
            try:
                with throttle.work():
                    size, found = _hit(path, needles)
            except FileNotFoundError:
                continue  # Dropped or rotated away while we looked.
            looked.files, looked.size = looked.files + 1, looked.size + size
            if found:
                looked.places.append(path.name)
        return looked


def _hit(path: Path, needles: tuple[bytes, ...]) -> tuple[int, bool]:
    size, tail, found = 0, b"", False
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            size += len(piece)
            content = tail + piece
            found = found or any(needle in content for needle in needles)
            tail = piece[-_OVERLAP:]
    return size, found


def _relation_files(layout: Layout, relations: tuple[str, ...], using: str) -> Iterator[Path]:
    """Yield the files of the relations and those that no relation has.

    Indexes and TOAST tables included.
    """
    stray = {path.name for path in _stray_files(layout, using)}
    with databases[using].cursor() as cursor:
        folder = _folder(layout, cursor)
        cursor.execute(_NODES, [list(relations)])
        wanted = {row[0] for row in cursor.fetchall()}
    for path in sorted(folder.iterdir()):
        named = _FILE.fullmatch(path.name)
        if named and (int(named[2]) in wanted or path.name in stray):
            yield path


def stray_names(*, using: str) -> frozenset[str]:
    """Return the names of files of our database that no relation has.

    A crash in the middle of a copy leaves such.
    """
    layout = database_files()
    return frozenset(path.name for path in _stray_files(layout, using)) if layout else frozenset()


def remove_stray_files(*, using: str) -> int:
    """Remove files that no relation has; return how many.

    Only those from before the server's start.

    PostgreSQL never removes them. The process that made one ended with an earlier run of the
    server, so that none can still be about to give it to a relation; and while it exists, its
    number is given to no other.
    """
    layout = database_files()
    if layout is None:
        return 0
    started, removed = (
        float(
            sql_execution.value(
                databases[using], "select extract(epoch from pg_postmaster_start_time())::float8"
            )
        ),
        0,
    )
    for path in _stray_files(layout, using):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            about = path.stat()
            if max(about.st_mtime, about.st_ctime) < started:
                path.unlink()
                removed += 1
    return removed


def _stray_files(layout: Layout, using: str) -> list[Path]:
    with databases[using].cursor() as cursor:
        # The files first: what is made in between is no longer among them, and so can't be taken
        # for one of no relation.
        present = sorted(_folder(layout, cursor).iterdir())
        cursor.execute(_KNOWN)
        known = {row[0] for row in cursor.fetchall()}
    return [
        path
        for path in present
        if (named := _FILE.fullmatch(path.name)) and int(named[2]) not in known
    ]


def _folder(layout: Layout, cursor: CursorWrapper) -> Path:
    cursor.execute("select oid from pg_database where datname = current_database()")
    return layout.data / "base" / str(cursor.fetchone()[0])


def _wal(layout: Layout) -> Iterator[str]:
    for folder in (layout.data / "pg_wal", layout.archive):
        yield from (
            (path.name for path in folder.iterdir() if _SEGMENT.fullmatch(path.name))
            if folder.is_dir()
            else ()
        )


def _log_files() -> Iterator[Path]:
    folder = settings.ENVIRONMENT.state / "log"
    yield from (
        sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        if folder.is_dir()
        else ()
    )
