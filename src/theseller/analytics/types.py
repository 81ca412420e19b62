"""Frozen values of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DirtyDay:
    """A store's calendar day whose rollups no longer equal their base rows."""

    marketplace_id: str
    local_day: date
    marked_at: datetime


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What one batch of recomputation did. `more`: the batch was full, so other days may be waiting."""

    tenant: UUID
    days: int
    day_rows: int
    product_rows: int
    more: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of a rollup that does not equal its base rows. It names no amount: a log line may carry it."""

    marketplace_id: str
    local_day: date
    currency: str
    sku: str
    column: str


@dataclass(frozen=True, slots=True)
class Store:
    """Where there are figures: one store and currency, its first and last day with figures, and how many order items they count."""

    marketplace_id: str
    currency: str
    first_day: date
    last_day: date
    order_items: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Which figures a page is about: stores that share one currency."""

    marketplace_ids: tuple[str, ...]
    currency: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over some days of one currency, with the ledger's signs: costs are negative. Counts are whole numbers.

    `net_proceeds` = product_sales + credits + discounts + refunded_sales + fees + advertising + reimbursements + unclassified.
    `deferred` is the part of it that Amazon holds back. `settled_net` is the part that settlements confirm. `ledger_days` counts
    (store, day) pairs with a ledger, `settled_days` those of them that a settlement speaks for.
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
    ledger_days: int = 0
    settled_days: int = 0

    @property
    def other_fees(self) -> Decimal:
        return self.fees - self.selling_fees - self.fulfilment_fees - self.storage_fees


#: The columns of `Figures` that are sums of columns of analytics_day with the same name, in their order.
SUMMED = tuple(name for name in Figures.__dataclass_fields__ if name not in {"ledger_days", "settled_days"})


@dataclass(frozen=True, slots=True)
class ProductFigures:
    """One product over a period and over the one it is compared with (None where nothing is compared)."""

    sku: str
    asin: str
    title: str
    orders: int
    units: int
    ordered_sales: Decimal
    refunds: int
    refunded_sales: Decimal
    fees: Decimal
    net_proceeds: Decimal
    ordered_sales_before: Decimal | None
    units_before: int | None
    net_proceeds_before: Decimal | None
    series: tuple[Decimal, ...] = ()

    @property
    def margin(self) -> Decimal | None:
        """Net proceeds per ordered sales, before the cost of goods. None without sales."""
        return self.net_proceeds / self.ordered_sales if self.ordered_sales else None

    @property
    def refund_rate(self) -> Decimal | None:
        """Refunded orders per order of the same period; the refunds are partly of earlier orders."""
        return Decimal(self.refunds) / self.orders if self.orders else None


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Some rows of the product table, how many there are in all, and the sums over all of them."""

    rows: tuple[ProductFigures, ...]
    count: int
    units: int
    ordered_sales: Decimal
    net_proceeds: Decimal


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One money line of a day. `verdict` is ``counted`` or why it is in no figure."""

    kind: str
    verdict: str
    source: str
    state: str
    transaction_type: str
    breakdown: str
    currency: str
    amount: Decimal
    quantity: int | None
    order_id: str | None
    sku: str | None
    posted_at: datetime
    source_key: str
    source_line: int


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """One order line of a day, as the orders book has it."""

    order_id: str
    purchased_at: datetime
    status: str
    is_replacement: bool
    is_business: bool
    sku: str
    asin: str
    title: str
    quantity: int
    currency: str | None
    item_price: Decimal | None
    promotion_discount: Decimal | None

    @property
    def counted(self) -> bool:
        return self.status != "cancelled" and not self.is_replacement
