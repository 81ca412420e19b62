"""Financial events, the source of transactions and settlement rows.

The Finances API's transactions and the settlement report's rows are made from the same events.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from theseller.emulator.world.order_types import Line, Order
from theseller.emulator.world.products import Product
from theseller.emulator.world.random_draws import identifier, number, share
from theseller.emulator.world.sale_and_refund_charges import Charge, refund, sale
from theseller.emulator.world.sellers import Store


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


def visible_from(seed: int, event_id: str, posted: datetime) -> datetime:
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
        visible = posted if line.refund.prompt else visible_from(seed, event_id, posted)
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
    visible = visible_from(seed, event_id, posted)
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
