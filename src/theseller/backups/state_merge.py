"""Merge an unpacked export with a state folder of the same deployment.

What was destroyed or erased stays so, whichever side knows it: a key with a tombstone on either
side is not restored, and neither is a key of a connection that an entry of the erasure journal
names. Secrets and keys that the folder has besides are never replaced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from theseller.backups.state_export import CHECKPOINTS, DESTROYED, LIVE
from theseller.backups.state_export_format import StateExportError
from theseller.backups.state_export_manifest import Manifest
from theseller.crypto.errors import KeyStoreError
from theseller.crypto.key_file_format import KeyRecord, decode, encode
from theseller.crypto.private_files import erase, read_private, write_private
from theseller.datamap.state_folder_and_guard_tables import (
    STATE_ENTRIES,
    is_exported,
    unregistered_entries,
)
from theseller.lib.ids import creation_time
from theseller.lib.state_file_names import AUDIT_ACTS

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: A connection's keys, and its entry of the erasure journal, by the owner's name in the key store
#: (`erasure/residual_key_destruction.py`, `erasure/journal.py`).
_OF_CONNECTION = re.compile(rf"connection(?:-[a-z_]+)?:({_UUID})")
_ENDED = re.compile(rf"erasure-journal:connection:({_UUID}):.*")
_ERASURES = "erasures/"


@dataclass(frozen=True, slots=True)
class Since:
    """Counts of destroyed keys and journal entries the export lacked."""

    destroyed: int
    journal: int


def refuse_unsuitable(state: Path, content: Path, manifest: Manifest) -> None:
    """Check that the export may be merged into the folder.

    Args:
        state: the state folder.
        content: the unpacked export.
        manifest: what it contains.

    Raises:
        StateExportError: the folder is another deployment's, or no state folder; or it has secrets
            or keys that the export does not have.
    """
    if foreign := unregistered_entries(frozenset(path.name for path in state.iterdir())):
        raise StateExportError(
            f"{state} has files that are not TheSeller's ({', '.join(foreign[:3])}): name an empty"
            " folder"
        )
    ours = dict(_exported_files(state))
    if _is_foreign(ours, content, manifest):
        raise StateExportError(
            f"{state} belongs to another deployment than the export (of {manifest.deployment})"
        )
    if differing := sorted(_differing(ours, content)):
        raise StateExportError(
            f"{state} has {len(differing)} secrets or keys that the export lacks or has otherwise,"
            f" such as {differing[0]}: it is in use, or newer. Name an empty folder; what was"
            " erased since the export is kept if you copy `erasures/` and `keys/destroyed/` of"
            " this one into it first"
        )


def merge(state: Path, content: Path, *, at: datetime) -> Since:
    """Change the unpacked export to what is to be written into the folder.

    Args:
        state: the state folder.
        content: the unpacked export.
        at: the time of the import, for tombstones that are made here.

    Returns:
        What only the folder knew.
    """
    destroyed = _drop_destroyed(state, content)
    journal = sum(
        path.startswith(_ERASURES) and not (content / path).exists()
        for path, _ in _exported_files(state)
    )
    destroyed += _destroy_keys_of_ended(state, content, at=at)
    for path, there in list(_exported_files(state)):
        unpacked = content / path
        if unpacked.exists() and not _continues(path, there, unpacked):
            erase(unpacked)
    return Since(destroyed, journal)


def _is_foreign(ours: dict[str, Path], content: Path, manifest: Manifest) -> bool:
    """Return whether the folder is another deployment's.

    It is if it has a key from before the export that the export does not know, living or destroyed,
    or another first checkpoint of the audit log.
    """
    known = {
        path.stem for folder in (LIVE, DESTROYED) for path in (content / folder).glob("*.json")
    }
    keys = {Path(path).stem for path in ours if path.startswith((LIVE, DESTROYED))}
    if any(creation_time(UUID(key)) < manifest.at for key in keys - known):
        return True
    checkpoints = [path for path in (ours.get(CHECKPOINTS), content / CHECKPOINTS) if path]
    first = {_first_line(path) for path in checkpoints if path.exists()} - {b""}
    return len(first) > 1


def _first_line(path: Path) -> bytes:
    """Return the first line; empty if there is none that is whole."""
    with path.open("rb") as file:
        line = file.readline()
        return line if line.endswith(b"\n") else b""


def _drop_destroyed(state: Path, content: Path) -> int:
    """Remove keys whose tombstone the folder has; return how many."""
    dropped = 0
    for tombstone in (state / DESTROYED).glob("*.json"):
        if (live := content / LIVE / tombstone.name).exists():
            erase(live)
            dropped += 1
    return dropped


def _destroy_keys_of_ended(state: Path, content: Path, *, at: datetime) -> int:
    """Replace keys of connections in the erasure journal by tombstones."""
    ended = set(_ended_connections(state)) | set(_ended_connections(content))
    destroyed = 0
    for path in (content / LIVE).glob("*.json"):
        record = _record(path)
        found = _OF_CONNECTION.fullmatch(record.owner) if record is not None else None
        if record is not None and found is not None and found[1] in ended:
            tombstone = KeyRecord(record.id, record.purpose, record.owner, at)
            (content / DESTROYED).mkdir(mode=0o700, exist_ok=True)
            write_private(content / DESTROYED / path.name, encode(tombstone, wrapped=b""))
            erase(path)
            destroyed += 1
    return destroyed


def _ended_connections(folder: Path) -> Iterator[str]:
    """Yield the IDs of the connections that the journal of a folder names."""
    for path in (folder / _ERASURES).glob("*.json"):
        yield path.stem
    for path in (folder / DESTROYED).glob("*.json"):
        record = _record(path)
        if record is not None and (found := _ENDED.fullmatch(record.owner)):
            yield found[1]


def _continues(path: str, there: Path, unpacked: Path) -> bool:
    """Return whether the unpacked file is written over the folder's.

    Of the checkpoints, which are only added to, the longer copy is kept, and this folder's if
    neither continues the other. Acts without a database are joined.
    """
    if path == CHECKPOINTS:
        return _is_beginning_of(there, unpacked)
    if path == f"audit/{AUDIT_ACTS}":
        ours, theirs = there.read_bytes().splitlines(), unpacked.read_bytes().splitlines()
        joined = dict.fromkeys([*theirs, *ours])
        write_private(unpacked, b"".join(line + b"\n" for line in joined))
        return True
    return False


def _is_beginning_of(shorter: Path, longer: Path) -> bool:
    with shorter.open("rb") as first, longer.open("rb") as second:
        while piece := first.read(1 << 20):
            if second.read(len(piece)) != piece:
                return False
    return True


def _differing(ours: dict[str, Path], content: Path) -> Iterator[str]:
    """Yield each secret and key of the folder that would be lost or replaced."""
    for path, there in ours.items():
        tombstone = path.replace(LIVE, DESTROYED, 1)
        if not path.startswith(("secrets/", "keys/data/", "keys/purpose/")) or (
            path != tombstone and (tombstone in ours or (content / tombstone).exists())
        ):
            continue
        unpacked = content / path
        if not unpacked.exists() or unpacked.read_bytes() != read_private(there):
            yield path


def _exported_files(state: Path) -> Iterator[tuple[str, Path]]:
    """Yield path and file of everything that an export would have."""
    for path in _files(state):
        name = path.relative_to(state).as_posix()
        if is_exported(name):
            yield name, path


def _files(folder: Path) -> Iterator[Path]:
    for entry in STATE_ENTRIES:
        if entry.exported:
            yield from (path for path in sorted((folder / entry.name).rglob("*")) if path.is_file())


def _record(path: Path) -> KeyRecord | None:
    try:
        return decode(UUID(path.stem), read_private(path)).record
    except KeyStoreError:
        return None
