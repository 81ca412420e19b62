"""One object of a backup: compressed, sealed, and hashed while written.

Its name is part of the encryption context, and the key is the backup's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

import zstandard

from theseller.backups.storage_targets import Target
from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import CannotOpenError
from theseller.crypto.key_store_protocol import KeyStore
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.seal_stream import open_stream, seal_stream
from theseller.crypto.seal_value import KeyLookup
from theseller.lib.chunks_as_file import as_file
from theseller.lib.state_file_names import is_backup_object

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
    """Return the encryption context of one object.

    It opens as no other object, of no other backup, and in no other environment.
    """
    return EncryptionContext(NO_TENANT, "backup", str(backup), name, Purpose.BACKUP, environment)


def object_name(backup: UUID, name: str) -> str:
    """Return an object's name at the target.

    ``<id>/base``, ``<id>/manifest`` or ``<id>/wal/<segment>``.
    """
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
    """Yield what `keep` was given.

    Args:
        target: where the object is.
        keys: with the backup's key.
        place: the object's encryption context.
        sha256: of the sealed object at the target, in hexadecimal; "" if it is not known.

    Raises:
        CannotOpenError: it was altered or cut, or is another or an older object; raised by the
            iteration, at the latest at its end.
        KeyDestroyedError: the backup has expired.
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
