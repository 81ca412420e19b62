"""Generated secrets that contain their creation time.

``theseller-1.<id>.<43 random characters>``: the ID is a version 7 UUID in hexadecimal, its first 48
bits the milliseconds since 1970. The ID is not secret: it may be logged, and it identifies the
secret. The time survives copies and restores.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from uuid import UUID

from theseller.crypto.errors import KeyStoreError
from theseller.crypto.root_keys import parse_root_keys
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

_PREFIX = "theseller-1"
_ID = _PREFIX + r"\.([0-9a-f]{32})\."
_TIMESTAMPED = re.compile(_ID + r"[A-Za-z0-9_-]{43}")
#: Length in bytes of what comes before the random characters of a timestamped secret.
ID_BYTES = len(_PREFIX) + 34


def new_timestamped_secret() -> Secret:
    """Return a new secret of 256 random bits with its ID."""
    return Secret(f"{_PREFIX}.{new_id().hex}.{secrets.token_urlsafe(32)}")


def timestamped_secret_id(secret: Secret) -> UUID | None:
    """Return the ID in a timestamped secret; None for any other secret."""
    found = _TIMESTAMPED.fullmatch(secret.reveal())
    return UUID(hex=found.group(1)) if found else None


def leading_secret_id(content: bytes) -> UUID | None:
    """Return the ID in the first `ID_BYTES` of a timestamped secret, or None."""
    found = re.fullmatch(_ID.encode(), content)
    return UUID(hex=found.group(1).decode()) if found else None


def creation_time(identifier: UUID) -> datetime | None:
    """Return the UTC creation time in a version 7 UUID; None for other UUIDs."""
    if identifier.version != 7:
        return None
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


def root_key_ids(text: Secret, environment: str) -> tuple[UUID, ...]:
    """Return the IDs of the root keys in a secret, the wrapping one first.

    Empty if there is no such key in it.

    Raises:
        WrongEnvironmentError: they are another environment's.
    """
    try:
        return tuple(key.id for key in parse_root_keys(text, environment))
    except KeyStoreError:
        return ()
