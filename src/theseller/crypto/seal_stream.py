"""The sealed stream: large content, encrypted in chunks under one key.

Version 1, in bytes; n chunks of 1 MiB of plaintext, the last one shorter or empty::

    "TSST" | version 1 | key ID 16 | salt 32 | commitment 32 | chunk 1 | … | chunk n

    K (32) | C (32) = HKDF-SHA-512(key = data key, salt = salt,
                                   info = "theseller/stream/v1" | canonical context)
    chunk i    = AES-256-GCM(key = K, nonce = i as 11 bytes | 1 if last else 0, plaintext,
                             aad = the header of 85 bytes)
    commitment = C

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015): the counter in the
nonce makes chunks fail that were swapped, left out or taken from another stream, and the mark of
the last one reveals a truncated stream. What a reader received is authentic; that it is complete is
known only when the iteration ends without an error.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Iterator
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.errors import CannotOpenError, KeyNotFoundError
from theseller.crypto.key_types import DataKey
from theseller.crypto.seal_value import KeyLookup
from theseller.lib.secret_type import Secret

VERSION = 1
CHUNK_BYTES = 1024 * 1024
HEADER_BYTES = 4 + 1 + 16 + 32 + 32

_MAGIC = b"TSST"
_LABEL = b"theseller/stream/v1"
_SALT_BYTES = 32
_TAG_BYTES = 16


def seal_stream(
    key: DataKey, context: EncryptionContext, source: Iterable[bytes]
) -> Iterator[bytes]:
    """Yield `source` sealed under `key`, bound to `context`.

    The chunks of `source` may have any length. Its errors pass through; what was yielded until then
    is an incomplete stream.

    Raises:
        ValueError: key and context have different purposes.
    """
    if key.purpose is not context.purpose:
        raise ValueError(f"a key for {key.purpose} cannot seal in a context for {context.purpose}")
    salt = os.urandom(_SALT_BYTES)
    message_key, commitment = _derive(key, salt, context)
    header = _MAGIC + bytes([VERSION]) + key.id.bytes + salt + commitment
    return _sealed(AESGCM(message_key.reveal_bytes()), header, source)


def open_stream(
    keys: KeyLookup, context: EncryptionContext, source: Iterable[bytes]
) -> Iterator[bytes]:
    """Yield the content of a stream that was sealed in `context`.

    Raises:
        CannotOpenError: it was sealed in another context, under another key or by another version,
            or was altered, truncated or extended. Raised by the iteration, at the latest at its
            end.
        KeyDestroyedError: its key was destroyed.
        KeyStoreError: the store is unavailable; nothing is known about the stream.
    """
    pieces = _ChunkReader(source)
    header = pieces.take(HEADER_BYTES)
    key_id = stream_key_id(header)
    try:
        key = keys.get(key_id)
    except KeyNotFoundError:
        raise CannotOpenError from None
    if key.id != key_id or key.purpose is not context.purpose:
        raise CannotOpenError
    salt, commitment = header[21 : 21 + _SALT_BYTES], header[21 + _SALT_BYTES :]
    message_key, expected = _derive(key, salt, context)
    if not hmac.compare_digest(commitment, expected):
        raise CannotOpenError
    yield from _opened(AESGCM(message_key.reveal_bytes()), header, pieces)


def stream_key_id(header: bytes) -> UUID:
    """Return the ID of the data key that a stream's first 85 bytes name.

    Raises:
        CannotOpenError: it is no sealed stream of a known version.
    """
    if len(header) < HEADER_BYTES or not header.startswith(_MAGIC + bytes([VERSION])):
        raise CannotOpenError
    return UUID(bytes=header[5:21])


def _sealed(cipher: AESGCM, header: bytes, source: Iterable[bytes]) -> Iterator[bytes]:
    yield header
    pieces, index = _ChunkReader(source), 0
    chunk = pieces.take(CHUNK_BYTES)
    while True:
        # Whether a chunk is the last one is known only when nothing follows it.
        following = pieces.take(CHUNK_BYTES) if len(chunk) == CHUNK_BYTES else b""
        last = not following
        yield cipher.encrypt(_nonce(index, last=last), chunk, header)
        if last:
            return
        chunk, index = following, index + 1


def _opened(cipher: AESGCM, header: bytes, pieces: _ChunkReader) -> Iterator[bytes]:
    index, size = 0, CHUNK_BYTES + _TAG_BYTES
    chunk = pieces.take(size)
    while True:
        following = pieces.take(size) if len(chunk) == size else b""
        last = not following
        try:
            plain = cipher.decrypt(_nonce(index, last=last), chunk, header)
        except InvalidTag:
            raise CannotOpenError from None
        yield plain
        if last:
            return
        chunk, index = following, index + 1


def _nonce(index: int, *, last: bool) -> bytes:
    return index.to_bytes(11) + bytes([last])


def _derive(key: DataKey, salt: bytes, context: EncryptionContext) -> tuple[Secret, bytes]:
    derivation = HKDF(algorithm=SHA512(), length=64, salt=salt, info=_LABEL + context.canonical())
    derived = derivation.derive(key.material.reveal_bytes())
    return Secret(derived[:32]), derived[32:]


class _ChunkReader:
    """Regroup chunks of any length into chunks of a requested length."""

    def __init__(self, source: Iterable[bytes]) -> None:
        self._source = iter(source)
        self._buffer = bytearray()

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, or fewer at the end."""
        while len(self._buffer) < size:
            piece = next(self._source, None)
            if piece is None:
                break
            self._buffer += piece
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken
