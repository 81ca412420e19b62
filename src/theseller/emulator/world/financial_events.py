"""Financial events, the source of transactions and settlement rows.

The Finances API's transactions and the settlement report's rows are made from the same events.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from theseller.emulator.world.charges import Charge, refund, sale
from theseller.emulator.world.order_volume import level
from theseller.emulator.world.orders import Line, Order
from theseller.emulator.world.products import TIERS, Product, catalogue, price
from theseller.emulator.world.random_draws import identifier, number, share, stream
from theseller.emulator.world.sellers import Seller, Store


@dataclass(frozen=True, slots=True)
class ItemEvent:
    """The money of one item.

    `line` is None where money moves for a product without an order, as in a reimbursement.
    """

    product: Product
    quantity: int
    charges: tuple[Charge, ...]
    line: Line | None = None
    adjustment_id: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """An event that moved money.

    Attributes:
        kind: the Finances API's transactionType.
        row_type: the settlement report's transaction-type.
        posted: when Amazon posted it.
        settled: when it counts for a settlement; later than `posted` where Amazon deferred it.
        visible: when listTransactions begins to show it, up to 48 hours after `posted`.
    """

    id: str
    kind: str
    row_type: str
    description: str
    store: Store
    posted: datetime
    settled: datetime
    visible: datetime
    deferral: str = ""
    order: Order | None = None
    shipment_id: str = ""
    items: tuple[ItemEvent, ...] = ()
    charges: tuple[Charge, ...] = ()

    @property
    def total(self) -> int:
        """Return the sum of all charges in minor units."""
        return sum(charge.amount for charge in self.charges) + sum(
            charge.amount for item in self.items for charge in item.charges
        )


def _visible(seed: int, event_id: str, posted: datetime) -> datetime:
    """Return when listTransactions begins to show an event.

    Amazon documents: "may not include orders from the last 48 hours". Nine in ten appear within
    hours.
    """
    chance = share(seed, event_id, "lag")
    hours = chance * 5 if chance < 0.9 else (chance - 0.9) * 470
    return posted + timedelta(hours=hours)


def of_order(seed: int, order: Order) -> tuple[Event, ...]:
    """Return every event that the order will ever cause, oldest first."""
    if order.off_amazon or order.shipped is None:
        return ()
    events = [_shipment(seed, order, order.shipped)]
    for line in order.lines:
        if line.refund is None:
            continue
        event_id = identifier(seed, order.id, line.item_id, "refund")
        adjustment = str(number(seed, order.id, line.item_id, "adjustment", below=10**14)).zfill(14)
        item = ItemEvent(
            line.product,
            line.quantity,
            refund(order.store, line, line.refund.share),
            line,
            adjustment,
        )
        kind = (
            "Refund"
            if line.refund.kind == "Refund"
            else "GuaranteeClaim"
            if line.refund.kind.startswith("A")
            else "Chargeback"
        )
        posted = line.refund.at
        visible = posted if line.refund.prompt else _visible(seed, event_id, posted)
        events.append(
            Event(
                event_id,
                kind,
                line.refund.kind,
                "Refund Order",
                order.store,
                posted,
                posted,
                visible,
                order=order,
                items=(item,),
            )
        )
    return tuple(event for event in events if event.items)


def _shipment(seed: int, order: Order, shipped: datetime) -> Event:
    event_id = identifier(seed, order.id, "shipment")
    posted = shipped + timedelta(minutes=number(seed, order.id, "posting", below=180))
    day = order.store.marketplace.local_day(shipped)
    lines = (
        (line, sale(order.store, line, day, by_amazon=order.by_amazon)) for line in order.lines
    )
    items = tuple(
        ItemEvent(line.product, line.quantity, charges, line) for line, charges in lines if charges
    )
    deferral, settled = "", posted
    if is_invoiced(seed, order):
        deferral, settled = "B2B", posted + timedelta(days=30)
    elif order.delivered is not None and share(seed, order.id, "deferred") < 0.8:
        deferral, settled = "DD7", order.delivered + timedelta(days=7)
    shipment_id = f"B{number(seed, order.id, 'shipment', below=10**9):09d}"
    visible = _visible(seed, event_id, posted)
    return Event(
        event_id,
        "Shipment",
        "Order",
        "Order Payment",
        order.store,
        posted,
        settled,
        visible,
        deferral,
        order,
        shipment_id,
        items,
    )


def is_invoiced(seed: int, order: Order) -> bool:
    """Say whether a business pays the order by invoice.

    Amazon defers the money of such an order for a month.
    """
    return order.business and share(seed, order.id, "invoiced") < 0.5


def release_id(seed: int, event: Event) -> str:
    """Return the id of the transaction that releases a deferred one."""
    return identifier(seed, event.id, "release")


def of_month(seed: int, seller: Seller, store: Store, month: date) -> tuple[Event, ...]:
    """Return what Amazon charges and repays in a month, regardless of orders.

    `month`: the first day of the month.
    """
    if month < seller.opened.replace(day=1):
        return ()
    random = stream(seed, seller.id, store.marketplace.id, month.isoformat(), "fees")
    usual = store.orders_per_day * level(month + timedelta(days=14), seller.opened) * 30
    cents = store.price_factor
    space = (
        sum(TIERS[product.tier][1] * 12 for product in catalogue(seed, seller)) * store.assortment
    )
    storage = (
        space
        * (2.40 if month.month >= 10 else 0.78)
        * 100
        * random.uniform(0.8, 1.2)
        * min(usual / 300, 1)
    )
    due = [
        _Due("Subscription Fee", 3, -round(3999 * cents) if store is seller.stores[0] else 0),
        _Due("Storage Fee", 8, -round(storage * cents)),
        _Due(
            "StorageRenewalBilling",
            15,
            -round(usual * 9 * cents * random.uniform(0.3, 1.0)) if month.month % 3 == 2 else 0,
        ),
        _Due(
            "FBAInboundTransportationFee", 18, -round(usual * 32 * cents * random.uniform(0.5, 1.4))
        ),
    ]
    for day in (5, 12, 19, 26):
        spend = -round(usual / 4 * 2300 * cents * 0.07 * random.uniform(0.6, 1.4))
        due.append(
            _Due(
                "TransactionTotalAmount",
                day,
                spend,
                "Cost of Advertising",
                "ProductAdsPayment",
                "ServiceFee",
            )
        )
    events = [_fee(seed, seller, store, month, charge) for charge in due]
    events += _reimbursements(seed, seller, store, month)
    return tuple(
        sorted(
            (event for event in events if event.total), key=lambda event: (event.posted, event.id)
        )
    )


@dataclass(frozen=True, slots=True)
class _Due:
    """A charge that is due on a day of the month.

    The other fields are its names in the settlement report and in the Finances API.
    """

    name: str
    day: int
    amount: int
    amount_type: str = "other-transaction"
    kind: str = "ServiceFee"
    row_type: str = "other-transaction"


def _fee(seed: int, seller: Seller, store: Store, month: date, due: _Due) -> Event:
    event_id = identifier(seed, seller.id, store.marketplace.id, month, due.day, due.name)
    posted = datetime.combine(month.replace(day=due.day), time(9, due.day), UTC)
    visible, charge = (
        _visible(seed, event_id, posted),
        Charge(due.amount_type, due.name, due.amount),
    )
    return Event(
        event_id,
        due.kind,
        due.row_type,
        due.name,
        store,
        posted,
        posted,
        visible,
        charges=(charge,),
    )


_LOSSES = (
    "WAREHOUSE_LOST",
    "WAREHOUSE_DAMAGE",
    "MISSING_FROM_INBOUND",
    "REVERSAL_REIMBURSEMENT",
    "CS_ERROR_ITEMS",
)


def _reimbursements(seed: int, seller: Seller, store: Store, month: date) -> list[Event]:
    """Return reimbursements of lost units, and reversals of some.

    Amazon pays about the seller's sourcing cost.
    """
    events = []
    products = [
        product
        for product in catalogue(seed, seller)
        if product.by_amazon and product.introduced <= month
    ]
    random = stream(seed, seller.id, store.marketplace.id, month.isoformat(), "losses")
    for position in range(
        random.randrange(1, 2 + int(store.orders_per_day / 6)) if products else 0
    ):
        product, name = random.choice(products), random.choice(_LOSSES)
        quantity = random.randrange(1, 4)
        value = round(price(seed, product, store, month) * 0.4) * quantity
        charge = Charge("other-transaction", name, -value if name.startswith("REVERSAL") else value)
        event_id = identifier(seed, seller.id, store.marketplace.id, month, "loss", position)
        posted = datetime.combine(
            month.replace(day=random.randrange(1, 28)), time(random.randrange(24), position), UTC
        )
        item = ItemEvent(product, quantity, (charge,), adjustment_id=event_id[:12])
        visible = _visible(seed, event_id, posted)
        events.append(
            Event(
                event_id,
                "Adjustment",
                "other-transaction",
                name,
                store,
                posted,
                posted,
                visible,
                items=(item,),
            )
        )
    return events


def months(first: date, last: date) -> list[date]:
    """Return the first day of every month that [first, last] touches."""
    found = [first.replace(day=1)]
    while (following := (found[-1] + timedelta(days=32)).replace(day=1)) <= last:
        found.append(following)
    return found
