"""Units that customers return to Amazon's fulfillment centers.

Each belongs to a refund of an order that Amazon shipped. One refund in eight is of a unit that the
customer keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from theseller.emulator.world.financial_events import Event
from theseller.emulator.world.order_types import Order
from theseller.emulator.world.products import Product
from theseller.emulator.world.random_draws import number, share
from theseller.emulator.world.sellers import Seller
from theseller.emulator.world.world_queries import World

#: Hours that may pass between the arrival of a unit and its refund.
_HOURS = 72
_KEPT = 1 / 8
_CENTERS = ("LEJ1", "DUS2", "PHX7", "NRT5")
_REASONS = (
    "UNWANTED_ITEM",
    "UNWANTED_ITEM",
    "DEFECTIVE",
    "NOT_AS_DESCRIBED",
    "QUALITY_UNACCEPTABLE",
    "UNDELIVERABLE_UNKNOWN",
)
#: Seven in ten can be sold again.
_CONDITIONS = (
    *("SELLABLE",) * 7,
    "CUSTOMER_DAMAGED",
    "DEFECTIVE",
    "CARRIER_DAMAGED",
)


@dataclass(frozen=True, slots=True)
class ReturnedUnit:
    """One unit, as it arrived.

    Two units of an order line differ by their label alone.
    """

    at: datetime
    order: Order
    product: Product
    center: str
    disposition: str
    reason: str
    label: str


def returned_units(
    world: World, seller: Seller, start: datetime, end: datetime, at: datetime
) -> Iterator[ReturnedUnit]:
    """Yield the units of all stores that arrived in [start, end).

    Only those that have arrived by `at`.
    """
    for store in seller.stores:
        for event in world.events(seller, store, start, end + timedelta(hours=_HOURS)):
            for unit in _of_event(world.seed, event):
                if start <= unit.at < end and unit.at <= at:
                    yield unit


def _of_event(seed: int, event: Event) -> Iterator[ReturnedUnit]:
    order = event.order
    if order is None or event.kind != "Refund" or not order.by_amazon:
        return
    if share(seed, event.id, "kept") < _KEPT:
        return
    hours = number(seed, event.id, "arrival", below=_HOURS)
    arrived = max(event.posted - timedelta(hours=hours), order.delivered or event.posted)
    arrived = min(arrived, event.posted).replace(microsecond=0)
    for item in event.items:
        choice = number(seed, event.id, item.product.sku, "return", below=1 << 30)
        for unit in range(item.quantity):
            label = number(seed, event.id, item.product.sku, unit, "label", below=10**10)
            yield ReturnedUnit(
                arrived,
                order,
                item.product,
                _CENTERS[choice % len(_CENTERS)],
                _CONDITIONS[choice // 7 % len(_CONDITIONS)],
                _REASONS[choice // 101 % len(_REASONS)],
                f"LPN{label:010d}",
            )
