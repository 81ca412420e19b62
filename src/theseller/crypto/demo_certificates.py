"""Certificates of the demo behind the edge, from an authority of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from theseller.crypto.certificate_expiry import certificate_expires_at

HOST = "localhost"
_DAYS = 365
_LEFT = timedelta(days=7)


def ensure_demo_certificates(folder: Path, *, at: datetime) -> None:
    """Make `ca.pem`, `fullchain.pem` and `privkey.pem` in the folder.

    They are kept until a week before they expire. The authority's key is not stored, and its
    certificate is valid for this machine's names only: a browser that trusts it trusts nothing
    else.

    Args:
        folder: where they are, readable by this user only.
        at: the present time.
    """
    try:
        if certificate_expires_at(folder / "fullchain.pem") - at > _LEFT:
            return
    except (OSError, ValueError):
        pass
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, "TheSeller demo on this machine")]
    )
    names = x509.NameConstraints(
        [x509.DNSName(HOST), x509.IPAddress(IPv4Network("127.0.0.0/8"))], None
    )
    ca = (
        _builder(ca_name, ca_name, ca_key, at)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(names, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        _builder(ca_name, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)]), key, at)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = folder / "privkey.pem"
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "fullchain.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))


def _builder(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey, at: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer_name=issuer, subject_name=subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=_DAYS))
    )
