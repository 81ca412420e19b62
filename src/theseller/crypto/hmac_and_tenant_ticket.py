"""HMAC-SHA-256, and the ticket that binds a transaction to its tenant."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from theseller.lib.secret_type import Secret


@dataclass(frozen=True, slots=True)
class DatabaseSession:
    """One database session.

    A process ID alone is reused; `started`, in microseconds of Unix time, distinguishes two
    sessions.
    """

    pid: int
    started: int


def hmac_sha256(key: Secret, message: bytes) -> bytes:
    """Return HMAC-SHA-256 (RFC 2104) of `message` under `key`, 32 bytes."""
    return hmac.new(key.reveal_bytes(), message, hashlib.sha256).digest()


def tenant_ticket(key: Secret, tenant: UUID, session: DatabaseSession, expires: datetime) -> str:
    """Return the signed ticket of one transaction's tenant.

    ``<uuid>|<pid>|<start>|<unix seconds>|<hex>``, where hex is HMAC-SHA-256 of the first four with
    their bars. It is valid for one database session until `expires` (aware; fractions of a second
    are cut off).

    Raises:
        ValueError: `expires` has no time zone, or `session` has no process ID or no start.
    """
    if expires.tzinfo is None:
        raise ValueError("a ticket's expiry needs a time zone")
    if session.pid <= 0 or session.started <= 0:
        raise ValueError(
            "a ticket is for one session of the database; its process id and start are positive"
        )
    claim = f"{tenant}|{session.pid}|{session.started}|{int(expires.timestamp())}"
    return f"{claim}|{hmac_sha256(key, claim.encode()).hex()}"
