"""Figures of a day or a period, and what recomputation and recount return."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DirtyDay:
    """A store's calendar day whose rollups no longer equal their base rows.

    `orders_only`: since the rollups were computed, only orders of the day changed.
    """

    marketplace_id: str
    local_day: date
    marked_at: datetime
    orders_only: bool


@dataclass(frozen=True, slots=True)
class Recomputed:
    """The result of one batch of recomputation.

    `more`: the batch was full, so other days may be waiting.
    """

    tenant: UUID
    days: int
    more: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of a rollup that does not equal its base rows.

    It contains no amount, so that it may be logged.
    """

    marketplace_id: str
    local_day: date
    currency: str
    sku: str
    column: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over some days of one currency, with the ledger's signs.

    Costs are negative; counts are whole numbers.

    `net_proceeds` = product_sales + credits + discounts + refunded_sales + fees + advertising +
    reimbursements + unclassified: money that Amazon released or settled, by posted day.
    `settled_net` is the part of it that settlements confirm. `deferred` is no part of it: the
    transactions of these days that Amazon still defers, whole, with the taxes in them;
    `deferred_sales` are the product sales among them. `posted_orders` counts orders whose sale was
    posted, `posted_lines` the ledger lines that count. `ordered_tax` is the tax inside
    `ordered_sales`, as far as Amazon states it, in stores whose prices include it. `ledger_days`
    counts (store, day) pairs with a ledger, `settled_days` those of them whose money comes from
    settlements alone.

    The last seven are about products for which money was posted, and no columns of analytics_day:
    `cost_of_goods` is positive; `costed_sales` and `costed_lines` are the product sales and the
    ledger lines of products whose cost is known, `uncosted_sales`, `uncosted_net` and
    `uncosted_lines` the product sales, net proceeds and ledger lines of the others.
    `cost_days` counts days for which costs were looked up: none in a shop that entered no cost.
    `expenses`, above zero, are those that people entered; `expense_days` counts days for which they
    were looked up: none in a shop that entered none.
    """

    orders: int = 0
    cancelled_orders: int = 0
    pending_orders: int = 0
    order_items: int = 0
    units: int = 0
    unpriced_units: int = 0
    ordered_sales: Decimal = Decimal(0)
    promotions: Decimal = Decimal(0)
    refunds: int = 0
    product_sales: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)
    discounts: Decimal = Decimal(0)
    refunded_sales: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    advertising: Decimal = Decimal(0)
    reimbursements: Decimal = Decimal(0)
    unclassified: Decimal = Decimal(0)
    net_proceeds: Decimal = Decimal(0)
    selling_fees: Decimal = Decimal(0)
    fulfilment_fees: Decimal = Decimal(0)
    storage_fees: Decimal = Decimal(0)
    deferred: Decimal = Decimal(0)
    posted_orders: int = 0
    posted_lines: int = 0
    settled_net: Decimal = Decimal(0)
    ordered_tax: Decimal = Decimal(0)
    deferred_sales: Decimal = Decimal(0)
    ledger_days: int = 0
    settled_days: int = 0
    cost_of_goods: Decimal = Decimal(0)
    costed_sales: Decimal = Decimal(0)
    uncosted_sales: Decimal = Decimal(0)
    uncosted_net: Decimal = Decimal(0)
    costed_lines: int = 0
    uncosted_lines: int = 0
    cost_days: int = 0
    expenses: Decimal = Decimal(0)
    expense_days: int = 0

    @property
    def profit(self) -> Decimal | None:
        """Net proceeds less the cost of the goods sold, by posted day.

        Without the days of products on which their cost is not known. None if no cost was entered,
        the cost of nothing that was sold is known, or, without such sales, that of no product.
        """
        costed = self.costed_sales if self.uncosted_sales else self.costed_lines
        if not self.cost_days or (self.uncosted_lines and not costed):
            return None
        return self.profit_sum

    @property
    def net_profit(self) -> Decimal | None:
        """Profit less the expenses that people entered.

        None without expenses, and where the profit of any sale is not known: the expenses are of
        all of them.
        """
        if not self.expense_days or self.profit is None or self.uncosted_lines:
            return None
        return self.profit - self.expenses

    @property
    def profit_sum(self) -> Decimal:
        """What `profit` is where it is known."""
        return self.net_proceeds - self.uncosted_net - self.cost_of_goods

    @property
    def costed_share(self) -> Decimal | None:
        """The part of the posted product sales whose cost is known.

        One only if it is all of them; None without sales.
        """
        sales = self.costed_sales + self.uncosted_sales
        if sales <= 0:
            return None
        share = self.costed_sales / sales
        return min(share, Decimal("0.99")) if self.uncosted_sales else Decimal(1)

    @property
    def profit_margin(self) -> Decimal | None:
        """Profit per posted product sales of the goods whose cost is known."""
        return (
            self.profit / self.costed_sales
            if self.profit is not None and self.costed_sales > 0
            else None
        )

    @property
    def roi(self) -> Decimal | None:
        """Profit per cost of the goods sold (return on investment)."""
        return (
            self.profit / self.cost_of_goods
            if self.profit is not None and self.cost_of_goods > 0
            else None
        )

    @property
    def other_fees(self) -> Decimal:
        """Fees that are not for selling, fulfillment or storage."""
        return self.fees - self.selling_fees - self.fulfilment_fees - self.storage_fees

    @property
    def net_posted(self) -> Decimal | None:
        """Net proceeds; None where Amazon has posted nothing.

        None is not an amount of zero.
        """
        return self.net_proceeds if self.posted_lines else None

    @property
    def margin(self) -> Decimal | None:
        """Posted net proceeds per posted product sales.

        Before the cost of goods; None without posted sales.
        """
        return self.net_proceeds / self.product_sales if self.product_sales > 0 else None

    @property
    def refund_rate(self) -> Decimal | None:
        """Refunded orders per order whose sale was posted, by posted day.

        None without posted sales.
        """
        return Decimal(self.refunds) / self.posted_orders if self.posted_orders else None


#: The columns of `Figures` that are sums of columns of analytics_day with the same name, in their
#: order.
SUMMED = tuple(Figures.__dataclass_fields__)[
    : tuple(Figures.__dataclass_fields__).index("ledger_days")
]
