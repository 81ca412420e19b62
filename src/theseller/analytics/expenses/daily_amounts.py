"""Divide expenses between days.

A monthly amount is divided evenly between all days of its calendar month, a yearly one between
those of its calendar year, and one that is paid once between its own days. Days before the first
and after the last day of the expense have no part. Each part is rounded to the smallest unit of the
currency so that the parts of a whole month, a whole year or all days add up to the amount.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from theseller.analytics.expenses.types import ExpenseInput, Recurrence
from theseller.lib.money import minor_unit_digits

_ONE_DAY = timedelta(days=1)


def daily_amounts(expense: ExpenseInput, first: date, last: date) -> dict[date, Decimal]:
    """Return the parts of an expense on the days from `first` to `last`.

    Days without a part are left out. Amounts are in the currency of the expense.
    """
    found: dict[date, Decimal] = {}
    begin, end = max(first, expense.first_day), min(last, _last_day(expense) or last)
    day = begin
    while day <= end:
        opens, closes = _divided_days(expense, day)
        until = min(end, closes)
        while day <= until:
            found[day] = _part(expense, (day - opens).days + 1, (closes - opens).days + 1)
            day += _ONE_DAY
    return found


def add_by_day(expenses: Iterable[ExpenseInput], first: date, last: date) -> dict[date, Decimal]:
    """Return the sums of some expenses of one currency, by day."""
    found: dict[date, Decimal] = {}
    for expense in expenses:
        for day, amount in daily_amounts(expense, first, last).items():
            found[day] = found.get(day, Decimal(0)) + amount
    return found


def _last_day(expense: ExpenseInput) -> date | None:
    if expense.last_day is None and expense.recurrence is Recurrence.ONCE:
        return expense.first_day
    return expense.last_day


def _divided_days(expense: ExpenseInput, day: date) -> tuple[date, date]:
    """Return the first and the last day that share the amount of `day`."""
    if expense.recurrence is Recurrence.MONTHLY:
        begin = day.replace(day=1)
        return begin, (begin + timedelta(days=31)).replace(day=1) - _ONE_DAY
    if expense.recurrence is Recurrence.YEARLY:
        return date(day.year, 1, 1), date(day.year, 12, 31)
    return expense.first_day, _last_day(expense) or expense.first_day


def _part(expense: ExpenseInput, number: int, days: int) -> Decimal:
    """Return the part of the day with this number, of so many days."""
    return _until(expense, number, days) - _until(expense, number - 1, days)


def _until(expense: ExpenseInput, number: int, days: int) -> Decimal:
    if number == days:
        return expense.amount
    digits = Decimal(1).scaleb(-minor_unit_digits(expense.currency))
    return (expense.amount * number / days).quantize(digits, ROUND_HALF_EVEN)
