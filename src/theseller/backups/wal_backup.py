"""Seal finished WAL from the server's archive into a backup.

A file is deleted from the archive, where it lies unencrypted, once the backup has it. Also finds
missing segments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from theseller.backups.sealed_objects import Written, keep, place_of
from theseller.backups.storage_targets import Target
from theseller.crypto.key_types import DataKey
from theseller.lib.state_file_names import WAL_FILE, WAL_SEGMENT

_SEGMENT = re.compile(WAL_SEGMENT)
_FINISHED = re.compile(WAL_FILE)
_PIECE = 1024 * 1024
_SEGMENTS_A_LOG = 256


def finished(archive: Path) -> tuple[str, ...]:
    """Return the names of the complete files in the archive, oldest first."""
    if not archive.is_dir():
        return ()
    return tuple(sorted(path.name for path in archive.iterdir() if _FINISHED.fullmatch(path.name)))


def is_segment(name: str) -> bool:
    """Say whether this is WAL itself, and not a note about it."""
    return _SEGMENT.fullmatch(name) is not None


def first_missing(names: Iterable[str], first: str, last: str | None = None) -> str | None:
    """Return the first missing segment from `first` to `last`, or None.

    Without `last` it looks up to the newest segment of that timeline. A segment's name is three
    numbers of eight hexadecimal digits: timeline, log, and one of the log's 256 segments of 16 MiB.
    """
    present = {name for name in names if is_segment(name) and name[:8] == first[:8]}
    wanted, end = first, last or max(present, default=first)
    while wanted <= end:
        if wanted not in present:
            return wanted
        number = int(wanted[8:16], 16) * _SEGMENTS_A_LOG + int(wanted[16:], 16) + 1
        wanted = f"{wanted[:8]}{number // _SEGMENTS_A_LOG:08X}{number % _SEGMENTS_A_LOG:08X}"
    return None


def keep_segment(
    archive: Path, name: str, backup: UUID, *, target: Target, key: DataKey, environment: str
) -> Written:
    """Seal one file of the archive into a backup. It stays in the archive."""
    return keep(target, key, place_of(backup, f"wal/{name}", environment), _content(archive / name))


def delete_segment(archive: Path, name: str) -> None:
    """Remove one file from the archive."""
    (archive / name).unlink(missing_ok=True)


def _content(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
