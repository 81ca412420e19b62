"""One object of a backup: compressed, sealed under the backup's key at its own place, hashed as it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

import zstandard

from theseller.backups.targets import Target
from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import CannotOpenError
from theseller.crypto.keys import DataKey, Purpose
from theseller.crypto.keystore import KeyStore
from theseller.crypto.sealed import KeyLookup
from theseller.crypto.stream import open_stream, seal_stream
from theseller.lib.byte_streams import as_file
from theseller.lib.state_files import is_backup_object

#: Three is zstandard's own default: measured, higher ones cost more time than the bytes they save
#: are worth on a page-shaped file.
_LEVEL = 3
_PIECE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: bytes as they lie at the target, and their SHA-256."""

    bytes: int
    sha256: str


def place_of(backup: UUID, name: str, environment: str) -> EncryptionContext:
    """Return the place of one object, so that it opens as no other object, of no other backup and in no other environment."""
    return EncryptionContext(NO_TENANT, "backup", str(backup), name, Purpose.BACKUP, environment)


def object_name(backup: UUID, name: str) -> str:
    """Return what an object is called at the target: ``<id>/base``, ``<id>/manifest``, ``<id>/wal/<segment>``."""
    return f"{backup.hex}/{name}"


def keep(
    target: Target, key: DataKey, place: EncryptionContext, content: Iterable[bytes]
) -> Written:
    """Compress, seal and keep `content`.

    Raises:
        ValueError: the place is of no object that a backup may hold, so nothing would find or
            remove it.
    """
    if not is_backup_object(place.row):
        raise ValueError(f"a backup holds no object called {place.row!r}")
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for piece in seal_stream(key, place, _compressed(content)):
            digest.update(piece)
            yield piece

    written = target.put(object_name(UUID(place.column), place.row), hashed())
    return Written(written, digest.hexdigest())


def fetch(
    target: Target, keys: KeyLookup | KeyStore, place: EncryptionContext, *, sha256: str = ""
) -> Iterator[bytes]:
    """Yield what `keep` was given. `sha256` is of the object as it lies at the target, if that is known.

    Raises:
        CannotOpenError: it was altered, cut, or is another object, or an older one; by the
        iteration, at the latest at its end. KeyDestroyedError: the backup has expired.
        TargetError: there is no such object.
    """
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for piece in target.get(object_name(UUID(place.column), place.row)):
            digest.update(piece)
            yield piece

    opened = open_stream(keys, place, hashed())
    yield from zstandard.ZstdDecompressor().read_to_iter(
        as_file(opened), read_size=_PIECE, write_size=_PIECE
    )
    for _rest in opened:
        raise CannotOpenError  # The compressed content had ended.
    if sha256 and digest.hexdigest() != sha256:
        raise CannotOpenError


def _compressed(content: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
    for piece in content:
        if compressed := compressor.compress(piece):
            yield compressed
    yield compressor.flush()
