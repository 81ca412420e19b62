"""Finished WAL on its way from the server to a backup: sealed, then removed from where it lay in plain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from theseller.crypto.keys import DataKey
from theseller.retention.backups.sealing import Kept, keep, place_of
from theseller.retention.backups.targets import Target

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_FINISHED = re.compile(r"[0-9A-F]{24}(\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
_PIECE = 1024 * 1024


def finished(archive: Path) -> tuple[str, ...]:
    """Return the names of what the server has put into its archive, whole, oldest first."""
    if not archive.is_dir():
        return ()
    return tuple(sorted(path.name for path in archive.iterdir() if _FINISHED.fullmatch(path.name)))


def is_segment(name: str) -> bool:
    """Say whether this is WAL itself, and not a note about it."""
    return _SEGMENT.fullmatch(name) is not None


def keep_segment(archive: Path, name: str, backup: UUID, *, target: Target, key: DataKey, environment: str) -> Kept:
    """Seal one file of the archive into a backup. It stays in the archive."""
    return keep(target, key, place_of(backup, f"wal/{name}", environment), _content(archive / name))


def forget_segment(archive: Path, name: str) -> None:
    """Remove one file from the archive."""
    (archive / name).unlink(missing_ok=True)


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
