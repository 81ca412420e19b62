"""When a TLS certificate expires."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509


def certificate_expires_at(path: Path) -> datetime:
    """Return when the first certificate of a PEM file expires.

    Raises:
        OSError: the file can't be read.
        ValueError: it has no certificate.
    """
    return x509.load_pem_x509_certificates(path.read_bytes())[0].not_valid_after_utc
