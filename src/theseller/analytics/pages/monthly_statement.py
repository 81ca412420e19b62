"""The profit and loss statement by month: its lines, months and cells.

Where some days of a month have no data, its cells say how many; without figures of the other days
they are None, which is not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum

from django.utils.translation import gettext_noop

from theseller.analytics.pages.periods import Span, add_months
from theseller.analytics.pages.queries import add_up
from theseller.analytics.pages.types import Coverage
from theseller.analytics.rollups.types import Figures
from theseller.lib.money import Money

#: How many months a statement may show; facts are kept for 18.
MONTH_CHOICES = (3, 6, 12, 18)
DEFAULT_MONTHS = 12
MONEY, COUNT, RATIO = "money", "count", "ratio"
Value = Money | int | Decimal | None


class Days(Enum):
    """Days that need Amazon's data for the value of a line to be known."""

    NONE = "none"
    ANY = "any"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the statement.

    `ordered`: it counts by purchase date, otherwise by posted date. `rank` is ``total``, ``line``
    or ``part``, which is a part of the line above it. `needed`: it is shown even if it is zero in
    every month. `shown`: else it is shown if this is so of a month; None: if its value is not zero.
    `needs_days`: which days of a month need data for its value to be known.
    """

    key: str
    label: str
    unit: str
    value: Callable[[Figures], Decimal | int | None]
    ordered: bool = False
    rank: str = "line"
    needed: bool = False
    shown: Callable[[Figures], bool] | None = None
    needs_days: Days = Days.ANY

    def is_shown(self, months: Iterable[Figures]) -> bool:
        """Return whether the statement of these months has the line."""
        return self.needed or any(
            self.shown(month) if self.shown else self.value(month) for month in months
        )


def _if_profit(value: Callable[[Figures], Decimal | None]) -> Callable[[Figures], Decimal | None]:
    """Return a value that is None where profit is not known."""
    return lambda figures: None if figures.profit is None else value(figures)


LINES = (
    Line(
        "ordered_sales",
        gettext_noop("Ordered sales"),
        MONEY,
        lambda f: f.ordered_sales,
        ordered=True,
        rank="total",
        needed=True,
    ),
    Line("orders", gettext_noop("Orders"), COUNT, lambda f: f.orders, ordered=True, needed=True),
    Line("units", gettext_noop("Units"), COUNT, lambda f: f.units, ordered=True, needed=True),
    Line(
        "product_sales",
        gettext_noop("Product sales"),
        MONEY,
        lambda f: f.product_sales,
        needed=True,
    ),
    Line("credits", gettext_noop("Shipping & gift wrap credits"), MONEY, lambda f: f.credits),
    Line("discounts", gettext_noop("Discounts"), MONEY, lambda f: f.discounts),
    Line("refunds", gettext_noop("Refunds"), MONEY, lambda f: f.refunded_sales, needed=True),
    Line("fees", gettext_noop("Amazon fees"), MONEY, lambda f: f.fees, needed=True),
    Line(
        "selling_fees",
        gettext_noop("Referral & selling fees"),
        MONEY,
        lambda f: f.selling_fees,
        rank="part",
    ),
    Line(
        "fulfillment_fees",
        gettext_noop("FBA fulfillment & returns"),
        MONEY,
        lambda f: f.fulfilment_fees,
        rank="part",
    ),
    Line(
        "storage_fees",
        gettext_noop("FBA storage & inbound"),
        MONEY,
        lambda f: f.storage_fees,
        rank="part",
    ),
    Line("other_fees", gettext_noop("Other fees"), MONEY, lambda f: f.other_fees, rank="part"),
    Line("advertising", gettext_noop("Advertising"), MONEY, lambda f: f.advertising),
    Line("reimbursements", gettext_noop("Reimbursements"), MONEY, lambda f: f.reimbursements),
    Line("unclassified", gettext_noop("Not classified"), MONEY, lambda f: f.unclassified),
    Line(
        "net_proceeds",
        gettext_noop("Net proceeds"),
        MONEY,
        lambda f: f.net_proceeds,
        rank="total",
        needed=True,
    ),
    Line(
        "uncosted",
        gettext_noop("Products without a cost"),
        MONEY,
        _if_profit(lambda f: -f.uncosted_net),
        shown=lambda f: f.uncosted_lines > 0,
    ),
    Line(
        "cost_of_goods",
        gettext_noop("Cost of goods"),
        MONEY,
        _if_profit(lambda f: -f.cost_of_goods),
        needed=True,
    ),
    Line(
        "profit",
        gettext_noop("Profit"),
        MONEY,
        lambda f: f.profit,
        rank="total",
        needed=True,
    ),
    Line(
        "costed_share",
        gettext_noop("Share of sales whose cost is known"),
        RATIO,
        lambda f: f.costed_share if f.cost_days else None,
        rank="part",
        shown=lambda f: f.uncosted_lines > 0,
    ),
    Line(
        "expenses",
        gettext_noop("Expenses"),
        MONEY,
        lambda f: -f.expenses,
        shown=lambda f: f.expense_days > 0,
        needs_days=Days.NONE,
    ),
    Line(
        "net_profit",
        gettext_noop("Net profit"),
        MONEY,
        lambda f: f.net_profit,
        rank="total",
        shown=lambda f: f.expense_days > 0,
        needs_days=Days.ALL,
    ),
    Line("margin", gettext_noop("Margin"), RATIO, lambda f: f.margin, needed=True),
    Line("refund_rate", gettext_noop("Refund rate"), RATIO, lambda f: f.refund_rate, needed=True),
    Line("deferred", gettext_noop("Deferred transactions"), MONEY, lambda f: f.deferred),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of a line, of a month or of all; None if it is unknown.

    `missing` is the number of days without data of the line's basis.
    """

    value: Value
    missing: int


@dataclass(frozen=True, slots=True)
class Row:
    """A line with its cells: one for each month, then their total."""

    line: Line
    cells: tuple[Cell, ...]
    total: Cell

    @property
    def newest_first(self) -> tuple[Cell, ...]:
        """The total, then the months, the newest first.

        It is the order of the page's columns.
        """
        return (self.total, *reversed(self.cells))


@dataclass(frozen=True, slots=True)
class Statement:
    """The months, oldest first, and the rows of the two bases.

    `lacks_costs`: the cost of some of the products for which money was posted is not known.
    """

    months: tuple[Span, ...]
    ordered: tuple[Row, ...]
    posted: tuple[Row, ...]
    lacks_costs: bool

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, in the order of the page."""
        return self.ordered + self.posted


def months_until(last: date, count: int, first_day: date) -> tuple[Span, ...]:
    """Return the `count` calendar months up to that of `last`.

    They are in order, the oldest first. The last month ends on `last` if that is earlier. Months
    before the one of `first_day` are left out, but never the last.
    """
    begin = last.replace(day=1)
    firsts = [add_months(begin, -back) for back in range(count - 1, 0, -1)]
    spans = [Span(one, add_months(one, 1) - timedelta(days=1)) for one in firsts]
    return (*(span for span in spans if span.last >= first_day), Span(begin, last))


def statement(
    months: Sequence[Span],
    by_day: Mapping[date, Figures],
    known: Coverage,
    currency: str,
    expenses: Mapping[date, Decimal] | None = None,
) -> Statement:
    """Return the statement of some months of one currency.

    Args:
        months: whole calendar months, but for the last.
        by_day: the figures of their days.
        known: which of the days have data of orders and of money.
        currency: ISO 4217 code of all amounts.
        expenses: those of the days, above zero; None if none is entered.
    """
    parts = [
        (month, add_up(by_day[day] for day in month.days() if day in by_day)) for month in months
    ]
    if expenses is not None:
        parts = [(month, _with_expenses(month, figures, expenses)) for month, figures in parts]
    total = add_up(figures for _month, figures in parts)
    if total.cost_days:
        # In a shop that entered costs, the profit of a month without figures is zero.
        parts = [(month, replace(figures, cost_days=month.length)) for month, figures in parts]
    rows = [
        Row(
            line,
            tuple(_cell(line, figures, [month], known, currency) for month, figures in parts),
            _cell(line, total, months, known, currency),
        )
        for line in LINES
        if line.is_shown(figures for _month, figures in parts)
    ]
    return Statement(
        tuple(months),
        tuple(row for row in rows if row.line.ordered),
        tuple(row for row in rows if not row.line.ordered),
        bool(total.uncosted_lines if total.cost_days else total.posted_lines),
    )


def _with_expenses(month: Span, figures: Figures, expenses: Mapping[date, Decimal]) -> Figures:
    of_days = (expenses.get(day, Decimal(0)) for day in month.days())
    return replace(figures, expenses=sum(of_days, Decimal(0)), expense_days=month.length)


def _cell(
    line: Line, figures: Figures, months: Sequence[Span], known: Coverage, currency: str
) -> Cell:
    covered = known.orders if line.ordered else known.money
    days = sum(month.length for month in months)
    missing = (
        0
        if line.needs_days is Days.NONE
        else days - sum(day in covered for month in months for day in month.days())
    )
    value = line.value(figures)
    anything = figures.order_items if line.ordered else figures.posted_lines or figures.deferred
    if value is None or (missing and (not anything or line.needs_days is Days.ALL)):
        return Cell(None, missing)
    return Cell(Money(Decimal(value), currency) if line.unit == MONEY else value, missing)
