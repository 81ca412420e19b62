"""The day of death: the one place where it is computed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from theseller.lib.limits import PII_DAYS_MAX


def expiry_date(*, fetched_at: datetime, shipped_at: datetime | None) -> date:
    """Return the day (UTC) from whose first moment on a recipient can't be read.

    That moment is never later than 30 days after the shipment, nor than 30 days after the fetching, whichever was first; an order that is
    not shipped yet counts from the fetching.
    """
    base = fetched_at if shipped_at is None else min(fetched_at, shipped_at)
    return (base + timedelta(days=PII_DAYS_MAX)).astimezone(UTC).date()


def is_expired(expires_on: date, *, at: datetime) -> bool:
    """Say whether the day has come."""
    return expires_on <= at.astimezone(UTC).date()


def shipped_too_long_ago(shipped_at: datetime | None, *, at: datetime) -> bool:
    """Say whether what is known of the shipment lets nothing be fetched any more: it would be dead at once."""
    return shipped_at is not None and is_expired(expiry_date(fetched_at=at, shipped_at=shipped_at), at=at)
