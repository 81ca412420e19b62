"""Period arithmetic: which days, compared with which."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.analytics.pages.periods import (
    LONGEST_DAYS,
    Choice,
    Compare,
    PeriodKey,
    Span,
    add_months,
    choose,
    neighbours,
)

MONDAY = date(2026, 11, 23)
DAYS = st.dates(date(2024, 1, 1), date(2030, 12, 31))


def _choose(
    period: str, compare: str = "previous", *, today: date = MONDAY, first: str = "", last: str = ""
) -> Choice:
    return choose(period=period, compare=compare, today=today, first=first, last=last)


@pytest.mark.parametrize(
    ("period", "first", "last", "before_first", "before_last"),
    [
        ("today", "2026-11-23", "2026-11-23", "2026-11-22", "2026-11-22"),
        ("yesterday", "2026-11-22", "2026-11-22", "2026-11-21", "2026-11-21"),
        ("7d", "2026-11-16", "2026-11-22", "2026-11-09", "2026-11-15"),
        ("28d", "2026-10-26", "2026-11-22", "2026-09-28", "2026-10-25"),
        ("30d", "2026-10-24", "2026-11-22", "2026-09-24", "2026-10-23"),
        ("90d", "2026-08-25", "2026-11-22", "2026-05-27", "2026-08-24"),
        ("month", "2026-11-01", "2026-11-23", "2026-10-01", "2026-10-23"),
        ("last-month", "2026-10-01", "2026-10-31", "2026-09-01", "2026-09-30"),
        ("12m", "2025-11-23", "2026-11-22", "2024-11-23", "2025-11-22"),
    ],
)
def test_each_period_has_its_span_and_the_previous_span(
    period: str, first: str, last: str, before_first: str, before_last: str
) -> None:
    choice = _choose(period)
    assert choice.span == Span(date.fromisoformat(first), date.fromisoformat(last))
    assert choice.before == Span(date.fromisoformat(before_first), date.fromisoformat(before_last))


def test_a_whole_month_is_compared_with_a_whole_month() -> None:
    assert _choose("last-month", today=date(2026, 3, 5)).before == Span(
        date(2026, 1, 1), date(2026, 1, 31)
    )
    assert _choose("last-month", "year", today=date(2025, 3, 5)).before == Span(
        date(2024, 2, 1), date(2024, 2, 29)
    )


def test_the_month_to_date_is_compared_with_the_same_days_also_on_its_last_day() -> None:
    """The last day is not over: three more days of January would look like a fall."""
    assert _choose("month", today=date(2026, 2, 28)).before == Span(
        date(2026, 1, 1), date(2026, 1, 28)
    )
    assert _choose("month", "year", today=date(2025, 2, 28)).before == Span(
        date(2024, 2, 1), date(2024, 2, 28)
    )
    assert _choose("month", today=date(2026, 3, 30)).before == Span(
        date(2026, 2, 1), date(2026, 2, 28)
    ), "February has no day 30"


def test_only_today_and_the_month_to_date_end_with_a_day_that_is_not_over() -> None:
    partial = {
        key for key in PeriodKey if key is not PeriodKey.CUSTOM and _choose(key.value).partial
    }
    assert partial == {PeriodKey.TODAY, PeriodKey.MONTH}


@pytest.mark.parametrize(
    "words",
    [
        {"first": "x", "last": "2026-01-01"},
        {"first": "2026-02-30", "last": "2026-03-01"},
        {},
        {"first": "2027-01-01", "last": "2027-02-01"},
    ],
)
def test_invalid_custom_period_uses_the_default(words: dict[str, str]) -> None:
    assert _choose("custom", first=words.get("first", ""), last=words.get("last", "")) == _choose(
        "28d"
    )


def test_custom_period_is_reordered_and_cut_to_the_maximum_length() -> None:
    assert _choose("custom", first="2026-11-30", last="2026-11-10").span == Span(
        date(2026, 11, 10), MONDAY
    )
    assert _choose("custom", first="1990-01-01", last="2026-11-10").span.length == LONGEST_DAYS


def test_unknown_period_and_comparison_use_the_defaults() -> None:
    assert _choose("'; drop table", "nonsense") == _choose("28d", "previous")


@given(
    today=DAYS,
    key=st.sampled_from([key for key in PeriodKey if key is not PeriodKey.CUSTOM]),
    mode=st.sampled_from(Compare),
)
def test_a_comparison_never_overlaps_its_period_and_keeps_weekdays_where_it_can(
    today: date, key: PeriodKey, mode: Compare
) -> None:
    choice = choose(period=key.value, compare=mode.value, today=today)
    assert choice.span.first <= choice.span.last <= today
    if mode is Compare.NONE:
        assert choice.before is None
        return
    assert choice.before is not None
    assert choice.before.last < choice.span.first
    if key in {PeriodKey.LAST_7, PeriodKey.LAST_28} or (
        mode is Compare.YEAR
        and key not in {PeriodKey.MONTH, PeriodKey.LAST_MONTH, PeriodKey.LAST_12_MONTHS}
    ):
        assert choice.before.first.weekday() == choice.span.first.weekday()
        assert choice.before.length == choice.span.length


@given(today=DAYS, key=st.sampled_from([key for key in PeriodKey if key is not PeriodKey.CUSTOM]))
def test_previous_and_next_periods_are_adjacent(today: date, key: PeriodKey) -> None:
    choice = choose(period=key.value, compare="none", today=today)
    earlier, later = neighbours(choice)
    assert earlier.last + timedelta(days=1) == choice.span.first
    assert (later is None) == (choice.span.last >= today)
    if later is not None:
        assert later.first == choice.span.last + timedelta(days=1)
        assert later.last <= today


@given(day=DAYS, months=st.integers(-30, 30))
def test_adding_months_stays_in_the_month(day: date, months: int) -> None:
    moved = add_months(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day <= day.day


def test_span_includes_its_first_and_last_day() -> None:
    span = Span(date(2026, 3, 28), date(2026, 3, 30))
    assert (span.length, len(span.days())) == (3, 3)
    assert span.shifted(-3).last == date(2026, 3, 27)
