"""Frozen values behind the dashboard's pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from theseller.analytics.pages.periods import Span


@dataclass(frozen=True, slots=True)
class Store:
    """One store and currency with figures.

    Its first and last day with figures, and the number of order items in them.
    """

    marketplace_id: str
    currency: str
    first_day: date
    last_day: date
    order_items: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Which figures a page shows: stores that share one currency."""

    marketplace_ids: tuple[str, ...]
    currency: str


def _ratio(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return part / whole if part is not None and whole is not None and whole > 0 else None


@dataclass(frozen=True, slots=True)
class ProductFigures:
    """One product over a period and over its period of comparison.

    Fields of the comparison are None where nothing is compared. `orders`, `units` and
    `ordered_sales` are by purchase day; the others by posted day. `fees`, `net_proceeds` and
    `net_proceeds_before` are None where Amazon has posted nothing for the product yet, which is not
    an amount of zero. `cost_of_goods` and `profit` are None where the cost on any of its days with
    posted money is not known, `posted_units` where the units of any of its sales are not.
    """

    sku: str
    asin: str
    title: str
    orders: int
    units: int
    ordered_sales: Decimal
    refunds: int
    refunded_sales: Decimal
    fees: Decimal | None
    net_proceeds: Decimal | None
    ordered_sales_before: Decimal | None
    units_before: int | None
    net_proceeds_before: Decimal | None
    product_sales: Decimal = Decimal(0)
    posted_orders: int = 0
    posted_lines: int = 0
    posted_units: int | None = None
    cost_of_goods: Decimal | None = None
    profit: Decimal | None = None
    series: tuple[Decimal, ...] = ()

    @property
    def posted(self) -> bool:
        """Whether Amazon has posted money for this product in the period."""
        return self.posted_lines > 0

    @property
    def margin(self) -> Decimal | None:
        """Posted net proceeds per posted product sales.

        Before the cost of goods; None without posted sales.
        """
        return (
            self.net_proceeds / self.product_sales
            if self.net_proceeds is not None and self.product_sales > 0
            else None
        )

    @property
    def profit_margin(self) -> Decimal | None:
        """Profit per posted product sales; None without either."""
        return _ratio(self.profit, self.product_sales)

    @property
    def roi(self) -> Decimal | None:
        """Profit per cost of the goods sold; None without either."""
        return _ratio(self.profit, self.cost_of_goods)

    @property
    def refund_rate(self) -> Decimal | None:
        """Refunded orders per order whose sale was posted, by posted day.

        None without posted sales.
        """
        return Decimal(self.refunds) / self.posted_orders if self.posted_orders else None


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Some rows of the product table, and the sums over all of them.

    `count` is the number of all rows. `net_proceeds` and `fees` are None where nothing is posted
    for any of them. `profit`, `cost_of_goods` and `costed_sales` are of the products whose profit
    is known. Of the others for which money was posted, `without_cost` counts those without a unit
    cost on one of the days, and `without_units` those of which Amazon states no quantity of a sale.
    """

    rows: tuple[ProductFigures, ...]
    count: int
    units: int
    ordered_sales: Decimal
    net_proceeds: Decimal | None
    product_sales: Decimal = Decimal(0)
    fees: Decimal | None = None
    profit: Decimal | None = None
    cost_of_goods: Decimal | None = None
    costed_sales: Decimal | None = None
    without_cost: int = 0
    without_units: int = 0

    @property
    def profit_margin(self) -> Decimal | None:
        """Profit per posted product sales, of the products whose profit is known."""
        return _ratio(self.profit, self.costed_sales)

    @property
    def roi(self) -> Decimal | None:
        """Profit per cost of the goods sold, of the same products."""
        return _ratio(self.profit, self.cost_of_goods)

    @property
    def margin(self) -> Decimal | None:
        """Posted net proceeds of all products per posted product sales.

        None without posted sales.
        """
        return (
            self.net_proceeds / self.product_sales
            if self.net_proceeds is not None and self.product_sales > 0
            else None
        )


@dataclass(frozen=True, slots=True)
class Coverage:
    """The days of a span with data in every store of the scope.

    A day outside of `orders` or `money` is a gap: what is missing there is unknown, not zero. A day
    counts as covered if a pulled stream or an imported document spans all of it (today: as much of
    it as has passed).
    """

    span: Span
    orders: frozenset[date]
    money: frozenset[date]

    @property
    def order_gaps(self) -> tuple[Span, ...]:
        """The ranges of days without data of orders, oldest first."""
        return _gaps(self.span, self.orders)

    @property
    def money_gaps(self) -> tuple[Span, ...]:
        """The ranges of days without data of money, oldest first."""
        return _gaps(self.span, self.money)


def _gaps(span: Span, covered: frozenset[date]) -> tuple[Span, ...]:
    gaps: list[Span] = []
    for day in span.days():
        if day in covered:
            continue
        if gaps and (day - gaps[-1].last).days == 1:
            gaps[-1] = Span(gaps[-1].first, day)
        else:
            gaps.append(Span(day, day))
    return tuple(gaps)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One money line of a day or of an order.

    `treatment` is ``counted``, or the reason why it is in no figure. `source_key` is its
    transaction, or the number of its settlement; `settlement_id` the settlement that Amazon states
    for a transaction.
    """

    kind: str
    treatment: str
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
    marketplace_id: str = ""
    settlement_id: str | None = None


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """One line of an order."""

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
    marketplace_id: str = ""

    @property
    def counted(self) -> bool:
        """Whether the line is a sale: not canceled and not a replacement."""
        return self.status != "cancelled" and not self.is_replacement
