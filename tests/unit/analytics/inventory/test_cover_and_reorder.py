"""Days of cover, bands, order-by dates and quantities, compared with counting day by day."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from theseller.analytics.inventory.cover_and_reorder import (
    band_of,
    days_of_cover,
    highest_rate,
    reorder_of,
)
from theseller.analytics.inventory.types import (
    Band,
    ProductInventory,
    Reorder,
    Replenishment,
    SalesWindow,
    StockLevel,
    decimal_of,
)

TODAY = date(2026, 11, 10)
INPUTS = Replenishment(30, 7, 60)


def _level(fulfillable: int, inbound: int = 0) -> StockLevel:
    return StockLevel(
        "A1PA6795UKMFR9", "MUG-1", "B000000001", "Mug", fulfillable, inbound, 0, 0,
        fulfillable + inbound, datetime(2026, 11, 10, 12, tzinfo=UTC),
    )  # fmt: skip


def _windows(*counts: tuple[int, int]) -> tuple[SalesWindow, ...]:
    return tuple(
        SalesWindow(days, covered, units)
        for days, (covered, units) in zip((7, 30, 90), counts, strict=True)
    )


@pytest.mark.parametrize(
    ("windows", "rate"),
    [
        # 14 in a week is more than 30 in a month and 45 in a quarter.
        (_windows((7, 14), (30, 30), (90, 45)), Fraction(2)),
        # A week without stock looks like a week without sales: the longer windows count.
        (_windows((7, 0), (30, 30), (90, 180)), Fraction(2)),
        # Days whose orders are not stored are in no average.
        (_windows((0, 0), (10, 20), (10, 20)), Fraction(2)),
        (_windows((7, 0), (30, 0), (90, 0)), Fraction(0)),
        (_windows((0, 0), (0, 0), (0, 0)), None),
    ],
)
def test_the_highest_average_counts(
    windows: tuple[SalesWindow, ...], rate: Fraction | None
) -> None:
    assert highest_rate(windows) == rate


@pytest.mark.parametrize(
    ("fulfillable", "band"),
    [
        (0, Band.CRITICAL), (13, Band.CRITICAL), (14, Band.AT_RISK), (27, Band.AT_RISK),
        (28, Band.WATCH), (41, Band.WATCH), (42, Band.HEALTHY), (360, Band.HEALTHY),
        (361, Band.EXCESS),
    ],
)  # fmt: skip
def test_each_band_begins_where_the_page_says(fulfillable: int, band: Band) -> None:
    cover = days_of_cover(_level(fulfillable), Fraction(2))
    assert band_of(cover, Fraction(2)) is band


def test_fewer_units_than_none_are_critical() -> None:
    cover = days_of_cover(_level(-3), Fraction(2))
    assert (cover, band_of(cover, Fraction(2))) == (Fraction(0), Band.CRITICAL)
    assert band_of(Fraction(-1), Fraction(2)) is Band.CRITICAL


def test_no_sales_and_no_orders_are_no_number_of_days() -> None:
    assert days_of_cover(_level(5), Fraction(0)) is None
    assert band_of(None, Fraction(0)) is Band.NO_SALES
    assert band_of(None, None) is Band.UNKNOWN
    assert reorder_of(_level(5), Fraction(0), INPUTS, TODAY) == Reorder(None, 0, None)
    assert reorder_of(_level(5), None, INPUTS, TODAY) == Reorder(None, 0, None)


def test_without_lead_time_or_target_cover_nothing_is_guessed() -> None:
    rate = Fraction(2)
    assert reorder_of(_level(5), rate, Replenishment(safety_days=7), TODAY).order_by is None
    found = reorder_of(_level(5), rate, Replenishment(30, 7), TODAY)
    assert (found.order_by, found.quantity) == (TODAY - timedelta(days=35), None)


def test_an_order_by_date_that_is_past_is_late() -> None:
    found = reorder_of(_level(20), Fraction(2), INPUTS, TODAY)
    # 20 units last 10 days; lead time and safety are 37.
    assert (found.order_by, found.days_late) == (TODAY - timedelta(days=27), 27)
    # 97 days of two units, less 20.
    assert found.quantity == 174
    assert reorder_of(_level(74), Fraction(2), INPUTS, TODAY).days_late == 0


@pytest.mark.parametrize(
    ("available", "inputs", "quantity"),
    [
        (20, Replenishment(30, 7, 60, 12), 180),
        (20, Replenishment(30, 7, 60, 12, 500), 504),
        (193, Replenishment(30, 7, 60, 1, 50), 50),
        (194, Replenishment(30, 7, 60, 12, 50), 0),
    ],
)
def test_quantities_are_whole_cartons_of_at_least_the_minimum(
    available: int, inputs: Replenishment, quantity: int
) -> None:
    assert reorder_of(_level(available), Fraction(2), inputs, TODAY).quantity == quantity


def test_dates_and_quantities_equal_those_counted_day_by_day() -> None:
    """Take the demand of each day off the units, and see which day is the last to order."""
    draw = random.Random(20261110)  # noqa: S311 - a fixed sequence of cases
    for _ in range(300):
        rate = Fraction(draw.randint(1, 60), draw.randint(1, 90))
        lead, safety, target = draw.randint(0, 90), draw.randint(0, 30), draw.randint(1, 120)
        inputs = Replenishment(lead, safety, target, draw.choice([None, 6]))
        level = _level(draw.randint(0, 400), draw.randint(0, 400))
        left, lasts = Fraction(level.fulfillable + level.inbound), 0
        while left - rate >= 0 and lasts < 3650:
            left, lasts = left - rate, lasts + 1
        needed = lead + safety
        found = reorder_of(level, rate, inputs, TODAY)
        assert found.order_by == TODAY + timedelta(days=lasts - needed)
        assert found.days_late == max(needed - lasts, 0)
        demand = sum([rate] * (needed + target), Fraction())
        quantity = found.quantity or 0
        carton = inputs.carton_size or 1
        available = level.fulfillable + level.inbound
        assert quantity % carton == 0
        assert available + quantity >= demand
        assert quantity == 0 or available + quantity - carton < demand


def test_cover_is_rounded_down_and_averages_to_the_nearest() -> None:
    row = ProductInventory(
        _level(20), (), Fraction(209, 10) + Fraction(99, 1000), Band.WATCH, INPUTS, INPUTS,
        Reorder(None, 0, None),
    )  # fmt: skip
    assert str(row.cover) == "20.9"
    assert str(decimal_of(Fraction(2, 3), 4)) == "0.6667"
    assert decimal_of(None, 2) is None


def test_what_is_not_entered_for_a_product_is_the_default() -> None:
    own = Replenishment(lead_time_days=0, carton_size=6)
    default = Replenishment(30, 7, 60, 12, 100)
    assert own.or_default(default) == Replenishment(0, 7, 60, 6, 100)
