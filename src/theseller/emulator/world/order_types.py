"""Orders and their whole life, known from the start.

Methods with an `at` return what is known at that instant. All amounts are whole minor units of the
store's currency (cents, pence; yen).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime

from theseller.emulator.world.products import Product
from theseller.emulator.world.sellers import Seller, Store

#: No order changes, and no money moves for it, later than this many days after it was placed.
HORIZON_DAYS = 80


@dataclass(frozen=True, slots=True)
class Refund:
    """Repayment of a line.

    Attributes:
        at: when it happens.
        kind: the settlement report's transaction-type.
        share: the share of the line that is paid back.
        prompt: whether it is listed at once.
    """

    at: datetime
    kind: str
    share: float
    prompt: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One order item.

    Amounts are those of the whole line, not of a unit, except `unit_price`; discounts are positive.
    """

    item_id: str
    product: Product
    quantity: int
    unit_price: int
    price: int
    tax: int
    shipping: int
    shipping_tax: int
    gift_wrap: int
    gift_wrap_tax: int
    discount: int
    shipping_discount: int
    promotion_ids: tuple[str, ...]
    refund: Refund | None

    def total(self, *, tax_included: bool) -> int:
        """Return what the buyer pays for the line."""
        taxes = 0 if tax_included else self.tax + self.shipping_tax + self.gift_wrap_tax
        return (
            self.price
            + self.shipping
            + self.gift_wrap
            - self.discount
            - self.shipping_discount
            + taxes
        )


@dataclass(frozen=True, slots=True)
class Order:
    """An order with everything that will happen to it.

    `updates`: every instant at which Amazon changes lastUpdatedTime, oldest first; the first is
    `created`.
    """

    id: str
    seller: Seller
    store: Store
    created: datetime
    paid: datetime
    shipped: datetime | None
    delivered: datetime | None
    cancelled: datetime | None
    cancelled_by: str
    by_amazon: bool
    business: bool
    service_level: str
    off_amazon: bool
    """An order of multi-channel fulfillment, which was not bought on Amazon.

    Amazon ships it. It is no sale.
    """
    replaces: str | None
    destination: str
    """Country of the delivery address."""
    lines: tuple[Line, ...]
    updates: tuple[datetime, ...]

    def status(self, at: datetime) -> str:
        """Return the fulfilmentStatus that Orders 2026-01-01 shows at `at`."""
        if self.cancelled is not None and at >= self.cancelled:
            return "CANCELLED"
        if at < self.paid:
            return "PENDING"
        if self.shipped is None or at < self.shipped:
            return "UNSHIPPED"
        return "SHIPPED"

    def last_updated(self, at: datetime) -> datetime:
        """Return the newest change that has happened by `at`.

        `at` must not be before the order.
        """
        return self.updates[bisect_right(self.updates, at) - 1]
