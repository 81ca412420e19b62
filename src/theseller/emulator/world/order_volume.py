"""Number of orders per day: growth, season, weekday, events.

The shares are from public seller statistics; see `SEASON`.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from functools import lru_cache

#: Share of an average month: November and December carry the year, January and summer rest.
SEASON = (0.90, 0.92, 0.95, 0.96, 0.97, 0.92, 0.95, 0.90, 0.98, 1.05, 1.42, 1.55)
#: Monday to Sunday: orders come early in the week.
WEEKDAY = (1.09, 1.07, 1.04, 0.98, 0.91, 0.90, 1.01)
#: Share of the day's orders by local hour: a hump at noon and a higher one in the evening.
HOURS = (12, 7, 4, 3, 3, 6, 14, 26, 40, 52, 60, 68, 72, 68, 60, 56, 55, 58, 64, 78, 86, 80, 56, 30)


@lru_cache(maxsize=64)
def event_days(year: int) -> dict[date, float]:
    """Return the days of `year` with extra demand and their factors.

    Prime Day, and Black Friday to Cyber Monday.
    """
    days: dict[date, float] = {}
    first_july = date(year, 7, 1)
    prime = first_july + timedelta(
        days=(1 - first_july.weekday()) % 7 + 7
    )  # The second Tuesday of July.
    for offset in range(2 if year < 2025 else 4):
        days[prime + timedelta(days=offset)] = 2.8 if offset < 2 else 2.0
    first_november = date(year, 11, 1)
    black_friday = first_november + timedelta(days=(3 - first_november.weekday()) % 7 + 22)
    for offset, factor in ((0, 2.4), (1, 1.7), (2, 1.7), (3, 2.6)):
        days[black_friday + timedelta(days=offset)] = factor
    return days


@lru_cache(maxsize=8192)
def level(day: date, opened: date) -> float:
    """Return demand on `day` as a share of the store's ordinary day.

    0 before the store opened.
    """
    age = (day - opened).days
    if age < 0:
        return 0.0
    growth = (0.62 + 0.5 * (1 - math.exp(-age / 600))) / (1 + math.exp(-(age - 25) / 9))
    season = SEASON[day.month - 1]
    if day.month == 12 and day.day > 18:
        season = 0.95  # Too late for a parcel before Christmas.
    return growth * season * WEEKDAY[day.weekday()] * event_days(day.year).get(day, 1.0)
