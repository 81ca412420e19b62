"""The sealed message: committing AES-256-GCM, bound to its context.

Version 1, in bytes::

    version 1 | key ID 16 | salt 32 | commitment 32 | ciphertext n | tag 16

    K (32) | C (32) = HKDF-SHA-512(key = data key, salt = salt,
                                   info = "theseller/sealed/v1" | canonical context)
    ciphertext | tag = AES-256-GCM(key = K, nonce = 0^96, plaintext,
                                   aad = version | key ID | canonical context)
    commitment       = C

Why the commitment: AES-GCM alone lets an attacker craft a message that two keys accept. C is a
collision-resistant function of data key, salt and context, so a message names one key and one
context.
"""

from __future__ import annotations

import hmac
import os
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.errors import CannotOpenError, KeyNotFoundError
from theseller.crypto.key_types import DataKey
from theseller.lib.secret_type import Secret

VERSION = 1
#: A sealed message is this much longer than what it seals.
OVERHEAD_BYTES = 1 + 16 + 32 + 32 + 16
#: For values; larger content is sealed as a stream (`seal_stream`).
MAX_PLAINTEXT_BYTES = 1024 * 1024

_LABEL = b"theseller/sealed/v1"
_SALT_BYTES = 32
_HEADER_BYTES = 1 + 16
# A fixed nonce is safe here because each message key encrypts one message only: it is derived from
# 32 fresh random bytes, and `seal` is the only caller that encrypts. Two messages would have to
# draw the same salt, at 2^-96 even after 2^80 of them.
_NONCE = bytes(12)


class KeyLookup(Protocol):
    """Finds a data key by its ID; a `KeyStore` is one."""

    def get(self, key_id: UUID, /) -> DataKey:
        """Return the key.

        Raises:
            KeyNotFoundError, KeyDestroyedError: there is none, or none any more.
        """


def seal(key: DataKey, context: EncryptionContext, plaintext: Secret | bytes) -> bytes:
    """Seal `plaintext` (at most 1 MiB) under `key`, bound to `context`.

    Raises:
        ValueError: key and context have different purposes, or the plaintext is too long.
    """
    if key.purpose is not context.purpose:
        raise ValueError(f"a key for {key.purpose} cannot seal in a context for {context.purpose}")
    plain = plaintext if isinstance(plaintext, Secret) else Secret(plaintext)
    if len(plain.reveal_bytes()) > MAX_PLAINTEXT_BYTES:
        raise ValueError(
            f"a sealed value has at most {MAX_PLAINTEXT_BYTES} bytes; seal larger things in chunks"
        )
    salt = os.urandom(_SALT_BYTES)
    header = bytes([VERSION]) + key.id.bytes
    message_key, commitment = _derive(key, salt, context)
    cipher = AESGCM(message_key.reveal_bytes())
    return (
        header
        + salt
        + commitment
        + cipher.encrypt(_NONCE, plain.reveal_bytes(), header + context.canonical())
    )


def open_sealed(keys: KeyLookup, context: EncryptionContext, sealed: bytes | memoryview) -> Secret:
    """Open a value that `seal` sealed in `context`.

    Raises:
        CannotOpenError: it was sealed in another context, under another key or by another version,
            was altered, or its key is unknown.
        KeyDestroyedError: its key was destroyed.
        KeyStoreError: the store is unavailable; nothing is known about the message.
    """
    sealed = bytes(sealed)
    key_id = key_id_of(sealed)
    try:
        key = keys.get(key_id)
    except KeyNotFoundError:
        raise CannotOpenError from None
    if key.id != key_id or key.purpose is not context.purpose:
        raise CannotOpenError
    header, rest = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
    salt, commitment, ciphertext = (
        rest[:_SALT_BYTES],
        rest[_SALT_BYTES : _SALT_BYTES + 32],
        rest[_SALT_BYTES + 32 :],
    )
    message_key, expected = _derive(key, salt, context)
    # The commitment comes first: a ciphertext that several keys accept must not be decrypted under
    # any but its own.
    if not hmac.compare_digest(commitment, expected):
        raise CannotOpenError
    try:
        return Secret(
            AESGCM(message_key.reveal_bytes()).decrypt(
                _NONCE, ciphertext, header + context.canonical()
            )
        )
    except InvalidTag:
        raise CannotOpenError from None


def key_id_of(sealed: bytes | memoryview) -> UUID:
    """Return the ID of the data key that a sealed message names.

    Raises:
        CannotOpenError: it is no sealed message of a known version.
    """
    if len(sealed) < OVERHEAD_BYTES or sealed[0] != VERSION:
        raise CannotOpenError
    return UUID(bytes=bytes(sealed[1:_HEADER_BYTES]))


def _derive(key: DataKey, salt: bytes, context: EncryptionContext) -> tuple[Secret, bytes]:
    """Return the message key and the commitment, 32 bytes each."""
    derivation = HKDF(algorithm=SHA512(), length=64, salt=salt, info=_LABEL + context.canonical())
    derived = derivation.derive(key.material.reveal_bytes())
    return Secret(derived[:32]), derived[32:]
