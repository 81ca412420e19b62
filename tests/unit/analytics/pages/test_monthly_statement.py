"""Months and cells of the statement: what is summed, what is unknown."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from theseller.analytics.pages.monthly_statement import (
    LINES,
    Cell,
    Statement,
    months_until,
    statement,
)
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import Coverage
from theseller.analytics.rollups.types import Figures
from theseller.lib.money import Money

OCTOBER = Span(date(2026, 10, 1), date(2026, 10, 31))
NOVEMBER = Span(date(2026, 11, 1), date(2026, 11, 30))
BOTH = Span(OCTOBER.first, NOVEMBER.last)
EVERY_DAY = frozenset(BOTH.days())
DAY = Figures(
    orders=2,
    order_items=2,
    units=3,
    ordered_sales=Decimal("50.00"),
    product_sales=Decimal("40.00"),
    fees=Decimal("-10.00"),
    selling_fees=Decimal("-6.00"),
    net_proceeds=Decimal("30.00"),
    refunds=1,
    posted_orders=4,
    posted_lines=9,
)


def _statement(by_day: dict[date, Figures], known: Coverage) -> Statement:
    return statement((OCTOBER, NOVEMBER), by_day, known, "EUR")


def _cells(shown: Statement, key: str) -> tuple[Cell, ...]:
    (row,) = (row for row in shown.rows if row.line.key == key)
    return (*row.cells, row.total)


def test_each_month_and_the_total_are_sums_of_their_days() -> None:
    days = {date(2026, 10, 31): DAY, date(2026, 11, 1): DAY, date(2026, 11, 30): DAY}
    shown = _statement(days, Coverage(BOTH, EVERY_DAY, EVERY_DAY))
    assert _cells(shown, "net_proceeds") == tuple(
        Cell(Money(Decimal(amount), "EUR"), 0) for amount in (30, 60, 90)
    )
    assert [cell.value for cell in _cells(shown, "units")] == [3, 6, 9]
    assert [cell.value for cell in _cells(shown, "other_fees")] == [
        Money(Decimal(amount), "EUR") for amount in (-4, -8, -12)
    ]
    # A ratio of the sums, not a sum or mean of ratios.
    assert [cell.value for cell in _cells(shown, "margin")] == [Decimal("0.75")] * 3
    assert [cell.value for cell in _cells(shown, "refund_rate")] == [Decimal("0.25")] * 3


def test_profit_is_unknown_or_says_of_which_sales_it_is() -> None:
    costed = replace(
        DAY, cost_days=1, cost_of_goods=Decimal(12), costed_sales=Decimal(40), costed_lines=9
    )
    partly = replace(
        DAY, cost_days=1, cost_of_goods=Decimal(3), costed_sales=Decimal(10), costed_lines=2,
        uncosted_sales=Decimal(30), uncosted_net=Decimal(22), uncosted_lines=7,
    )  # fmt: skip
    unknown = replace(
        DAY, cost_days=1, uncosted_sales=Decimal(40), uncosted_net=Decimal(30), uncosted_lines=9
    )
    whole = Coverage(BOTH, EVERY_DAY, EVERY_DAY)

    def values(october: Figures | None, november: Figures) -> dict[str, list[Decimal | int | None]]:
        days = {NOVEMBER.first: november} | ({OCTOBER.last: october} if october else {})
        shown = _statement(days, whole)
        return {
            row.line.key: [
                cell.value.amount if isinstance(cell.value, Money) else cell.value
                for cell in _cells(shown, row.line.key)
            ]
            for row in shown.posted
            if row.line.key in {"uncosted", "cost_of_goods", "profit", "costed_share"}
        } | {"lacks": [shown.lacks_costs]}

    assert values(None, costed) == {
        "cost_of_goods": [0, -12, -12], "profit": [0, 18, 18], "lacks": [False],
    }  # fmt: skip
    assert values(costed, partly) == {
        "uncosted": [0, -22, -22],
        "cost_of_goods": [-12, -3, -15],
        "profit": [18, 5, 23],
        "costed_share": [1, Decimal("0.25"), Decimal("0.625")],
        "lacks": [True],
    }
    assert values(costed, unknown) == {
        "uncosted": [0, None, -30],
        "cost_of_goods": [-12, None, -12],
        "profit": [18, None, 18],
        "costed_share": [1, 0, Decimal("0.5")],
        "lacks": [True],
    }
    assert values(None, DAY) == {
        "cost_of_goods": [None] * 3, "profit": [None] * 3, "lacks": [True],
    }  # fmt: skip


def test_net_profit_is_known_where_all_days_and_all_costs_are() -> None:
    costed = replace(
        DAY, cost_days=1, cost_of_goods=Decimal(12), costed_sales=Decimal(40), costed_lines=9
    )
    partly = replace(costed, uncosted_lines=1, uncosted_net=Decimal(1), uncosted_sales=Decimal(2))
    rent = {OCTOBER.first: Decimal(5), NOVEMBER.first: Decimal(7)}

    def amounts(key: str, day: Figures, known: Coverage) -> list[object]:
        days = {OCTOBER.last: day, NOVEMBER.last: costed}
        shown = statement((OCTOBER, NOVEMBER), days, known, "EUR", rent)
        return [
            cell.value.amount if isinstance(cell.value, Money) else cell.value
            for cell in _cells(shown, key)
        ]

    whole = Coverage(BOTH, EVERY_DAY, EVERY_DAY)
    gap = Coverage(BOTH, EVERY_DAY, EVERY_DAY - {OCTOBER.first})
    assert amounts("net_profit", costed, whole) == [13, 11, 24]
    assert amounts("net_profit", partly, whole) == [None, 11, None]
    assert amounts("net_profit", costed, gap) == [None, 11, None]
    assert amounts("expenses", partly, gap) == [-5, -7, -12]
    without = _statement({OCTOBER.last: costed}, whole)
    assert {"expenses", "net_profit"}.isdisjoint(row.line.key for row in without.rows)


def test_lines_of_one_basis_stand_together_and_zero_lines_are_left_out() -> None:
    shown = _statement({date(2026, 10, 31): DAY}, Coverage(BOTH, EVERY_DAY, EVERY_DAY))
    assert all(row.line.ordered for row in shown.ordered)
    assert not any(row.line.ordered for row in shown.posted)
    keys = {row.line.key for row in shown.rows}
    assert {"advertising", "unclassified", "deferred", "storage_fees"}.isdisjoint(keys)
    assert {line.key for line in LINES if line.needed} <= keys


@pytest.mark.parametrize(
    ("orders", "money", "sales", "net"),
    [
        (
            EVERY_DAY,
            EVERY_DAY,
            Cell(Money(Decimal(0), "EUR"), 0),
            Cell(Money(Decimal(0), "EUR"), 0),
        ),
        (EVERY_DAY, frozenset(), Cell(Money(Decimal(0), "EUR"), 0), Cell(None, 30)),
        (frozenset(), EVERY_DAY, Cell(None, 30), Cell(Money(Decimal(0), "EUR"), 0)),
        (
            EVERY_DAY - {NOVEMBER.last},
            frozenset({NOVEMBER.first}),
            Cell(None, 1),
            Cell(None, 29),
        ),
    ],
)
def test_a_month_without_figures_is_zero_only_where_all_its_days_have_data(
    orders: frozenset[date], money: frozenset[date], sales: Cell, net: Cell
) -> None:
    shown = _statement({date(2026, 10, 31): DAY}, Coverage(BOTH, orders, money))
    assert _cells(shown, "ordered_sales")[1] == sales
    assert _cells(shown, "net_proceeds")[1] == net


def test_figures_of_days_that_no_document_covers_are_shown_with_the_days_that_are_missing() -> None:
    shown = _statement({date(2026, 10, 31): DAY}, Coverage(BOTH, frozenset(), frozenset()))
    assert _cells(shown, "net_proceeds") == (
        Cell(Money(Decimal(30), "EUR"), 31),
        Cell(None, 30),
        Cell(Money(Decimal(30), "EUR"), 61),
    )
    only_deferred = replace(Figures(), deferred=Decimal("5.00"))
    shown = _statement({date(2026, 11, 1): only_deferred}, Coverage(BOTH, frozenset(), frozenset()))
    assert _cells(shown, "deferred")[1] == Cell(Money(Decimal(5), "EUR"), 30)


@pytest.mark.parametrize(
    ("last", "count", "first_day", "wanted"),
    [
        (
            date(2026, 3, 5),
            3,
            date(2025, 1, 1),
            [
                ("2026-01-01", "2026-01-31"),
                ("2026-02-01", "2026-02-28"),
                ("2026-03-01", "2026-03-05"),
            ],
        ),
        (
            date(2024, 2, 29),
            2,
            date(2024, 1, 31),
            [("2024-01-01", "2024-01-31"), ("2024-02-01", "2024-02-29")],
        ),
        (
            date(2026, 3, 5),
            12,
            date(2026, 2, 28),
            [("2026-02-01", "2026-02-28"), ("2026-03-01", "2026-03-05")],
        ),
        (date(2026, 3, 5), 12, date(2026, 4, 1), [("2026-03-01", "2026-03-05")]),
    ],
)
def test_months_end_with_the_one_of_the_last_day(
    last: date, count: int, first_day: date, wanted: list[tuple[str, str]]
) -> None:
    months = months_until(last, count, first_day)
    assert [(one.first.isoformat(), one.last.isoformat()) for one in months] == wanted
    assert all(
        later.first - earlier.last == timedelta(days=1)
        for earlier, later in itertools.pairwise(months)
    )
