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
SUMMED = tuple(
    name for name in Figures.__dataclass_fields__ if name not in {"ledger_days", "settled_days"}
)
