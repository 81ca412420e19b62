"""The deletion certificate: a signed document that can be checked offline.

It holds no personal data and stays valid long after the tenant was deleted.

The file is one canonical JSON object (RFC 8785) with `body`, `public_key` and `signature`; the
signature covers `body` and the public key. The file is accepted only in its one canonical form, so
that no byte of it, white space included, can be changed unnoticed.
"""

from __future__ import annotations

import json
from typing import Any

from theseller.crypto.canonical_json_signing import canonical_json

#: The format that is issued, for every kind of subject.
FORMAT = "theseller.org/deletion-certificate/v4"
#: What was issued stays valid: the first told of rows only, the second of connections, the third of
#: tenants and users.
FORMATS = frozenset({*(f"theseller.org/deletion-certificate/v{one}" for one in (1, 2, 3)), FORMAT})


def signed_message(body: dict[str, Any], public_key: str) -> bytes:
    """Return the bytes that a certificate's signature covers."""
    return canonical_json({"body": body, "public_key": public_key})


def assemble(body: dict[str, Any], public_key: str, signature: bytes) -> bytes:
    """Return the file of a certificate that was signed before."""
    return (
        canonical_json({"body": body, "public_key": public_key, "signature": signature.hex()})
        + b"\n"
    )


def stored_file(
    body: bytes | memoryview, signature: bytes | memoryview, public_key: bytes | memoryview
) -> bytes:
    """Return the file of a certificate as the database stores its parts."""
    return assemble(json.loads(bytes(body)), bytes(public_key).hex(), bytes(signature))
