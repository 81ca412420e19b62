"""Orders and their whole life, known from the start.

Methods with an `at` return what is known at that instant. All amounts are whole minor units of the
store's currency (cents, pence; yen).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime

from theseller.emulator.world.products import Product
from theseller.emulator.world.sellers import STORES_PER_SELLER_MAX, Seller, Store

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


_SEQUENCE_SPACE = 10_000_000  # The middle group of an order id has seven digits.
_PER_STORE = 320
_EPOCH = date(2022, 1, 1)
_FACTOR = 7_654_321  # Coprime to ten million, so that the scrambling below can be undone.
_INVERSE = pow(_FACTOR, -1, _SEQUENCE_SPACE)


def scramble(seed: int, seller: Seller, day: date, store_index: int, sequence: int) -> str:
    """Return seven digits of an order ID that encode where the order is.

    The order can be found again by its ID alone (`unscramble`).
    """
    plain = ((day - _EPOCH).days * STORES_PER_SELLER_MAX + store_index) * _PER_STORE + sequence
    return f"{(plain * _FACTOR + _offset(seed, seller)) % _SEQUENCE_SPACE:07d}"


def unscramble(seed: int, seller: Seller, digits: str) -> tuple[date, int, int] | None:
    """Return (day, index of the store, sequence) from the digits of an ID.

    None for digits that `scramble` never returns for this seller.
    """
    plain = (int(digits) - _offset(seed, seller)) * _INVERSE % _SEQUENCE_SPACE
    day_store, sequence = divmod(plain, _PER_STORE)
    days, store_index = divmod(day_store, STORES_PER_SELLER_MAX)
    if store_index >= len(seller.stores):
        return None
    return date.fromordinal(_EPOCH.toordinal() + days), store_index, sequence


def _offset(seed: int, seller: Seller) -> int:
    return (seed * 1_234_577 + sum(map(ord, seller.id)) * 7919) % _SEQUENCE_SPACE


def most_orders_a_day() -> int:
    """Return the number of orders that IDs can tell apart per store and day."""
    return _PER_STORE


def day_bounds(store: Store, day: date, next_day: date) -> tuple[datetime, datetime]:
    """Return the UTC instants between which it is `day` in the store.

    The interval is half-open, and 23 to 25 hours long.
    """
    zone = store.marketplace.zone
    return (
        datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC),
        datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone).astimezone(UTC),
    )
