"""Message authentication by HMAC-SHA-256, and the ticket that binds a database transaction to its tenant."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from uuid import UUID

from theseller.lib.secret import Secret


def hmac_sha256(key: Secret, message: bytes) -> bytes:
    """Return the 32 bytes of HMAC-SHA-256 (RFC 2104) of `message` under the raw bytes of `key`."""
    return hmac.new(key.reveal_bytes(), message, hashlib.sha256).digest()


def tenant_ticket(key: Secret, tenant: UUID, backend_pid: int, expires: datetime) -> str:
    """Return the text that the database accepts as the signed tenant of one transaction.

    ``<uuid>|<pid>|<unix seconds>|<hex>``, where hex is HMAC-SHA-256 of the first three with their bars. It is good for one
    database backend until `expires` (aware; fractions of a second are cut, so it never lives longer than asked).

    Raises:
        ValueError: `expires` has no time zone, or `backend_pid` is no process id.
    """
    if expires.tzinfo is None:
        raise ValueError("a ticket's expiry needs a time zone")
    if backend_pid <= 0:
        raise ValueError("a ticket is for one database backend; its process id is positive")
    claim = f"{tenant}|{backend_pid}|{int(expires.timestamp())}"
    return f"{claim}|{hmac_sha256(key, claim.encode()).hex()}"
