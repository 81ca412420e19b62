"""The deletion certificate: a signed document without personal data that can be checked offline, long after the tenant is gone.

The file is one canonical JSON object (RFC 8785) with `body`, `public_key` and `signature`; the signature covers `body` and the public
key. The file is accepted only in its one canonical form, so that no byte of it, white space included, can be changed unnoticed.
"""

from __future__ import annotations

from typing import Any

from theseller.crypto.errors import InvalidSignatureError, NotCanonicalError
from theseller.crypto.signing import canonical_json, parse_canonical_json, verify
from theseller.erasure.types import VerifiedCertificate

FORMAT = "theseller.org/deletion-certificate/v2"
#: The form that has a subject of another kind than a connection: a shop, or a person.
END_FORMAT = "theseller.org/deletion-certificate/v3"
#: What was issued stays valid: the first form spoke of rows only.
FORMATS = frozenset({"theseller.org/deletion-certificate/v1", FORMAT, END_FORMAT})


class CertificateRefusedError(ValueError):
    """The file is no certificate, or not as it was issued."""


def signed_message(body: dict[str, Any], public_key: str) -> bytes:
    """Return the bytes that a certificate's signature covers."""
    return canonical_json({"body": body, "public_key": public_key})


def assemble(body: dict[str, Any], public_key: str, signature: bytes) -> bytes:
    """Return the file of a certificate that was signed before."""
    return canonical_json({"body": body, "public_key": public_key, "signature": signature.hex()}) + b"\n"


def verify_certificate(content: bytes) -> VerifiedCertificate:
    """Check a certificate file without any database, key or network.

    Raises:
        CertificateRefusedError: saying whether it is no certificate, or was changed.
    """
    if not content.endswith(b"\n"):
        raise CertificateRefusedError("the file is incomplete: its last line end is missing. Download it again.")
    try:
        document = parse_canonical_json(content[:-1])
    except NotCanonicalError:
        raise CertificateRefusedError("the file is not a deletion certificate in the form in which it was issued") from None
    if not isinstance(document, dict) or set(document) != {"body", "public_key", "signature"} or not isinstance(document["body"], dict):
        raise CertificateRefusedError("the file is not a deletion certificate of TheSeller")
    body = document["body"]
    if body.get("format") not in FORMATS:
        raise CertificateRefusedError("the file is a signed document of another kind or version")
    try:
        public_key = bytes.fromhex(str(document["public_key"]))
        verify(public_key, signed_message(body, document["public_key"]), bytes.fromhex(str(document["signature"])))
    except (InvalidSignatureError, ValueError):
        raise CertificateRefusedError("the signature does not fit: the certificate was changed after it was issued") from None
    return VerifiedCertificate(body, document["public_key"])
