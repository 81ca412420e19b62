"""Recovery keys: what opens the exports of state folders.

A pair of X25519 keys. The deployment has the public one and can only seal; the private one is kept
offline, on paper for example, so both are texts that a person can type: a prefix, then 56 letters
and digits (base32) in groups of four, the last five of which find a typing error::

    TSRK1-ABCD-…    the recovery key: keep it secret and offline
    TSRP1-ABCD-…    its public key: a setting of the deployment

A random data key is encrypted to the public key by HPKE (RFC 9180) with X25519, HKDF-SHA-256 and
AES-256-GCM, in the base mode: the sender is not authenticated.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from theseller.crypto.errors import CannotOpenError, KeyFileError
from theseller.lib.secret_type import Secret

_PRIVATE, _PUBLIC = "TSRK1", "TSRP1"
_KEY_BYTES, _CHECKSUM_BYTES, _GROUP = 32, 3, 4
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
#: Digits that base32 does not use, and the letters that they are mistaken for.
_MISREAD = str.maketrans("018", "OIB")


def new_recovery_key() -> Secret:
    """Return a new recovery key."""
    return Secret(_text(_PRIVATE, X25519PrivateKey.generate().private_bytes_raw()))


def public_recovery_key(key: Secret) -> str:
    """Return the public key of a recovery key.

    Raises:
        KeyFileError: the text is no recovery key.
    """
    return _text(_PUBLIC, _private(key).public_key().public_bytes_raw())


def checked_public_key(text: str) -> str:
    """Return a public key in its usual form.

    Raises:
        KeyFileError: the text is none, or was mistyped.
    """
    return _text(_PUBLIC, _raw(_PUBLIC, text))


def wrap_for_recovery(material: Secret, public: str, info: bytes) -> bytes:
    """Encrypt a data key's material to a public key, bound to `info`.

    Raises:
        KeyFileError: the text is no public key.
    """
    return _SUITE.encrypt(
        material.reveal_bytes(), X25519PublicKey.from_public_bytes(_raw(_PUBLIC, public)), info
    )


def unwrap_by_recovery(wrapped: bytes, key: Secret, info: bytes) -> Secret:
    """Decrypt what `wrap_for_recovery` made.

    Raises:
        CannotOpenError: it was made for another key or with other information, or was altered.
        KeyFileError: the text is no recovery key.
    """
    private = _private(key)
    try:
        return Secret(_SUITE.decrypt(wrapped, private, info))
    except (InvalidTag, ValueError):
        raise CannotOpenError from None


def _private(key: Secret) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_raw(_PRIVATE, key.reveal()))


def _text(prefix: str, raw: bytes) -> str:
    encoded = base64.b32encode(raw + _checksum(prefix, raw)).decode()
    groups = [encoded[at : at + _GROUP] for at in range(0, len(encoded), _GROUP)]
    return "-".join((prefix, *groups))


def _raw(prefix: str, text: str) -> bytes:
    """Return the 32 bytes of a text, which may lack its dashes and capitals."""
    kind = "recovery key" if prefix == _PRIVATE else "public recovery key"
    plain = "".join(text.upper().split()).replace("-", "")
    if not plain.startswith(prefix):
        raise KeyFileError(f"this is no {kind}: that begins with {prefix}-")
    raw = b""
    with contextlib.suppress(binascii.Error):
        raw = base64.b32decode(plain.removeprefix(prefix).translate(_MISREAD))
    if (
        len(raw) != _KEY_BYTES + _CHECKSUM_BYTES
        or _checksum(prefix, raw[:_KEY_BYTES]) != raw[_KEY_BYTES:]
    ):
        raise KeyFileError(f"this {kind} was mistyped: compare it with its copy")
    return raw[:_KEY_BYTES]


def _checksum(prefix: str, raw: bytes) -> bytes:
    return hashlib.sha256(prefix.encode() + raw).digest()[:_CHECKSUM_BYTES]
