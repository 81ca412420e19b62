"""Compute when a recipient expires; no other module does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from theseller.lib.policy_time_limits import PII_DAYS_MAX


def expiry_date(*, fetched_at: datetime, shipped_at: datetime | None) -> date:
    """Return the UTC day from whose first moment a recipient is unreadable.

    It is at most 30 days after the shipment and at most 30 days after the fetch, whichever is
    earlier. An order that has not shipped counts from the fetch.
    """
    base = fetched_at if shipped_at is None else min(fetched_at, shipped_at)
    return (base + timedelta(days=PII_DAYS_MAX)).astimezone(UTC).date()


def is_expired(expires_on: date, *, at: datetime) -> bool:
    """Return whether the expiry date has been reached at `at`."""
    return expires_on <= at.astimezone(UTC).date()


def shipped_too_long_ago(shipped_at: datetime | None, *, at: datetime) -> bool:
    """Return whether a recipient fetched at `at` would expire at once."""
    return shipped_at is not None and is_expired(
        expiry_date(fetched_at=at, shipped_at=shipped_at), at=at
    )
