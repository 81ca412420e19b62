"""The deletion certificate: a signed document that can be checked offline.

It holds no personal data and stays valid long after the tenant was deleted.

The file is one canonical JSON object (RFC 8785) with `body`, `public_key` and `signature`; the
signature covers `body` and the public key. The file is accepted only in its one canonical form, so
that no byte of it, white space included, can be changed unnoticed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theseller.crypto.canonical_json_signing import canonical_json, parse_canonical_json, verify
from theseller.crypto.errors import InvalidSignatureError, NotCanonicalError
from theseller.erasure.types import VerifiedCertificate

#: The format that is issued, for every kind of subject.
FORMAT = "theseller.org/deletion-certificate/v4"
#: What was issued stays valid: the first told of rows only, the second of connections, the third of
#: tenants and users.
FORMATS = frozenset({*(f"theseller.org/deletion-certificate/v{one}" for one in (1, 2, 3)), FORMAT})
_OLDER_KINDS = {"shop": "tenant", "person": "user"}


@dataclass(frozen=True, slots=True)
class CertifiedSubject:
    """The subject of a certificate.

    `kind` is `connection`, `tenant` or `user`; `requested_at` an ISO 8601 time.
    """

    kind: str
    id: str
    requested_at: str


class CertificateRefusedError(ValueError):
    """The file is no certificate, or not as it was issued."""


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


def certified_subject(body: Mapping[str, Any]) -> CertifiedSubject:
    """Return what a certificate of any format is about."""
    subject = body.get("subject")
    if subject is None:  # Formats 1 and 2 are of connections only.
        return CertifiedSubject(
            "connection", str(body.get("connection_id", "")), str(body.get("disconnected_at", ""))
        )
    kind = str(subject["kind"])
    return CertifiedSubject(
        _OLDER_KINDS.get(kind, kind),
        str(subject["id"]),
        str(subject.get("requested_at") or subject.get("asked_at")),
    )


def verify_certificate(content: bytes) -> VerifiedCertificate:
    """Check a certificate file without any database, key or network.

    Raises:
        CertificateRefusedError: saying whether it is no certificate, or was changed.
    """
    if not content.endswith(b"\n"):
        raise CertificateRefusedError(
            "the file is incomplete: its last line end is missing. Download it again."
        )
    try:
        document = parse_canonical_json(content[:-1])
    except NotCanonicalError:
        raise CertificateRefusedError(
            "the file is not a deletion certificate in the form in which it was issued"
        ) from None
    if (
        not isinstance(document, dict)
        or set(document) != {"body", "public_key", "signature"}
        or not isinstance(document["body"], dict)
    ):
        raise CertificateRefusedError("the file is not a deletion certificate of TheSeller")
    body = document["body"]
    if body.get("format") not in FORMATS:
        raise CertificateRefusedError("the file is a signed document of another kind or version")
    try:
        public_key = bytes.fromhex(str(document["public_key"]))
        verify(
            public_key,
            signed_message(body, document["public_key"]),
            bytes.fromhex(str(document["signature"])),
        )
    except (InvalidSignatureError, ValueError):
        raise CertificateRefusedError(
            "the signature does not fit: the certificate was changed after it was issued"
        ) from None
    return VerifiedCertificate(body, document["public_key"])
