"""Invent a month's fees, advertising costs and reimbursements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from theseller.emulator.world.financial_events import Event, ItemEvent, visible_from
from theseller.emulator.world.order_volume import level
from theseller.emulator.world.products import TIERS, catalogue, price
from theseller.emulator.world.random_draws import identifier, stream
from theseller.emulator.world.sale_and_refund_charges import Charge
from theseller.emulator.world.sellers import Seller, Store


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
        visible_from(seed, event_id, posted),
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
        visible = visible_from(seed, event_id, posted)
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
