"""Secrets of our own making that say when they were made, whoever keeps them and however often they were restored.

``theseller-1.<id>.<43 random characters>``: the id is a version 7 UUID in hexadecimal, its first 48 bits the milliseconds since 1970. It
is no secret: it may stand in a log, and names this very secret.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from uuid import UUID

from theseller.crypto.errors import KeyStoreError
from theseller.crypto.keys import parse_root_keys
from theseller.lib.ids import new_id
from theseller.lib.secret import Secret

_PREFIX = "theseller-1"
_ID = _PREFIX + r"\.([0-9a-f]{32})\."
_TIMESTAMPED = re.compile(_ID + r"[A-Za-z0-9_-]{43}")
#: How far the id of a dated secret reaches, in bytes: what comes before the secret part.
ID_BYTES = len(_PREFIX) + 34


def new_timestamped_secret() -> Secret:
    """Return a fresh secret of 256 random bits with its id."""
    return Secret(f"{_PREFIX}.{new_id().hex}.{secrets.token_urlsafe(32)}")


def timestamped_secret_id(secret: Secret) -> UUID | None:
    """Return the id that a secret of `new_timestamped_secret` carries, None for any other."""
    found = _TIMESTAMPED.fullmatch(secret.reveal())
    return UUID(hex=found.group(1)) if found else None


def leading_secret_id(content: bytes) -> UUID | None:
    """Return the id in the first `ID_BYTES` of a dated secret, None for any other."""
    found = re.fullmatch(_ID.encode(), content)
    return UUID(hex=found.group(1).decode()) if found else None


def creation_time(identifier: UUID) -> datetime | None:
    """Return when a version 7 UUID (of a key, or of a dated secret) was made, in UTC; None for a UUID of another kind."""
    if identifier.version != 7:
        return None
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


def root_key_ids(text: Secret, environment: str) -> tuple[UUID, ...]:
    """Return the ids of the root keys in a secret, the one that wraps first; none if there is no such key in it.

    Raises:
        WrongEnvironmentError: they are another environment's.
    """
    try:
        return tuple(key.id for key in parse_root_keys(text, environment))
    except KeyStoreError:
        return ()
