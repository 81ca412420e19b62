"""The format of an export: header, sealed content, checksum.

In bytes::

    a line of JSON                  who made it, when, for which recovery key
    a sealed stream                 crypto/seal_stream.py, over a zstandard stream over a tar:
        manifest.json               what the other members are, each with its SHA-256
        secrets/…, keys/…, …        the files, in the manifest's order
    32 bytes                        SHA-256 of everything before

The stream's key is random, encrypted to the public recovery key in the header, and the stream is
bound to the header's SHA-256. The checksum proves nothing; it tells a file that was damaged on its
way from one that a wrong recovery key does not open.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import zstandard

from theseller import __version__
from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import CannotOpenError, KeyFileError, KeyNotFoundError
from theseller.crypto.key_types import DataKey, Purpose, new_data_key
from theseller.crypto.recovery_key import (
    public_recovery_key,
    unwrap_by_recovery,
    wrap_for_recovery,
)
from theseller.crypto.seal_stream import open_stream, seal_stream
from theseller.lib.chunks_as_file import as_file
from theseller.lib.secret_type import Secret

FORMAT = 1
_NAME = "theseller-state-export"
_HEADER_BYTES_MAX, _CHECKSUM_BYTES, _PIECE, _LEVEL = 4096, 32, 1024 * 1024, 3
DAMAGED = "it is damaged or cut: take another copy of it, or an earlier export"


class StateExportError(RuntimeError):
    """An export can't be made, read or imported. The message says why."""


@dataclass(frozen=True, slots=True)
class Header:
    """What anyone can read of an export.

    `deployment` is the ID of the deployment's oldest key, None if it had none. `recipient` is the
    public recovery key, `wrapped` the stream's key `key_id` encrypted to it.
    """

    environment: str
    deployment: UUID | None
    at: datetime
    version: str
    recipient: str
    key_id: UUID
    wrapped: bytes

    def line(self) -> bytes:
        """Return the first line of the file."""
        fields = {
            "format": f"{_NAME}/{FORMAT}",
            "environment": self.environment,
            "deployment": str(self.deployment) if self.deployment else None,
            "at": self.at.isoformat(),
            "version": self.version,
            "recipient": self.recipient,
            "key_id": str(self.key_id),
            "wrapped": base64.b64encode(self.wrapped).decode(),
        }
        return json.dumps(fields, sort_keys=True).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class _OneKey:
    key: DataKey

    def get(self, key_id: UUID, /) -> DataKey:
        if key_id != self.key.id:
            raise KeyNotFoundError(key_id)
        return self.key


def new_header(
    *, environment: str, deployment: UUID | None, recipient: str, at: datetime
) -> tuple[Header, DataKey]:
    """Return the header of a new export, and the key that seals it."""
    key = new_data_key(Purpose.BACKUP)
    wrapped = wrap_for_recovery(key.material, recipient, _info(environment, key.id))
    return Header(environment, deployment, at, __version__, recipient, key.id, wrapped), key


def sealed(header: Header, key: DataKey, content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of an export with this content."""
    digest, line = hashlib.sha256(), header.line()
    digest.update(line)
    yield line
    for piece in seal_stream(key, _context(header, line), _compressed(content)):
        digest.update(piece)
        yield piece
    yield digest.digest()


def read_header(source: Path) -> Header:
    """Return the header of an export; its seal is not checked.

    Raises:
        StateExportError: it is none, or of another format.
        OSError: it can't be read.
    """
    with source.open("rb") as file:
        return _parsed(file.readline(_HEADER_BYTES_MAX))


def open_content(source: Path, key: Secret) -> Iterator[bytes]:
    """Yield the content of an export in pieces.

    All of it is authentic only when the iteration ends without an error.

    Raises:
        StateExportError: it is none, is damaged or was altered, or needs another recovery key.
        OSError: it can't be read.
    """
    header = read_header(source)
    _refuse_damaged(source)
    try:
        if public_recovery_key(key) != header.recipient:
            raise StateExportError(
                "it was sealed to another recovery key: to the one whose public key is"
                f" {header.recipient}"
            )
        material = unwrap_by_recovery(header.wrapped, key, _info(header.environment, header.key_id))
        data_key = DataKey(header.key_id, Purpose.BACKUP, material)
        opened = open_stream(
            _OneKey(data_key), _context(header, header.line()), _sealed_pieces(source)
        )
        yield from _decompressed(opened)
    except KeyFileError as error:
        raise StateExportError(str(error)) from None
    except (CannotOpenError, ValueError, zstandard.ZstdError):
        raise StateExportError("it was altered after it was made: its seal is broken") from None


def _parsed(line: bytes) -> Header:
    fields: dict[str, Any] = {}
    with contextlib.suppress(ValueError, TypeError):
        fields = dict(json.loads(line))
    name, _, number = str(fields.get("format")).partition("/")
    if name != _NAME:
        raise StateExportError("it is no export of a state folder")
    if number != str(FORMAT):
        later = number.isdigit() and int(number) > FORMAT
        raise StateExportError(
            f"it has format {number}, and this version reads format {FORMAT}: install the"
            f" {'newer' if later else 'older'} version of TheSeller that made it"
            f" ({fields.get('version')})"
        )
    try:
        header = Header(
            str(fields["environment"]),
            UUID(fields["deployment"]) if fields["deployment"] else None,
            datetime.fromisoformat(fields["at"]),
            str(fields["version"]),
            str(fields["recipient"]),
            UUID(fields["key_id"]),
            base64.b64decode(fields["wrapped"], validate=True),
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise StateExportError(DAMAGED) from None
    if header.line() != line:
        raise StateExportError(DAMAGED)
    return header


def _refuse_damaged(source: Path) -> None:
    """Compare the file with its checksum."""
    digest = hashlib.sha256()
    rest = source.stat().st_size - _CHECKSUM_BYTES
    with source.open("rb") as file:
        while rest > 0 and (piece := file.read(min(rest, _PIECE))):
            digest.update(piece)
            rest -= len(piece)
        if rest or file.read() != digest.digest():
            raise StateExportError(DAMAGED)


def _sealed_pieces(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        rest = source.stat().st_size - _CHECKSUM_BYTES - len(file.readline(_HEADER_BYTES_MAX))
        while rest > 0 and (piece := file.read(min(rest, _PIECE))):
            rest -= len(piece)
            yield piece


def _context(header: Header, line: bytes) -> EncryptionContext:
    return EncryptionContext(
        NO_TENANT,
        _NAME,
        "content",
        hashlib.sha256(line).hexdigest(),
        Purpose.BACKUP,
        header.environment,
    )


def _info(environment: str, key_id: UUID) -> bytes:
    return f"{_NAME}/{FORMAT} {environment} {key_id}".encode()


def _compressed(content: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
    for piece in content:
        if compressed := compressor.compress(piece):
            yield compressed
    yield compressor.flush()


def _decompressed(opened: Iterator[bytes]) -> Iterator[bytes]:
    yield from zstandard.ZstdDecompressor().read_to_iter(
        as_file(opened), read_size=_PIECE, write_size=_PIECE
    )
    for _rest in opened:
        raise CannotOpenError  # The compressed content had ended.
