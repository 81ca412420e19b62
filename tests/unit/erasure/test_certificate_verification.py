"""Certificates of every format that was issued stay valid; one of an unknown format is refused."""

from __future__ import annotations

import pytest

from theseller.crypto.canonical_json_signing import SigningKey
from theseller.erasure.certificate_format import FORMAT, assemble, signed_message
from theseller.erasure.certificate_verification import CertificateRefusedError, verify_certificate
from theseller.lib.secret_type import Secret


def _signed(name: str) -> bytes:
    key = SigningKey.from_secret(Secret(bytes(range(32))))
    body = {"format": name, "rows": [{"table": "ingest_product", "deleted": 1, "left": 0}]}
    public = key.public_bytes.hex()
    return assemble(body, public, key.sign(signed_message(body, public)))


@pytest.mark.parametrize(
    "name", [*(f"theseller.org/deletion-certificate/v{one}" for one in (1, 2, 3)), FORMAT]
)
def test_certificate_of_every_known_format_is_verified(name: str) -> None:
    assert verify_certificate(_signed(name)).body["format"] == name


def test_certificate_of_an_unknown_format_is_refused() -> None:
    with pytest.raises(CertificateRefusedError, match="another kind or version"):
        verify_certificate(_signed("theseller.org/deletion-certificate/v5"))
