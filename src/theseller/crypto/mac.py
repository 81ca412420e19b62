"""Message authentication by HMAC-SHA-256, and the ticket that binds a database transaction to its tenant."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from theseller.lib.secret import Secret


@dataclass(frozen=True, slots=True)
class DatabaseSession:
    """One session of the database. A process id alone is used again: `started`, in microseconds of Unix time, tells two apart."""

    pid: int
    started: int


def hmac_sha256(key: Secret, message: bytes) -> bytes:
    """Return the 32 bytes of HMAC-SHA-256 (RFC 2104) of `message` under the raw bytes of `key`."""
    return hmac.new(key.reveal_bytes(), message, hashlib.sha256).digest()


def tenant_ticket(key: Secret, tenant: UUID, session: DatabaseSession, expires: datetime) -> str:
    """Return the text that the database accepts as the signed tenant of one transaction.

    ``<uuid>|<pid>|<start>|<unix seconds>|<hex>``, where hex is HMAC-SHA-256 of the first four with their bars. It is good for one
    session of the database until `expires` (aware; fractions of a second are cut, so it never lives longer than asked).

    Raises:
        ValueError: `expires` has no time zone, or `session` has no process id or no start.
    """
    if expires.tzinfo is None:
        raise ValueError("a ticket's expiry needs a time zone")
    if session.pid <= 0 or session.started <= 0:
        raise ValueError("a ticket is for one session of the database; its process id and start are positive")
    claim = f"{tenant}|{session.pid}|{session.started}|{int(expires.timestamp())}"
    return f"{claim}|{hmac_sha256(key, claim.encode()).hex()}"
