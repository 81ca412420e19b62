"""The time by which data is deleted for its age, with clocks that leap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from theseller.lib.deletion_time import TrustedTime

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def _hours(trusted: TrustedTime, clock: datetime, hours: int) -> datetime:
    """Let hours pass while the clock goes on from `clock`; return the time of deletions."""
    for minute in range(hours * 60 + 1):
        trusted.follow(at=clock + timedelta(minutes=minute), monotonic=trusted.monotonic + 60)
    return trusted.limited(clock + timedelta(hours=hours))


def test_it_is_the_clocks_time_while_that_goes_on() -> None:
    trusted = TrustedTime(AT, 0.0)
    assert _hours(trusted, AT, 48) == AT + 2 * DAY


@pytest.mark.parametrize("days", [30, 400])
def test_a_clock_that_leaped_is_followed_by_a_day_an_hour(days: int) -> None:
    trusted = TrustedTime(AT, 0.0)
    assert AT <= _hours(trusted, AT + days * DAY, 0) <= AT + 1.1 * DAY
    assert _hours(trusted, AT + days * DAY, 5) <= AT + 6.2 * DAY
    # It was right: a deployment that was off for so long deletes what is due after a while.
    later = 2 * days
    assert _hours(trusted, AT + days * DAY, later) == AT + days * DAY + timedelta(hours=later)


def test_a_clock_that_is_corrected_is_followed_at_once() -> None:
    trusted = TrustedTime(AT, 0.0)
    _hours(trusted, AT + 400 * DAY, 1)
    assert _hours(trusted, AT + timedelta(hours=1), 1) == AT + timedelta(hours=2)


def test_a_stop_of_a_day_delays_nothing() -> None:
    trusted = TrustedTime(AT, 0.0)
    assert trusted.limited(AT + DAY) == AT + DAY
