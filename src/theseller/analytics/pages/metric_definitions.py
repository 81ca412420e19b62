"""The figures of the dashboard.

What each is called, which basis it has, and whether a rise is good.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext_noop

from theseller.analytics.rollups.types import Figures
from theseller.edge.number_formatting import Polarity
from theseller.lib.money import Money

#: The two bases of figures, as pages name them.
BY_PURCHASE_DATE = gettext_noop("by purchase date")
BY_POSTED_DATE = gettext_noop("by posted date")
MONEY, COUNT = "money", "count"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of the dashboard.

    `value` turns stored figures into what is shown: refunds and fees, which are stored as negative
    amounts, are shown as positive costs. `polarity` says whether a rise is good, `is_known` whether
    there is a value at all.
    """

    key: str
    label: str
    polarity: Polarity
    basis: str
    unit: str
    value: Callable[[Figures], Decimal | int]
    help: str
    is_known: Callable[[Figures], bool] = lambda _: True

    @property
    def is_money(self) -> bool:
        """Whether the figure is an amount of money, not a count."""
        return self.unit == MONEY

    @property
    def from_ledger(self) -> bool:
        """Whether the figure counts by posted date."""
        return self.basis == BY_POSTED_DATE

    def shown(self, figures: Figures, currency: str) -> Money | int | None:
        """Return the figure as pages show it.

        It is an amount with its currency, or a count. None where Amazon has posted nothing yet, or
        the figure is not known.
        """
        value = self.value(figures)
        if not self.is_known(figures):
            return None
        if self.from_ledger and not figures.posted_lines and not value:
            return None
        return Money(Decimal(value), currency) if self.is_money else int(value)


METRICS = (
    Metric(
        "sales",
        gettext_noop("Ordered sales"),
        "good",
        BY_PURCHASE_DATE,
        MONEY,
        lambda f: f.ordered_sales,
        gettext_noop(
            "Price of the products ordered, before discounts, without shipping. "
            "Canceled and replacement orders are excluded."
        ),
    ),
    Metric(
        "units",
        gettext_noop("Units"),
        "good",
        BY_PURCHASE_DATE,
        COUNT,
        lambda f: f.units,
        gettext_noop("Units ordered, including pending orders."),
    ),
    Metric(
        "orders",
        gettext_noop("Orders"),
        "good",
        BY_PURCHASE_DATE,
        COUNT,
        lambda f: f.orders,
        gettext_noop("Orders, excluding canceled and replacement orders."),
    ),
    Metric(
        "refunds",
        gettext_noop("Refunds"),
        "bad",
        BY_POSTED_DATE,
        MONEY,
        lambda f: -f.refunded_sales,
        gettext_noop("Money refunded to buyers, by the day Amazon posted it."),
    ),
    Metric(
        "fees",
        gettext_noop("Amazon fees"),
        "neutral",
        BY_POSTED_DATE,
        MONEY,
        lambda f: -f.fees,
        gettext_noop("Selling, fulfillment, storage and other fees, less those refunded."),
    ),
    Metric(
        "net",
        gettext_noop("Net proceeds"),
        "good",
        BY_POSTED_DATE,
        MONEY,
        lambda f: f.net_proceeds,
        gettext_noop(
            "What Amazon has released or settled: sales, discounts, refunds, fees, advertising "
            "and reimbursements, before your own costs. Money that Amazon defers is not in it."
        ),
    ),
    Metric(
        "profit",
        gettext_noop("Profit"),
        "good",
        BY_POSTED_DATE,
        MONEY,
        lambda f: f.profit_sum,
        gettext_noop(
            "Net proceeds less the cost of the units whose sale Amazon posted. Sales of products "
            "without a cost are left out, with their fees. The cost of refunded units is not given "
            "back. Overheads are not included."
        ),
        lambda f: f.profit is not None,
    ),
)
BY_KEY = {metric.key: metric for metric in METRICS}

#: What the dashboard's figures mean, in their order: label and definition.
DEFINITIONS = tuple((metric.label, metric.help) for metric in METRICS)
#: The same of the columns of the product table.
COLUMN_DEFINITIONS = (
    (gettext_noop("Sales"), BY_KEY["sales"].help),
    (
        gettext_noop("Change"),
        gettext_noop("Sales compared with those of the period of comparison."),
    ),
    (gettext_noop("Units"), BY_KEY["units"].help),
    (
        gettext_noop("Orders"),
        gettext_noop(
            "Orders, excluding canceled and replacement orders. An order of two products counts"
            " once for each, and once in the total."
        ),
    ),
    (
        gettext_noop("Refund rate"),
        gettext_noop(
            "Refunded orders per order whose sale Amazon posted, both by the day it posted them."
        ),
    ),
    (
        gettext_noop("Fees"),
        (
            gettext_noop(
                "Fees that Amazon posted for the product, less those refunded. Shown as a cost, so"
                " below zero."
            )
        ),
    ),
    (gettext_noop("Net proceeds"), BY_KEY["net"].help),
    (
        gettext_noop("Margin"),
        gettext_noop("Net proceeds per product sales that Amazon posted, before your own costs."),
    ),
    (gettext_noop("Profit"), BY_KEY["profit"].help),
    (gettext_noop("Profit margin"), gettext_noop("Profit per product sales that Amazon posted.")),
    (gettext_noop("ROI"), gettext_noop("Profit per cost of the goods sold.")),
)
