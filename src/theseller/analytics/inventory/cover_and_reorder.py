"""Calculate days of cover, band, order-by date and quantity to order.

Days of cover are fulfillable units per the highest of the averages over 7, 30 and 90 days, which is
the lowest of their covers. Stock is known only as it is now, so days without stock can't be told
from days without sales: both are days of the average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction

from theseller.analytics.inventory.types import (
    BAND_BEGINS,
    EXCESS_ABOVE,
    Band,
    Reorder,
    Replenishment,
    SalesWindow,
    StockLevel,
)

#: An order-by date so far away says nothing; a date of the calendar ends somewhere.
_FARTHEST_DAYS = 3650


def highest_rate(windows: Sequence[SalesWindow]) -> Fraction | None:
    """Return the highest average of units a day; None if no orders are stored."""
    return max((rate for one in windows if (rate := one.per_day) is not None), default=None)


def days_of_cover(level: StockLevel, rate: Fraction | None) -> Fraction | None:
    """Return how many days the fulfillable units last; None without sales.

    Amazon may state fewer units than none: they last for no day.
    """
    return Fraction(max(level.fulfillable, 0)) / rate if rate else None


def band_of(cover: Fraction | None, rate: Fraction | None) -> Band:
    """Return the band of days of cover.

    Without sales it is none of the bands of days; without stored orders it is unknown.
    """
    if rate is None:
        return Band.UNKNOWN
    if cover is None:
        return Band.NO_SALES
    if cover > EXCESS_ABOVE:
        return Band.EXCESS
    return next((band for band, begins in BAND_BEGINS if cover >= begins), Band.CRITICAL)


def reorder_of(
    level: StockLevel, rate: Fraction | None, inputs: Replenishment, today: date
) -> Reorder:
    """Return when to order, and how much if it is ordered today.

    The units on their way are counted with the fulfillable ones. The order-by date is the day from
    which they last for lead time and safety days. The quantity brings them to the demand of lead
    time, safety days and target cover; it is raised to the minimum quantity and to whole cartons.

    Args:
        level: the product's units.
        rate: units ordered a day; None or zero: there is nothing to order.
        inputs: what the seller entered, with the shop's default.
        today: the current day of the store.
    """
    lead, safety = inputs.lead_time_days, inputs.safety_days
    if not rate or lead is None or safety is None:
        return Reorder(None, 0, None)
    available = max(level.fulfillable + level.inbound, 0)
    last = min(int(available / rate), _FARTHEST_DAYS)
    order_by = today + timedelta(days=last - lead - safety)
    quantity = None
    if inputs.target_cover_days is not None:
        demand = math.ceil(rate * (lead + safety + inputs.target_cover_days))
        quantity = _in_cartons(demand - available, inputs)
    return Reorder(order_by, max((today - order_by).days, 0), quantity)


def _in_cartons(units: int, inputs: Replenishment) -> int:
    if units <= 0:
        return 0
    carton = inputs.carton_size or 1
    wanted = max(units, inputs.minimum_quantity or 1)
    return -(-wanted // carton) * carton
