"""Expenses divided between days: whole months, years and spans add up to the amount, exactly."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.analytics.expenses.daily_amounts import add_by_day, daily_amounts
from theseller.analytics.expenses.types import ExpenseInput, Recurrence

_FAR = date(2199, 12, 31)


def _expense(
    amount: str,
    recurrence: Recurrence,
    first: date,
    last: date | None = None,
    currency: str = "EUR",
) -> ExpenseInput:
    return ExpenseInput("Rent", "rent", "", currency, Decimal(amount), recurrence, first, last)


def _total(expense: ExpenseInput, first: date, last: date) -> Decimal:
    return sum(daily_amounts(expense, first, last).values(), Decimal(0))


def test_monthly_amount_counts_whole_in_each_month() -> None:
    rent = _expense("100.00", Recurrence.MONTHLY, date(2026, 1, 1))
    for first, last in (
        (date(2026, 1, 1), date(2026, 1, 31)),
        (date(2026, 2, 1), date(2026, 2, 28)),
        (date(2028, 2, 1), date(2028, 2, 29)),
    ):
        assert _total(rent, first, last) == Decimal("100.00")
    assert _total(rent, date(2026, 1, 1), date(2026, 12, 31)) == Decimal("1200.00")


def test_part_of_a_month_has_the_part_of_its_days() -> None:
    rent = _expense("310.00", Recurrence.MONTHLY, date(2026, 1, 11), date(2026, 3, 10))
    found = daily_amounts(rent, date(2025, 1, 1), _FAR)
    assert set(found) == {date(2026, 1, 11) + timedelta(days=n) for n in range(59)}
    assert {found[date(2026, 1, day)] for day in range(11, 32)} == {Decimal("10.00")}
    assert sum(found[date(2026, 3, day)] for day in range(1, 11)) == Decimal("100.00")


def test_yearly_amount_counts_whole_in_a_calendar_year() -> None:
    tax = _expense("1000.00", Recurrence.YEARLY, date(2025, 7, 1))
    assert _total(tax, date(2026, 1, 1), date(2026, 12, 31)) == Decimal("1000.00")
    # 184 of 365 days, and rounding to cents once for each day.
    assert abs(_total(tax, date(2025, 1, 1), date(2025, 12, 31)) - Decimal("504.11")) <= Decimal(
        "0.01"
    )


def test_once_counts_on_its_day_or_is_divided_between_its_days() -> None:
    day = date(2026, 5, 5)
    assert daily_amounts(_expense("99.99", Recurrence.ONCE, day), date(2026, 1, 1), _FAR) == {
        day: Decimal("99.99")
    }
    spread = _expense("10.00", Recurrence.ONCE, day, day + timedelta(days=2))
    assert list(daily_amounts(spread, date(2026, 1, 1), _FAR).values()) == [
        Decimal("3.33"),
        Decimal("3.34"),
        Decimal("3.33"),
    ]


def test_yen_have_no_decimals() -> None:
    spread = _expense("100", Recurrence.MONTHLY, date(2026, 1, 1), currency="JPY")
    found = daily_amounts(spread, date(2026, 1, 1), date(2026, 1, 31))
    assert all(amount == round(amount) for amount in found.values())
    assert sum(found.values()) == 100


def test_days_of_other_periods_have_no_part() -> None:
    rent = _expense("100.00", Recurrence.MONTHLY, date(2026, 3, 1))
    assert daily_amounts(rent, date(2026, 1, 1), date(2026, 2, 28)) == {}


@given(
    amount=st.decimals(min_value="0.01", max_value="999999.99", places=2),
    recurrence=st.sampled_from(list(Recurrence)),
    first=st.dates(date(2024, 1, 1), date(2026, 12, 31)),
    days=st.integers(0, 900),
    cut=st.integers(0, 900),
)
def test_parts_are_the_same_for_any_requested_days(
    amount: Decimal, recurrence: Recurrence, first: date, days: int, cut: int
) -> None:
    expense = _expense(str(amount), recurrence, first, first + timedelta(days=days))
    last = first + timedelta(days=days)
    whole = daily_amounts(expense, first, last)
    middle = first + timedelta(days=cut)
    parts = daily_amounts(expense, date(2023, 1, 1), middle) | daily_amounts(
        expense, middle + timedelta(days=1), _FAR.replace(year=2030)
    )
    assert parts == whole
    assert len(whole) == days + 1
    assert all(part >= 0 for part in whole.values())
    if recurrence is Recurrence.ONCE:
        assert sum(whole.values()) == amount


@pytest.mark.parametrize("recurrence", list(Recurrence))
def test_sums_by_day(recurrence: Recurrence) -> None:
    one = _expense("10.00", recurrence, date(2026, 1, 1), date(2026, 1, 31))
    two = _expense("3.00", Recurrence.ONCE, date(2026, 1, 2))
    found = add_by_day([one, two], date(2026, 1, 1), date(2026, 1, 31))
    assert sum(found.values()) == _total(one, date(2026, 1, 1), date(2026, 1, 31)) + 3
