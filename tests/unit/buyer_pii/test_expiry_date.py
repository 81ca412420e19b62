"""The expiry date against a calendar that the program does not use.

Days are counted one by one, in UTC.
"""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from theseller.buyer_pii.expiry_date import expiry_date, is_expired, shipped_too_long_ago

_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
ZONES = st.integers(-14 * 4, 14 * 4).map(
    lambda quarters: timezone(timedelta(minutes=15 * quarters))
)
# hypothesis adds the zone
MOMENTS = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001
    datetime(2060, 12, 31),  # noqa: DTZ001
    timezones=ZONES,
)
SHIPPED = st.none() | MOMENTS


def _thirty_days_on(day: date) -> date:
    """Turn thirty pages of a paper calendar."""
    year, month, number = day.year, day.month, day.day
    for _ in range(30):
        number += 1
        if number > _LENGTHS[month - 1] + (month == 2 and isleap(year)):
            number, month = 1, month + 1
        if month > 12:
            month, year = 1, year + 1
    return date(year, month, number)


@given(MOMENTS, SHIPPED)
@example(datetime(2028, 1, 31, 23, 59, 59, tzinfo=UTC), None)  # over the end of a leap February
@example(
    datetime(2026, 12, 15, 0, 30, tzinfo=timezone(timedelta(hours=9))),
    datetime(2026, 12, 14, 23, tzinfo=UTC),
)
def test_expiry_date_is_30_days_after_the_earlier_of_shipment_and_fetch(
    fetched: datetime, shipped: datetime | None
) -> None:
    first = min(one for one in (fetched, shipped) if one is not None).astimezone(UTC).date()
    assert expiry_date(fetched_at=fetched, shipped_at=shipped) == _thirty_days_on(first)


@given(MOMENTS, SHIPPED)
def test_recipient_is_expired_30_days_after_fetch_or_shipment(
    fetched: datetime, shipped: datetime | None
) -> None:
    expires_on = expiry_date(fetched_at=fetched, shipped_at=shipped)
    for one in (fetched, shipped or fetched):
        assert is_expired(expires_on, at=one + timedelta(days=30))


@given(MOMENTS, SHIPPED, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_fetching_later_gains_nothing_once_it_is_shipped(
    fetched: datetime, shipped: datetime | None, later: timedelta
) -> None:
    before, after = (
        expiry_date(fetched_at=at, shipped_at=shipped) for at in (fetched, fetched + later)
    )
    if shipped is not None and shipped <= fetched:
        assert after == before
    assert after >= before


@given(MOMENTS, MOMENTS)
def test_an_order_whose_expiry_date_has_passed_is_not_fetched(
    shipped: datetime, at: datetime
) -> None:
    assert shipped_too_long_ago(shipped, at=at) is is_expired(
        expiry_date(fetched_at=at, shipped_at=shipped), at=at
    )
    assert not shipped_too_long_ago(None, at=at)
