"""Read and write Ed25519 keys in PEM files, as OpenSSL does.

Keys and signatures are those of OpenSSL: a release can be verified without this program.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from theseller.crypto.canonical_json_signing import SigningKey
from theseller.crypto.errors import KeyFileError
from theseller.crypto.private_files import read_private

#: An Ed25519 key in PEM has 113 to 119 bytes; a file of another kind is not read as a whole.
_PEM_BYTES_MAX = 4096


def read_signing_key(path: Path) -> SigningKey:
    """Read a private key from a file that belongs to this account alone.

    Raises:
        OSError: there is no such file.
        UnsafePermissionsError: other users can read it, or it is another's.
        KeyFileError: it holds no unencrypted Ed25519 key in PEM.
    """
    content = read_private(path, _PEM_BYTES_MAX)
    try:
        key = load_pem_private_key(content, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path} holds no unencrypted private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a private key of another kind than Ed25519")
    return SigningKey(key)


def read_public_key(path: Path) -> bytes:
    """Read a public key from a PEM file and return its 32 bytes.

    Raises:
        OSError: there is no such file.
        KeyFileError: it holds no Ed25519 public key in PEM.
    """
    with path.open("rb") as file:
        content = file.read(_PEM_BYTES_MAX)
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path} holds no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path} holds a public key of another kind than Ed25519")
    return key.public_bytes_raw()


def public_key_pem(public: bytes) -> bytes:
    """Return the PEM form of a public key of 32 bytes."""
    return Ed25519PublicKey.from_public_bytes(public).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
