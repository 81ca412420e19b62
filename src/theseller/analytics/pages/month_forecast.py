"""Forecast what the current month will be, from days that are over.

The forecast is the sum of the month's whole days and, for each other day of the month, the mean of
its weekday in the last 28 whole days: four days. A day that is not over counts with what it has
already, if that is more. Nothing else is in it: no trend, season, holiday or stock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from theseller.analytics.pages.periods import Span, add_months

#: The whole days behind the means: each weekday four times.
HISTORY_DAYS = 28
_WEEKS = HISTORY_DAYS // 7


@dataclass(frozen=True, slots=True)
class ForecastDays:
    """The days of a forecast.

    `month` is the whole month, `history` the 28 days before the first day that is not over;
    `remaining` are the days of the month that are not over.
    """

    month: Span
    history: Span
    remaining: Span

    @property
    def whole(self) -> tuple[date, ...]:
        """The days of the month that are over."""
        return tuple(day for day in self.month.days() if day < self.remaining.first)

    @property
    def needed(self) -> frozenset[date]:
        """The days without whose data there is no forecast."""
        return frozenset((*self.history.days(), *self.whole))


def forecast_days(today: date, first_open: date) -> ForecastDays:
    """Return the days of the forecast of the current month.

    Args:
        today: the newest calendar day of the stores.
        first_open: the first day that is not over in every store, `today` or the day before.
    """
    first = today.replace(day=1)
    last = add_months(first, 1) - timedelta(days=1)
    return ForecastDays(
        Span(first, last),
        Span(first_open - timedelta(days=HISTORY_DAYS), first_open - timedelta(days=1)),
        Span(max(first, first_open), last),
    )


def forecast(values: Mapping[date, Decimal | int], days: ForecastDays) -> Decimal:
    """Return the forecast of a figure that adds up over days, exactly.

    Args:
        values: the figure of each day. A day that is left out is zero: the caller has made sure
            that the data of `days.needed` is stored.
        days: the days of the forecast.
    """
    sums = {weekday: Decimal(0) for weekday in range(7)}
    for day in days.history.days():
        sums[day.weekday()] += values.get(day, 0)
    total = sum((Decimal(values.get(day, 0)) for day in days.whole), Decimal(0))
    for day in days.remaining.days():
        total += max(Decimal(values.get(day, 0)), sums[day.weekday()] / _WEEKS)
    return total
