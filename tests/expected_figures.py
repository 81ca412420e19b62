"""What the emulated Amazon knows to be true, computed from its world in this process.

Nothing of the product's is used.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from theseller.emulator.reports.settlement import SettlementWriter
from theseller.emulator.spapi.inventory import stock as stock_on
from theseller.emulator.world.financial_events import Event
from theseller.emulator.world.order_types import Order
from theseller.emulator.world.products import catalogue
from theseller.emulator.world.random_draws import share
from theseller.emulator.world.sale_and_refund_charges import Charge
from theseller.emulator.world.sellers import SELLERS, Seller, Store
from theseller.emulator.world.world_queries import World

SEED = 7  # the emulator's own default, with which the demo runs it
ALICE, CHARLIE = "A2ALICEEXAMPLE1", "A3CHARLIEEXMPL"
#: Four orders a day in two stores: the whole history of it arrives in a third of the time of
#: Charlie's.
SMALL_SELLER = "A2ALICEEUROPE1"
_PASSING_TAXES = {"Tax", "ShippingTax", "GiftWrapTax"}
_REFUNDS = {"Refund", "GuaranteeClaim", "Chargeback"}


@dataclass(frozen=True, slots=True)
class ExpectedSales:
    """A day of orders by purchase day: those that are neither cancelled nor replacements."""

    orders: int = 0
    units: int = 0
    sales: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class ExpectedLedger:
    """A day of the ledger, in the ledger's signs: what the seller gets is positive."""

    refunds: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    net: Decimal = Decimal(0)


class ExpectedFigures:
    """One seller's shop in one store. `days` are the store's local days, both ends included."""

    def __init__(self, seller: str = ALICE, code: str = "US") -> None:
        self._world = World(SEED)
        self.seller: Seller = SELLERS[seller]
        self.store: Store = next(
            store for store in self.seller.stores if store.marketplace.code == code
        )

    @property
    def marketplace(self) -> str:
        return self.store.marketplace.id

    def sold(self, first: date, last: date, at: datetime) -> dict[date, ExpectedSales]:
        """Return the orders book of each day as Amazon tells it at `at`."""
        return {day: self._sold_on(day, at) for day in _days(first, last)}

    def _sold_on(self, day: date, at: datetime) -> ExpectedSales:
        counted = [
            order
            for order in self._world.orders_of_day(self.seller, self.store, day)
            if _is_sale(order, at)
        ]
        lines = [line for order in counted for line in order.lines]
        # Amazon tells no price while an order is pending.
        priced = [
            line.price for order in counted for line in order.lines if order.status(at) != "PENDING"
        ]
        return ExpectedSales(
            len(counted), sum(line.quantity for line in lines), self._amount(sum(priced))
        )

    def units_by_product(self, first: date, last: date, at: datetime) -> dict[date, Counter[str]]:
        """Return the units ordered of each SKU, by purchase day."""
        return {
            day: sum(
                (
                    Counter({line.product.sku: line.quantity})
                    for order in self._world.orders_of_day(self.seller, self.store, day)
                    if _is_sale(order, at)
                    for line in order.lines
                ),
                Counter(),
            )
            for day in _days(first, last)
        }

    def stock(self, at: datetime) -> dict[str, tuple[int, int]]:
        """Return (fulfillable units, units on their way) of each SKU at Amazon."""
        day = self.store.marketplace.local_day(at)
        return {
            product.sku: stock_on(self._world.seed, self.seller, self.store, product, day)
            for product in catalogue(self._world.seed, self.seller)
            if product.by_amazon
            and product.introduced <= at.date()
            and share(
                self._world.seed, self.seller.brand, self.store.marketplace.code, product.sku,
                "listed",
            ) < self.store.assortment
        }  # fmt: skip

    def order_lines(self, day: date, at: datetime) -> int:
        """Return how many order lines Amazon has for a day, cancelled ones included."""
        orders = self._world.orders_of_day(self.seller, self.store, day)
        return sum(
            len(order.lines) for order in orders if order.created <= at and not order.off_amazon
        )

    def earned(self, first: date, last: date, at: datetime) -> dict[date, ExpectedLedger]:
        """Return the ledger of each day.

        An amount counts on the day it was posted or, if Amazon deferred it, on the day of its
        release.
        """
        start, end = (
            datetime(day.year, day.month, day.day, tzinfo=at.tzinfo)
            for day in (first, last + timedelta(days=2))
        )
        found: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0])
        for event in self._world.events(self.seller, self.store, start - timedelta(days=1), end):
            day = self.store.marketplace.local_day(event.settled)
            if not first <= day <= last or event.settled > at:
                continue
            for place, amount in enumerate(_parts(event)):
                found[day][place] += amount
        return {
            day: ExpectedLedger(*(self._amount(amount) for amount in found[day]))
            for day in _days(first, last)
        }

    def events(self, start: datetime, end: datetime) -> list[Event]:
        """Return what moved money in the store, posted or released in [start, end)."""
        return self._world.events(self.seller, self.store, start, end)

    def orders(self, since: datetime, at: datetime) -> dict[str, tuple[Decimal, Decimal]]:
        """Return net proceeds and deferred money at `at` of each order placed from `since` on.

        Only orders for which Amazon has posted money.
        """
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for event in self._world.events(self.seller, self.store, since, at + timedelta(days=1)):
            order = event.order
            if order is None or order.created < since or event.posted > at:
                continue
            sums = found[order.id]
            if event.settled <= at:
                sums[0] += _parts(event)[2]
            else:
                sums[1] += event.total
        return {
            order: (self._amount(net), self._amount(deferred))
            for order, (net, deferred) in found.items()
        }

    def deferred(self, at: datetime) -> dict[date, Decimal]:
        """Return what is deferred at `at`, by the store's day of its release."""
        found: dict[date, int] = defaultdict(int)
        for event in self.events(at - timedelta(days=75), at + timedelta(days=90)):
            if event.posted <= at < event.settled:
                found[self.store.marketplace.local_day(event.settled)] += event.total
        return {day: self._amount(amount) for day, amount in found.items()}

    def released(self, since: datetime, at: datetime) -> Decimal:
        """Return what was released in [since, at], whole transactions."""
        events = self.events(since - timedelta(days=1), at + timedelta(days=1))
        return self._amount(sum(event.total for event in events if since <= event.settled <= at))

    def settlement_files(self, since: datetime, at: datetime) -> list[str]:
        """Return the settlement reports that appeared in [since, at]."""
        periods = self._world.periods_published(self.seller, since, at)
        return [
            SettlementWriter(self._world, one, decimal_comma=False).text()
            for one in periods
            if one.store == self.store
        ]

    def _amount(self, minor: int) -> Decimal:
        return Decimal(minor) if self.store.marketplace.currency == "JPY" else Decimal(minor) / 100


def moments(since: datetime, at: datetime) -> list[datetime]:
    """Return instants from `at` back to `since`, some seconds apart, the newest first.

    What was pulled is as old as its pull. When something changed at Amazon since, it equals the
    truth of one of these moments.
    """
    step = timedelta(seconds=10)
    return [at - step * number for number in range(int((at - since) / step) + 1)]


def _is_sale(order: Order, at: datetime) -> bool:
    return (
        order.created <= at
        and not order.off_amazon
        and not order.replaces
        and order.status(at) != "CANCELLED"
    )


def _parts(event: Event) -> tuple[int, int, int]:
    """Return what an event gives back to buyers, what it costs in fees, and what it leaves.

    All in the ledger's signs.
    """
    charges = [
        charge
        for charge in (*event.charges, *(charge for item in event.items for charge in item.charges))
        if not _is_tax(charge)
    ]
    refunds = sum(
        charge.amount
        for charge in charges
        if event.kind in _REFUNDS and charge.amount_type in {"ItemPrice", "Promotion"}
    )
    fees = sum(
        charge.amount
        for charge in charges
        if charge.amount_type == "ItemFees" or _is_service_fee(event, charge)
    )
    return refunds, fees, sum(charge.amount for charge in charges)


def _is_service_fee(event: Event, charge: Charge) -> bool:
    return event.kind == "ServiceFee" and charge.amount_type == "other-transaction"


def _is_tax(charge: Charge) -> bool:
    return charge.amount_type == "ItemWithheldTax" or (
        charge.amount_type == "ItemPrice" and charge.description in _PASSING_TAXES
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
