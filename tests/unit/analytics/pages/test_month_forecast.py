"""The arithmetic of the forecast of a month, exactly."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from theseller.analytics.pages.month_forecast import forecast, forecast_days
from theseller.analytics.pages.periods import Span

#: A Saturday; two days of November are not over, and it is one of them.
TODAY = date(2026, 11, 28)
AMOUNTS = st.decimals(0, 10_000, places=2)


def _days(first: date, last: date) -> list[date]:
    return Span(first, last).days()


def test_days_that_are_over_and_the_mean_of_each_weekday() -> None:
    days = forecast_days(date(2026, 11, 27), date(2026, 11, 27))
    assert days.history == Span(date(2026, 10, 30), date(2026, 11, 26))
    assert days.remaining == Span(date(2026, 11, 27), date(2026, 11, 30))
    values = {
        # The Fridays, Saturdays, Sundays and Mondays of the 28 days: 4 days each.
        date(2026, 10, 30): Decimal("10.00"), date(2026, 11, 6): Decimal("20.00"),
        date(2026, 11, 13): Decimal("30.01"), date(2026, 11, 20): Decimal("40.00"),
        date(2026, 10, 31): Decimal("1.00"), date(2026, 11, 7): Decimal("2.00"),
        date(2026, 11, 9): Decimal("0.03"),
        # Not among the days of the means, and in another month.
        date(2026, 10, 29): Decimal("9999.00"), date(2026, 9, 30): Decimal("9999.00"),
        # Today: less than a Friday has.
        date(2026, 11, 27): Decimal("5.00"),
    }  # fmt: skip
    over = (
        Decimal("20.00") + Decimal("30.01") + Decimal("40.00") + Decimal("2.00") + Decimal("0.03")
    )
    friday, saturday, sunday, monday = (
        Decimal("25.0025"), Decimal("0.75"), Decimal(0), Decimal("0.0075"),
    )  # fmt: skip
    assert forecast(values, days) == over + friday + saturday + sunday + monday
    assert forecast(values, days) == Decimal("117.8000")


def test_today_counts_with_what_it_has_if_that_is_more_than_the_mean() -> None:
    days = forecast_days(TODAY, TODAY)
    values = {date(2026, 11, 21): Decimal(40), TODAY: Decimal("10.01")}
    # 40 on a day that is over, 10.01 today (the mean of Saturdays is 10), nothing on other days.
    assert forecast(values, days) == Decimal("50.01")
    assert forecast(values | {TODAY: Decimal("9.99")}, days) == Decimal(50)


def test_counts_are_means_too_and_stay_exact() -> None:
    days = forecast_days(date(2026, 11, 30), date(2026, 11, 30))
    assert forecast({date(2026, 11, 2): 1, date(2026, 11, 23): 2}, days) == Decimal("3.75")


def test_on_the_first_of_a_month_all_of_it_is_estimated() -> None:
    days = forecast_days(date(2026, 12, 1), date(2026, 12, 1))
    assert (days.whole, days.remaining) == ((), Span(date(2026, 12, 1), date(2026, 12, 31)))
    assert days.history == Span(date(2026, 11, 3), date(2026, 11, 30))
    values = dict.fromkeys(_days(date(2026, 11, 3), date(2026, 11, 30)), Decimal("1.10"))
    assert forecast(values, days) == Decimal("34.10")


def test_a_day_that_is_not_over_in_one_store_is_no_whole_day() -> None:
    days = forecast_days(date(2026, 12, 2), date(2026, 12, 1))
    assert days.whole == ()
    assert days.history.last == date(2026, 11, 30)
    earlier = forecast_days(date(2026, 12, 1), date(2026, 11, 30))
    assert earlier.remaining.first == date(2026, 12, 1), "November is another month"
    assert earlier.history.last == date(2026, 11, 29)


@given(
    today=st.dates(date(2024, 1, 1), date(2030, 12, 31)), amount=AMOUNTS, weekday=st.integers(0, 6)
)
def test_even_sales_are_forecast_as_they_are(today: date, amount: Decimal, weekday: int) -> None:
    """Sales that are the same on each of one weekday give as many times that as it occurs."""
    days = forecast_days(today, today)
    every = _days(days.history.first - timedelta(days=40), today - timedelta(days=1))
    values = {day: amount for day in every if day.weekday() == weekday}
    count = sum(day.weekday() == weekday for day in days.month.days())
    assert forecast(values, days) == amount * count
    assert days.needed == {*days.history.days(), *days.whole}
