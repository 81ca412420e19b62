"""Export what a new host needs of the state folder, in a sealed file.

The files are those that the data map marks as exported (`StateEntry.exported`): secrets, keys and
their tombstones, the erasure journal, the audit log's checkpoints, an operator's statements. They
are read under the locks of their writers, so a rotation or an erasure is in the export whole or not
at all. Keys that end with a day (buyers' data, links in mails) are exported as tombstones: an
export opens nothing of what they seal.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from theseller.backups import state_export_manifest
from theseller.backups.state_export_format import (
    Header,
    StateExportError,
    new_header,
    read_header,
    sealed,
)
from theseller.backups.state_export_manifest import IN_FILES, Manifest, ManifestFile
from theseller.crypto.errors import KeyStoreError, UnsafePermissionsError
from theseller.crypto.key_file_format import KeyRecord, decode, encode
from theseller.crypto.private_files import locked, read_private, sync_directory, write_private
from theseller.datamap.non_table_objects import is_exported_owner
from theseller.datamap.state_folder_and_guard_tables import STATE_ENTRIES, is_exported
from theseller.lib.state_file_names import AUDIT_CHECKPOINTS, LAST_EXPORT, unfinished_name
from theseller.retention.retention_limits import BACKUP_DAYS

CHECKPOINTS = f"audit/{AUDIT_CHECKPOINTS}"
LIVE, DESTROYED = "keys/data/", "keys/destroyed/"
_PIECE = 1024 * 1024
_NAME = "theseller-state-{environment}-{at:%Y%m%dT%H%M%SZ}.sealed"
_NAMES = re.compile(r"theseller-state-[a-z0-9-]+-(\d{8}T\d{6})Z\.sealed")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Origin:
    """The deployment whose state is exported.

    Attributes:
        secrets_in: the secret provider, `files` for those of the state folder.
        keys_in: the key store, likewise.
        secret_names: all secrets that the deployment has, wherever they are.
        records: the keys of a key service; empty if they are files.
    """

    state: Path
    environment: str
    secrets_in: str
    keys_in: str
    secret_names: tuple[str, ...]
    records: tuple[KeyRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished export, and older ones that were removed beside it."""

    path: Path
    bytes: int
    sha256: str
    manifest: Manifest
    removed: tuple[Path, ...]


def _nothing() -> None:
    """Do nothing."""


def export_state(
    origin: Origin,
    target: Path,
    recipient: str,
    *,
    at: datetime,
    before_publishing: Callable[[], None] = _nothing,
) -> Exported:
    """Write an export to a new file, and note that it was made.

    Args:
        origin: what to export.
        target: the new file; or a folder, in which it is named by its time. Exports of this
            deployment in that folder are removed when they are 28 days old.
        recipient: the public recovery key.
        at: the time of the export, with a time zone.
        before_publishing: called when the file is complete, before it gets its name.

    Raises:
        StateExportError: the target exists, or is in the state folder.
        UnsafePermissionsError: a file of the state folder belongs to another account.
        OSError: a file can't be read or written. There is no new file then.
    """
    path = target
    if target.is_dir():
        path = target / _NAME.format(environment=origin.environment, at=at.astimezone(UTC))
    _refuse_target(path, origin.state)
    with ExitStack() as stack:
        contents = _contents(origin, stack, at=at)
        header, key = new_header(
            environment=origin.environment,
            deployment=deployment_id(contents, origin.records),
            recipient=recipient,
            at=at,
        )
        manifest = _manifest(origin, header, contents)
        digest = hashlib.sha256()
        pieces = _hashed(sealed(header, key, _tar(manifest, contents)), digest)
        size = _write_new(path, pieces, before_publishing)
    removed = _remove_old(target, manifest.deployment, at=at) if target.is_dir() else ()
    note_export(origin.state, at=at)
    return Exported(path, size, digest.hexdigest(), manifest, removed)


def deployment_id(contents: Mapping[str, object], records: tuple[KeyRecord, ...]) -> UUID | None:
    """Return the ID of the deployment's oldest key.

    It stays as a tombstone for ever. None if no key was made yet.

    Args:
        contents: the files of an export, by path.
        records: the keys of a key service.
    """
    ids = [UUID(Path(path).stem) for path in contents if path.startswith((LIVE, DESTROYED))]
    return min([*ids, *(one.id for one in records)], default=None)


def note_export(state: Path, *, at: datetime) -> None:
    """Store when the state was exported last."""
    write_private(state / LAST_EXPORT, json.dumps({"at": at.isoformat()}).encode() + b"\n")


def last_export(state: Path) -> datetime | None:
    """Return when the state was exported last; None if not known."""
    with contextlib.suppress(OSError, UnsafePermissionsError, ValueError, KeyError, TypeError):
        return datetime.fromisoformat(json.loads(read_private(state / LAST_EXPORT))["at"])
    return None


def _refuse_target(path: Path, state: Path) -> None:
    folder = path.parent.resolve()
    if not folder.is_dir():
        raise StateExportError(f"the folder {path.parent} does not exist")
    if folder.is_relative_to(state.resolve()):
        raise StateExportError(
            f"{path} is inside of the state folder, and would be lost with it: name another disk,"
            " or better another machine's"
        )
    if os.path.lexists(path):
        raise StateExportError(f"{path} exists: an export is written to a new file only")


def _contents(origin: Origin, stack: ExitStack, *, at: datetime) -> dict[str, bytes | BinaryIO]:
    """Return every file of the export by its path.

    The checkpoints, which may be large and are only added to, are an open file of the size that
    they have now.
    """
    found: dict[str, bytes | BinaryIO] = {}
    with ExitStack() as locks:
        for name in ("keys", "audit"):
            if (origin.state / name).is_dir():
                locks.enter_context(locked(origin.state / name))
        for path in _paths(origin):
            if path == CHECKPOINTS:
                found[path] = stack.enter_context(_open_checkpoints(origin.state, locks))
            else:
                found[path] = read_private(origin.state / path)
    return dict(sorted(_without_day_keys(found, at=at).items()))


def _paths(origin: Origin) -> Iterator[str]:
    """Yield the path of each file to export, below the state folder."""
    for entry in STATE_ENTRIES:
        kept_elsewhere = {"secrets": origin.secrets_in, "keys": origin.keys_in}.get(entry.name)
        if not entry.exported or kept_elsewhere not in {None, IN_FILES}:
            continue
        for path in sorted((origin.state / entry.name).rglob("*")):
            name = path.relative_to(origin.state).as_posix()
            if is_exported(name) and not path.is_dir():
                yield name


def _open_checkpoints(state: Path, locks: ExitStack) -> BinaryIO:
    """Open the checkpoints; no line is being added until `locks` is closed."""
    folder = os.open(state / "audit", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    locks.callback(os.close, folder)
    fcntl.flock(folder, fcntl.LOCK_EX)
    read_private(state / CHECKPOINTS, 0)  # Refuses a link, and a file of another account.
    with (state / CHECKPOINTS).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        return _Beginning(os.dup(file.fileno()), size)


class _Beginning(io.FileIO):
    """The first `size` bytes of a file that others lengthen meanwhile."""

    def __init__(self, descriptor: int, size: int) -> None:
        super().__init__(descriptor, "rb")
        self.size = size


def _without_day_keys(
    found: dict[str, bytes | BinaryIO], *, at: datetime
) -> dict[str, bytes | BinaryIO]:
    """Replace keys that an export must not have by tombstones."""
    kept: dict[str, bytes | BinaryIO] = {}
    for path, content in found.items():
        tombstone = path.replace(LIVE, DESTROYED, 1)
        if not path.startswith(LIVE) or not isinstance(content, bytes):
            kept[path] = content
        elif tombstone in found:
            continue  # It is being destroyed.
        elif (record := _record(path, content)) is None or is_exported_owner(record.owner):
            kept[path] = content
        else:
            kept[tombstone] = encode(
                KeyRecord(record.id, record.purpose, record.owner, at), wrapped=b""
            )
    return kept


def _record(path: str, content: bytes) -> KeyRecord | None:
    """Return what a key file says; None if it is damaged."""
    with contextlib.suppress(KeyStoreError):
        return decode(UUID(Path(path).stem), content).record
    return None


def _manifest(origin: Origin, header: Header, contents: Mapping[str, bytes | BinaryIO]) -> Manifest:
    live, destroyed = (
        sum(path.startswith(prefix) for path in contents) for prefix in (LIVE, DESTROYED)
    )
    return Manifest(
        environment=header.environment,
        deployment=header.deployment,
        at=header.at,
        version=header.version,
        secrets_in=origin.secrets_in,
        keys_in=origin.keys_in,
        secret_names=origin.secret_names,
        live_keys=live + sum(not one.destroyed for one in origin.records),
        destroyed_keys=destroyed + sum(one.destroyed for one in origin.records),
        files=tuple(_described(path, content) for path, content in contents.items()),
    )


def _described(path: str, content: bytes | BinaryIO) -> ManifestFile:
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(content):
        digest.update(piece)
        size += len(piece)
    return ManifestFile(path, size, digest.hexdigest())


def _pieces(content: bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    content.seek(0)
    rest = content.size if isinstance(content, _Beginning) else 0
    while rest > 0 and (piece := content.read(min(rest, _PIECE))):
        rest -= len(piece)
        yield piece


def _tar(manifest: Manifest, contents: Mapping[str, bytes | BinaryIO]) -> Iterator[bytes]:
    encoded = manifest.encoded()
    yield from _member(state_export_manifest.NAME, len(encoded), encoded)
    for one in manifest.files:
        yield from _member(one.path, one.bytes, contents[one.path])
    yield bytes(2 * tarfile.BLOCKSIZE)


def _member(name: str, size: int, content: bytes | BinaryIO) -> Iterator[bytes]:
    described = tarfile.TarInfo(name)
    described.size, described.mode = size, 0o600
    yield described.tobuf(tarfile.PAX_FORMAT)
    yield from _pieces(content)
    yield bytes(-size % tarfile.BLOCKSIZE)


def _hashed(pieces: Iterator[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece


def _write_new(path: Path, pieces: Iterator[bytes], before_publishing: Callable[[], None]) -> int:
    """Write a new file, completely or not at all; return its size."""
    unfinished = path.with_name(unfinished_name())
    size = 0
    try:
        with os.fdopen(os.open(unfinished, _NEW, 0o600), "wb") as file:
            for piece in pieces:
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        before_publishing()
        _publish(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_directory(path.parent)
    return size


def _publish(unfinished: Path, path: Path) -> None:
    """Give a finished file its name, which no file may have."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        raise StateExportError(f"{path} exists: an export is written to a new file only") from None
    except OSError:  # A disk without links, such as a memory stick.
        os.close(os.open(path, _NEW, 0o600))
        unfinished.replace(path)


def _remove_old(folder: Path, deployment: UUID | None, *, at: datetime) -> tuple[Path, ...]:
    """Remove exports of this deployment as old as a backup may be."""
    removed = []
    for path in sorted(folder.iterdir()):
        found = _NAMES.fullmatch(path.name)
        if found is None:
            continue
        with contextlib.suppress(StateExportError, OSError):
            header = read_header(path)
            if header.deployment == deployment and at - header.at >= timedelta(days=BACKUP_DAYS):
                path.unlink()
                removed.append(path)
    return tuple(removed)
