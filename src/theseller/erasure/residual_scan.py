"""Search the disk for data that an erasure should have removed.

The database's files and the program's logs are searched for the subject's id, as bytes, as text and
as hexadecimal; files of WAL are only counted, by name. Every row of a connection, tenant or user
contains the id. Evidence (the record of the erasure, the audit log) contains it too and is meant
to; its files are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from theseller.erasure.relation_and_orphaned_files import database_files, relation_files
from theseller.erasure.types import ResidualScan
from theseller.erasure.work_pacing import UNTHROTTLED, Throttle
from theseller.postgres.server_folders import Layout

_CHUNK, _OVERLAP = 4 * 1024 * 1024, 64
_SEGMENT = re.compile(r"[0-9A-F]{24}(\.partial)?")
_NOT_VISIBLE, _NOT_IN_PLACE = (
    "the database runs elsewhere: its files were not searched",
    (
        "erased again in a restored database, before that was put in place: its files were not"
        " searched"
    ),
)


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
    tables = _Looked.through(relation_files(layout, tuple(relations), using), needles, throttle)
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
