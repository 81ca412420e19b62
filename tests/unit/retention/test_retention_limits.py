"""The limits, against a calendar that the program does not use.

Months and years counted by hand, days by the stores' own clocks.
"""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from theseller.connections.types import DisconnectReason
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import MARKETPLACES, Marketplace
from theseller.privacy.deletion_requests.types import DeletionRequest, DeletionRequestState
from theseller.retention import retention_limits
from theseller.retention.fact_expiry import oldest_day_kept, oldest_moment_kept

# hypothesis adds the zone
MOMENTS = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001
    datetime(2060, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)
STORES = st.sampled_from(sorted(MARKETPLACES.values(), key=lambda store: store.id))
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _months_before(day: date, months: int) -> date:
    """Go back by months on a paper calendar; a day that the month does not have becomes its last."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    length = _DAYS[month] + (month == 1 and isleap(year))
    return date(year, month + 1, min(day.day, length))


@given(STORES, MOMENTS)
@example(
    MARKETPLACES["ATVPDKIKX0DER"], datetime(2026, 3, 1, 8, tzinfo=UTC)
)  # from 1 September: the shortest 18 months
@example(
    MARKETPLACES["ATVPDKIKX0DER"], datetime(2026, 3, 8, 10, 30, tzinfo=UTC)
)  # clocks go forward
@example(MARKETPLACES["ATVPDKIKX0DER"], datetime(2026, 11, 1, 9, 30, tzinfo=UTC))  # and back
@example(
    MARKETPLACES["A13V1IB3VIYZZH"], datetime(2050, 5, 1, 22, tzinfo=UTC)
)  # the shortest, and an hour of summer time more
@example(
    MARKETPLACES["ATVPDKIKX0DER"], datetime(2028, 11, 6, 7, tzinfo=UTC)
)  # the longest, on the day after the clocks went back
@example(
    MARKETPLACES["A1PA6795UKMFR9"], datetime(2028, 8, 29, 22, 30, tzinfo=UTC)
)  # back to 29 February's neighbour
def test_no_fact_is_kept_beyond_18_months_of_its_stores_calendar_and_none_leaves_early(
    store: Marketplace, at: datetime
) -> None:
    today, oldest = store.local_day(at), oldest_day_kept(store, at)
    assert oldest >= _months_before(today, 18)
    # The longest 18 months, over a leap day, have 550 days, five more than we keep, and a clock
    # change may move one.
    assert oldest <= _months_before(today, 18) + timedelta(days=6)


@given(STORES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=700)))
def test_ingested_order_is_never_older_than_the_oldest_day_kept(
    store: Marketplace, at: datetime, age: timedelta
) -> None:
    sold = at - age
    if sold >= oldest_moment_kept(at):
        assert store.local_day(sold) >= oldest_day_kept(store, at)


@given(STORES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_oldest_day_kept_never_decreases_over_time(
    store: Marketplace, at: datetime, later: timedelta
) -> None:
    assert oldest_day_kept(store, at + later) >= oldest_day_kept(store, at)


@given(MOMENTS)
def test_a_request_has_30_times_24_hours_whatever_the_clocks_do(received: datetime) -> None:
    request = DeletionRequest(
        new_id(), new_id(), DisconnectReason.AMAZON_REQUEST, (new_id(),),
        False, received, received,  # noqa: FBT003
        "operator:olga", "C", DeletionRequestState.RECEIVED, None,
    )  # fmt: skip
    seconds = 30 * 24 * 60 * 60
    assert (request.due_at - received).total_seconds() == seconds
    assert not request.overdue(request.due_at)
    assert request.overdue(request.due_at + timedelta(microseconds=1))


@given(MOMENTS)
def test_the_security_log_is_kept_a_whole_year_at_least(at: datetime) -> None:
    assert (at - timedelta(days=retention_limits.SECURITY_LOG_DAYS_MIN)).date() <= _months_before(
        at.date(), 12
    )


def test_retention_limits_have_the_documented_values() -> None:
    assert (
        retention_limits.ERASURE_DAYS_MAX,
        retention_limits.DELETION_REQUEST_DAYS,
        retention_limits.PII_DAYS_MAX,
    ) == (
        30,
        30,
        30,
    )
    assert retention_limits.BACKUP_DAYS <= retention_limits.BACKUP_DAYS_MAX == 90
    assert (
        retention_limits.BACKUP_DAYS + 2 <= retention_limits.DELETION_REQUEST_DAYS
    )  # a purge and the next backup take up to two of them
    assert (retention_limits.HOLD_DAYS_MAX, retention_limits.HOLD_REASON_LENGTH_MIN) == (365, 20)
