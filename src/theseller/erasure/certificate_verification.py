"""Verify a certificate file, and read what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from theseller.crypto.canonical_json_signing import parse_canonical_json, verify
from theseller.crypto.errors import InvalidSignatureError, NotCanonicalError
from theseller.erasure.certificate_format import FORMATS, signed_message
from theseller.erasure.types import VerifiedCertificate

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
