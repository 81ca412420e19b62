"""Ed25519 signatures (RFC 8032) over canonical JSON."""

from __future__ import annotations

import json
import re
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from theseller.crypto.errors import InvalidSignatureError, NotCanonicalError
from theseller.lib.secret_type import Secret

#: Integers beyond this are not exact in every JSON reader (RFC 7493 §2.2).
_LARGEST_EXACT = 2**53 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


class SigningKey:
    """A private signing key.

    Give each kind of document a `format` field, so that no signature is valid for a document of
    another kind.
    """

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_secret(cls, seed: Secret) -> Self:
        """Create the key from its 32-byte seed, such as a data key's material.

        Raises:
            ValueError: the seed has another length.
        """
        if len(seed.reveal_bytes()) != 32:
            raise ValueError("a signing key is made from a seed of 32 bytes")
        return cls(Ed25519PrivateKey.from_private_bytes(seed.reveal_bytes()))

    @property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes; deterministic."""
        return self._key.sign(message)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Return None if the signature is valid, else raise.

    Raises:
        InvalidSignatureError: it is invalid, or key or signature are malformed.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise InvalidSignatureError from None


def canonical_json(document: object) -> bytes:
    """Return the canonical form of `document`: RFC 8785 without fractions.

    Keys are sorted, no white space, UTF-8, texts as they are (not normalized). Pass amounts as
    text.

    Raises:
        NotCanonicalError: it holds a float, an integer beyond ±(2^53 - 1), a key that is not ASCII
            text, a text without UTF-8 form, or another type; the message gives the path, never the
            value.
    """
    _check(document, "document")
    # With ASCII keys Python's order of code points is RFC 8785's order of UTF-16 units.
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def parse_canonical_json(content: bytes) -> Any:  # noqa: ANN401
    """Parse a document that is byte for byte in its canonical form.

    What is read is therefore exactly what was signed.

    Raises:
        NotCanonicalError: it is no JSON, or not canonical: spaces, another order, a duplicate key.
    """
    try:
        document = json.loads(content)
        rewritten = canonical_json(document)
    except (ValueError, RecursionError):
        raise NotCanonicalError("this is no JSON document") from None
    if rewritten != content:
        raise NotCanonicalError("this JSON document is not in its canonical form")
    return document


def _check(value: object, path: str) -> None:
    """Walk the document."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise NotCanonicalError(f"{path}: a key is not ASCII text")
            _check(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]")
    else:
        _check_scalar(value, path)


def _check_scalar(value: object, path: str) -> None:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise NotCanonicalError(f"{path}: a text without UTF-8 form")
    elif isinstance(value, int):  # a bool is an int to Python and fine to JSON
        if abs(value) > _LARGEST_EXACT:
            raise NotCanonicalError(
                f"{path}: an integer that JSON readers may round; write it as text"
            )
    elif value is not None:
        raise NotCanonicalError(
            f"{path}: {type(value).__name__} has no canonical form; write it as text"
        )
