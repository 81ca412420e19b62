"""Check and make requested changes of facts, and set the clock.

Also list the orders that can be changed, and describe a change in a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.world.order_types import Order
from theseller.emulator.world.requested_changes import Amendment, Change
from theseller.emulator.world.sellers import Seller
from theseller.emulator.world.settlement_periods import INVOICED, STANDARD

#: Orders older than this are not offered on the page; they can be refunded by their id all the
#: same.
_OFFERED = timedelta(days=60)
_MOST_OFFERED = 8
_LONGEST_JUMP = 365


def change(emulator: Emulator, data: Mapping[str, object]) -> Amendment:
    """Make the change that `data` describes, now.

    Raises:
        ValueError: with what is wrong in `data`.
    """
    try:
        kind = Change(str(data.get("kind", "")))
    except ValueError:
        raise ValueError(f"'kind' must be one of {', '.join(Change)}") from None
    at = emulator.now().replace(microsecond=0)
    if kind in {Change.REFUND, Change.CANCEL}:
        amendment = _of_order(
            emulator, kind, str(data.get("order_id", "")), data.get("percent", 100), at
        )
    else:
        amendment = _of_store(emulator, kind, data, at)
    emulator.change(amendment)
    return amendment


def _of_order(
    emulator: Emulator, kind: Change, order_id: str, percent: object, at: datetime
) -> Amendment:
    found = (
        (seller, emulator.world.find_order(seller, order_id))
        for seller in emulator.world.sellers.values()
    )
    seller, order = next(
        ((seller, order) for seller, order in found if order and order.created <= at), (None, None)
    )
    if seller is None or order is None:
        raise ValueError("'order_id' must be that of an order of one of the emulated sellers")
    problem = why_not(kind, order, at)
    if problem:
        raise ValueError(problem)
    share = _share(percent) if kind is Change.REFUND else 1.0
    return Amendment(kind, at, seller.id, order.store.marketplace.id, order.id, share)


def _share(percent: object) -> float:
    text = str(percent).strip()
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100:
        raise ValueError("'percent' must be a whole number from 1 to 100")
    return int(text) / 100


def why_not(kind: Change, order: Order, at: datetime) -> str:
    """Return why the order cannot be refunded or canceled at `at`.

    Empty if it can.
    """
    if kind is Change.CANCEL:
        return (
            ""
            if order.status(at) in {"PENDING", "UNSHIPPED"}
            else "only an order that is not shipped and not canceled can be canceled"
        )
    if order.status(at) != "SHIPPED":
        return "only a shipped order can be refunded"
    if all(not line.price or (line.refund and line.refund.at <= at) for line in order.lines):
        return "there is nothing left to refund: the order was free, or has been refunded"
    return ""


def _of_store(
    emulator: Emulator, kind: Change, data: Mapping[str, object], at: datetime
) -> Amendment:
    seller = emulator.world.sellers.get(str(data.get("selling_partner_id", "")))
    if seller is None:
        raise ValueError("'selling_partner_id' must be that of an emulated seller")
    try:
        store = seller.store(str(data.get("marketplace_id", "")))
    except KeyError:
        raise ValueError("'marketplace_id' must be that of one of the seller's stores") from None
    stream = str(data.get("stream") or STANDARD)
    streams = emulator.world.streams(seller, store)
    if kind is Change.CLOSE and stream not in streams:
        raise ValueError(f"'stream' must be one of {', '.join(streams)}")
    if kind is Change.CLOSE and emulator.world.period_of(seller, store, at, stream).start >= at:
        raise ValueError("this settlement has only just begun")
    if kind is Change.INVOICED and INVOICED in streams:
        raise ValueError("this store's invoiced orders have a settlement stream already")
    return Amendment(
        kind,
        at,
        seller.id,
        store.marketplace.id,
        stream=stream if kind is Change.CLOSE else STANDARD,
    )


def changeable(emulator: Emulator, seller: Seller, kind: Change) -> list[Order]:
    """Return the seller's orders that can be refunded or canceled now.

    Only recent ones, newest first, and at most `_MOST_OFFERED`.
    """
    at = emulator.now()
    orders = emulator.world.orders_created(seller, list(seller.stores), at - _OFFERED, at)
    return [order for order in orders if not why_not(kind, order, at)][: -_MOST_OFFERED - 1 : -1]


def jump(emulator: Emulator, days: object) -> None:
    """Move Amazon's clock `days` days ahead.

    Raises:
        ValueError: `days` is not a whole number in the range that is allowed.
    """
    text = str(days).strip()
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _LONGEST_JUMP:
        raise ValueError(f"'days' must be a whole number from 1 to {_LONGEST_JUMP}")
    set_clock(emulator, emulator.state.data["clock_offset"] + int(text) * 86400.0)


def set_clock(emulator: Emulator, offset: float) -> None:
    """Set by how many seconds Amazon's clock differs from the machine's.

    Raises:
        ValueError: the clock would be set to a time before a change that was made.
    """
    newest = max((amendment.at for amendment in emulator.world.amendments.all), default=None)
    if newest and emulator.config.clock() + timedelta(seconds=offset) < newest:
        raise ValueError("the clock cannot be set to a time before a change that was made")
    with emulator.state.lock:
        emulator.state.data["clock_offset"] = offset
        emulator.state.save()


def describe(emulator: Emulator, amendment: Amendment) -> str:
    """Return one sentence about a change."""
    place = (
        emulator.world.sellers[amendment.seller_id]
        .store(amendment.marketplace_id)
        .marketplace.sales_channel
    )
    return {
        Change.REFUND: f"Refunded {amendment.share:.0%} of order {amendment.order_id}",
        Change.CANCEL: f"Canceled order {amendment.order_id}",
        Change.RELEASE: f"Released deferred transactions of {place}",
        Change.CLOSE: f"Closed a settlement of {place}: {amendment.stream}",
        Change.INVOICED: f"Invoiced orders of {place} have a settlement stream of their own",
    }[amendment.kind]
