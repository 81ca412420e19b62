"""Documents about one invented seller, made from what really happened.

Pages of Finances, settlement files, order files, orders of the API.

Facts first: `Facts` says what was sold, posted, deferred, released, refunded and settled, in two
settlement streams of one store. Documents are then written from the facts as Amazon would have
known them at some instant; `net` and `deferred` are summed from the facts alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from theseller.lib.marketplaces import MARKETPLACES

US = "ATVPDKIKX0DER"
BEGIN = datetime(2026, 10, 1, 8, tzinfo=UTC)
_LEAVES = {
    ("ItemPrice", "Principal"): ("Sales", "ProductCharges", "OurPricePrincipal"),
    ("ItemPrice", "Tax"): ("Sales", "Tax", "OurPriceTax"),
    ("ItemFees", "Commission"): ("Expenses", "AmazonFees", "Commission"),
    ("other-transaction", "Storage Fee"): ("Expenses", "ServiceFees", "FBAStorageFee"),
}
_SETTLEMENT = str.split(
    "settlement-id settlement-start-date settlement-end-date deposit-date total-amount currency"
    " transaction-type order-id merchant-order-id adjustment-id shipment-id marketplace-name"
    " amount-type amount-description amount fulfillment-id posted-date posted-date-time"
    " order-item-code merchant-order-item-id merchant-adjustment-item-id sku quantity-purchased"
    " promotion-id"
)
_ORDERS = str.split(
    "amazon-order-id merchant-order-id purchase-date last-updated-date order-status order-item-id"
    " fulfillment-channel sales-channel order-channel ship-service-level product-name sku asin"
    " item-status quantity currency item-price item-tax shipping-price shipping-tax gift-wrap-price"
    " gift-wrap-tax item-promotion-discount ship-promotion-discount ship-city ship-state"
    " ship-postal-code ship-country promotion-ids is-business-order purchase-order-number"
    " price-designation"
)


@dataclass(frozen=True)
class Event:
    """Money that moved.

    `free`: when it is released, later than `posted` where Amazon defers it; `stream`: which
    settlements it is in.
    """

    id: str
    kind: str
    order: str
    sku: str
    posted: datetime
    free: datetime
    stream: int
    charges: tuple[tuple[str, str, Decimal], ...]

    @property
    def total(self) -> Decimal:
        return sum((amount for *_, amount in self.charges), Decimal(0))

    @property
    def net(self) -> Decimal:
        return sum(
            (amount for _, description, amount in self.charges if description != "Tax"), Decimal(0)
        )


@dataclass(frozen=True)
class Sold:
    """One order as Amazon knows it from `updated` on."""

    id: str
    bought: datetime
    updated: datetime
    status: str
    replaces: bool
    lines: tuple[tuple[str, str, int, Decimal], ...]  # item number, SKU, quantity, price


@dataclass
class Facts:
    """What happened, by one seed."""

    seed: int
    orders: list[Sold] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.orders:  # Given by a test.
            return
        chance = Random(self.seed)  # repeatable, not secret  # noqa: S311
        for number in range(14):
            self._order(chance, number)
        for number in range(6):
            at = BEGIN + timedelta(days=chance.randrange(1, 25), seconds=chance.randrange(80_000))
            fee = (
                (
                    "other-transaction",
                    "Storage Fee",
                    -Decimal(chance.choice((300, 300, 450))) / 100,
                ),
            )
            self.events.append(
                Event(f"FEE{number}", "ServiceFee", "", "", at, at, chance.randrange(2), fee)
            )

    def _order(self, chance: Random, number: int) -> None:
        name = f"111-{self.seed:07}-{number:07}"
        bought = BEGIN + timedelta(days=chance.randrange(0, 20), seconds=chance.randrange(80_000))
        replaces = chance.random() < 0.15
        lines = tuple(
            (f"{number:05}{place}", f"SKU-{chance.randrange(3)}" if place else f"SKU-{number % 4}",
                chance.randrange(1, 3),
             Decimal(0) if replaces else Decimal(chance.choice((1000, 1000, 2500, 4000))) / 100)
            for place in range(chance.randrange(1, 3))
        )  # fmt: skip
        cancelled = chance.random() < 0.15
        shipped = bought + timedelta(hours=chance.randrange(10, 50))
        self.orders.append(Sold(name, bought, bought, "Unshipped", replaces, lines))
        self.orders.append(
            Sold(name, bought, shipped, "Cancelled" if cancelled else "Shipped", replaces, lines)
        )
        if cancelled or replaces:
            return
        wait = chance.choice((timedelta(0), timedelta(days=7), timedelta(days=16)))
        stream = chance.randrange(2)
        for place, (_, sku, _, price) in enumerate(lines):
            charges = (
                ("ItemPrice", "Principal", price),
                ("ItemPrice", "Tax", Decimal("0.80")),
                ("ItemFees", "Commission", -price / 10),
            )
            self.events.append(
                Event(
                    f"S{number}{place}",
                    "Shipment",
                    name,
                    sku,
                    shipped,
                    shipped + wait,
                    stream,
                    charges,
                )
            )
        for again in range(chance.choice((0, 0, 1, 2))):
            at = shipped + wait + timedelta(days=1 + again * 6)
            back = (
                ("ItemPrice", "Principal", -Decimal("5.00")),
                ("ItemFees", "Commission", Decimal("0.50")),
            )
            self.events.append(
                Event(f"R{number}{again}", "Refund", name, lines[0][1], at, at, stream, back)
            )

    @staticmethod
    def period(event: Event) -> int:
        """Return the settlement of its stream that an event is in: ten days each."""
        return (event.free - BEGIN) // timedelta(days=10)

    def number(self, event: Event) -> str:
        return f"{self.seed + 1}{event.stream}{self.period(event):03}"

    def settlements(self, at: datetime) -> dict[str, list[Event]]:
        """Return the settlements that are closed at `at`, by number."""
        closed: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            if self._closed(event) <= at:
                closed[self.number(event)].append(event)
        return closed

    def _closed(self, event: Event) -> datetime:
        return BEGIN + timedelta(days=10) * (self.period(event) + 1)

    def net(self, at: datetime, *, only: set[str] | None = None) -> dict[date, Decimal]:
        """Return net proceeds by day of the store, each event once that was released by `at`.

        `only`: of these settlements alone.
        """
        found: dict[date, Decimal] = defaultdict(Decimal)
        for event in self.events:
            if event.free <= at and (only is None or self.number(event) in only):
                found[MARKETPLACES[US].local_day(event.free)] += event.net
        return {day: amount for day, amount in found.items() if amount}

    def of_orders(self, at: datetime, stored: set[str]) -> dict[str, tuple[Decimal, Decimal, bool]]:
        """Return net proceeds and deferred money of each order for which money was posted by `at`.

        And whether all that was released is in the settlements `stored`.
        """
        found: dict[str, tuple[Decimal, Decimal, bool]] = {}
        for event in self.events:
            if not event.order or event.posted > at:
                continue
            net, deferred, settled = found.get(event.order, (Decimal(0), Decimal(0), True))
            if event.free <= at:
                found[event.order] = (
                    net + event.net,
                    deferred,
                    settled and self._closed(event) <= at and self.number(event) in stored,
                )
            else:
                found[event.order] = net, deferred + event.total, settled
        return found

    def deferred(self, at: datetime) -> Decimal:
        """Return Amazon's deferred balance at `at`."""
        return sum(
            (event.total for event in self.events if event.posted <= at < event.free), Decimal(0)
        )

    def sales(self, at: datetime) -> tuple[int, Decimal]:
        """Return how many orders count as sales at `at`, and what they were sold for."""
        newest: dict[str, Sold] = {}
        for order in self.orders:
            if order.updated <= at and (
                order.id not in newest or newest[order.id].updated < order.updated
            ):
                newest[order.id] = order
        counted = [
            order for order in newest.values() if order.status != "Cancelled" and not order.replaces
        ]
        return len(counted), sum(
            (price for order in counted for *_, price in order.lines), Decimal(0)
        )

    def finances_page(self, at: datetime, chance: Random, *, identifiers: bool) -> bytes:
        """Return listTransactions as of `at`, in any order.

        With or without what Amazon says of groups and settlements.
        """
        found: list[dict[str, Any]] = []
        for event in self.events:
            if event.posted > at:
                continue
            deferred, released = event.free > event.posted, event.free <= at
            if deferred:
                link = [("RELEASE_TRANSACTION_ID", f"{event.id}-release")] if released else []
                found.append(
                    self._transaction(
                        event,
                        event.id,
                        event.posted,
                        "DEFERRED_RELEASED" if released else "Deferred",
                        link,
                    )
                )
            if released:
                link = [("DEFERRED_TRANSACTION_ID", event.id)] if deferred else []
                if identifiers:
                    link.append(("FINANCIAL_EVENT_GROUP_ID", f"group-{self.number(event)}"))
                    link += (
                        [("SETTLEMENT_ID", self.number(event))]
                        if self._closed(event) <= at and chance.random() < 0.5
                        else []
                    )
                found.append(
                    self._transaction(
                        event,
                        f"{event.id}-release" if deferred else event.id,
                        event.free,
                        "RELEASED",
                        link,
                    )
                )
        chance.shuffle(found)
        return json.dumps({"payload": {"transactions": found}}).encode()

    def transactions_page(self, stated: list[tuple[Event, list[tuple[str, str]]]]) -> bytes:
        """Return listTransactions with these events, each with what Amazon says of its group and settlement."""
        found = [
            self._transaction(event, event.id, event.posted, "RELEASED", more)
            for event, more in stated
        ]
        return json.dumps({"payload": {"transactions": found}}).encode()

    def _transaction(
        self, event: Event, name: str, posted: datetime, status: str, more: list[tuple[str, str]]
    ) -> dict[str, Any]:
        identifiers = [("ORDER_ID", event.order), *more] if event.order else more
        tree = [
            _branch(_LEAVES[type_, description], amount)
            for type_, description, amount in event.charges
        ]
        items = [
            {
                "totalAmount": _money(event.total),
                "contexts": [{"contextType": "ProductContext", "sku": event.sku}],
                "breakdowns": tree,
            }
        ]
        return {
            "transactionType": event.kind, "transactionId": name, "transactionStatus": status,
            "postedDate": posted.strftime("%Y-%m-%dT%H:%M:%S.250Z"),
            "totalAmount": _money(event.total), "marketplaceDetails": {"marketplaceId": US},
            "items": items if event.sku else [], "breakdowns": tree,
            "relatedIdentifiers": [
                {"relatedIdentifierName": key, "relatedIdentifierValue": value}
                for key, value in identifiers
            ],
        }  # fmt: skip

    def settlement_file(self, number: str, events: list[Event]) -> bytes:
        """Return the report of a closed settlement."""
        begin = BEGIN + timedelta(days=10) * self.period(events[0])
        total = sum((event.total for event in events), Decimal(0))
        rows = [{
            "settlement-id": number, "settlement-start-date": _stamp(begin),
            "settlement-end-date": _stamp(begin + timedelta(days=10)),
            "deposit-date": _stamp(begin + timedelta(days=12)), "total-amount": f"{total:.2f}",
            "currency": "USD",
        }]  # fmt: skip
        rows += [{
            "settlement-id": number,
            "transaction-type": {
                "Shipment": "Order", "ServiceFee": "other-transaction"
            }.get(event.kind, event.kind),
            "order-id": event.order, "marketplace-name": "Amazon.com" if event.order else "",
            "amount-type": type_, "amount-description": description, "amount": f"{amount:.2f}",
            "posted-date": _stamp(event.free)[:10], "posted-date-time": _stamp(event.free),
            "sku": event.sku,
        } for event in events for type_, description, amount in event.charges]  # fmt: skip
        return _tabular(_SETTLEMENT, rows)

    def order_file(
        self, at: datetime, chance: Random, *, numbered: bool, part: bool = False
    ) -> bytes:
        """Return an all-orders report as of `at`; European ones have no item numbers.

        `part`: a file that lacks some lines of orders.
        """
        rows = []
        for order in self._newest(at):
            for item, sku, quantity, price in order.lines:
                if part and chance.random() < 0.5:
                    continue
                rows.append({
                    "amazon-order-id": order.id, "purchase-date": order.bought.isoformat(),
                    "last-updated-date": order.updated.isoformat(), "order-status": order.status,
                    "order-item-id": item, "fulfillment-channel": "Amazon",
                    "sales-channel": "Amazon.com", "product-name": sku, "sku": sku,
                    "asin": "B000000001", "item-status": order.status, "quantity": str(quantity),
                    "currency": "USD", "item-price": f"{price:.2f}", "is-business-order": "false",
                })  # fmt: skip
        chance.shuffle(rows)
        return _tabular([name for name in _ORDERS if numbered or name != "order-item-id"], rows)

    def orders_page(self, at: datetime) -> bytes:
        """Return searchOrders as of `at`.

        Only it says which orders are replacements, and how much was shipped.
        """
        orders = [
            {
                "orderId": order.id, "createdTime": _iso(order.bought),
                "lastUpdatedTime": _iso(order.updated),
                "salesChannel": {"channelName": "AMAZON", "marketplaceId": US},
                "associatedOrders": [
                    {"orderId": "111-0000000-0000000", "associationType": "REPLACEMENT_ORIGINAL_ID"}
                ] if order.replaces else [],
                "fulfillment": {"fulfillmentStatus": order.status.upper(), "fulfilledBy": "AMAZON"},
                "orderItems": [{
                    "orderItemId": item, "quantityOrdered": quantity,
                    "product": {"asin": "B000000001", "sellerSku": sku, "title": sku},
                    "proceeds": {"breakdowns": [{"type": "ITEM",
                        "subtotal": {"amount": f"{price:.2f}", "currencyCode": "USD"}}]},
                    "fulfillment": {
                        "quantityFulfilled": quantity if order.status == "Shipped" else 0
                    },
                } for item, sku, quantity, price in order.lines],
            } for order in self._newest(at)
        ]  # fmt: skip
        return json.dumps({"orders": orders}).encode()

    def _newest(self, at: datetime) -> list[Sold]:
        newest: dict[str, Sold] = {}
        for order in self.orders:
            if order.updated <= at:
                newest[order.id] = replace(order)
        return list(newest.values())


def _money(amount: Decimal) -> dict[str, Any]:
    return {"currencyAmount": float(amount), "currencyCode": "USD"}


def _branch(path: tuple[str, ...], amount: Decimal) -> dict[str, Any]:
    below = [_branch(path[1:], amount)] if len(path) > 1 else []
    return {"breakdownType": path[0], "breakdownAmount": _money(amount), "breakdowns": below}


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _tabular(header: list[str], rows: list[dict[str, str]]) -> bytes:
    return "".join(
        "\t".join(row.get(name, "") for name in header) + "\n"
        for row in [dict(zip(header, header, strict=True)), *rows]
    ).encode()
