"""Time-ordered random IDs, made before the row exists."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from uuid import UUID

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62


def new_id() -> UUID:
    """Return a version 7 UUID: milliseconds, then 74 random bits.

    Source: RFC 9562 §5.7.
    """
    return _version_7(time.time_ns() // 1_000_000)


def new_id_at(at: datetime) -> UUID:
    """Return a version 7 UUID of the time `at`."""
    return _version_7(int(at.timestamp() * 1000))


def creation_time(identity: UUID) -> datetime:
    """Return the UTC time, to the millisecond, in a version 7 UUID."""
    return datetime.fromtimestamp((identity.int >> 80) / 1000, UTC)


def _version_7(milliseconds: int) -> UUID:
    random_bits = int.from_bytes(os.urandom(10))
    high_random = (random_bits >> 62) & 0xFFF
    low_random = random_bits & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | _VERSION_7 | (high_random << 64) | _VARIANT | low_random)
