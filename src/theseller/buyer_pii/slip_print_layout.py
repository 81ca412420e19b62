"""Lay out packing slips for printing. They hold buyer PII."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from theseller.buyer_pii.types import Gift, ShippableOrder, Slip, SlipLine
from theseller.lib.marketplaces import MARKETPLACES


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line of the slip with its gift message."""

    line: SlipLine
    message: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PrintedSlip:
    """One printed page. `messages` are gift messages without a matching line."""

    slip: Slip = field(repr=False)
    store: str
    day: date
    ship_by: date | None
    address: tuple[str, ...] = field(repr=False)
    items: tuple[PrintedLine, ...] = field(repr=False)
    messages: tuple[str, ...] = field(repr=False)


def printed_slips(slips: Sequence[Slip]) -> tuple[PrintedSlip, ...]:
    """Return the pages to print."""
    return tuple(_printed_slip(slip) for slip in slips)


def _printed_slip(slip: Slip) -> PrintedSlip:
    order, recipient = slip.order, slip.recipient
    written = {line.order_item_id: _gift_messages(recipient.gifts, line) for line in order.lines}
    return PrintedSlip(
        slip=slip,
        store=store_name(order),
        day=local_day(order),
        ship_by=_local(order.marketplace_id, recipient.ship_by) if recipient.ship_by else None,
        address=(*recipient.lines, recipient.country)
        if _is_abroad(order, recipient.country)
        else recipient.lines,
        items=tuple(PrintedLine(line, written[line.order_item_id]) for line in order.lines),
        messages=tuple(
            gift.message for gift in recipient.gifts if gift.order_item_id not in written
        ),
    )


def _is_abroad(order: ShippableOrder, country: str) -> bool:
    """Return whether the address needs the country's name.

    It does if the parcel leaves the country of the order's store.
    """
    home = MARKETPLACES[order.marketplace_id].code if order.marketplace_id in MARKETPLACES else ""
    return bool(country) and country != {"UK": "GB"}.get(home, home)


def _gift_messages(gifts: Sequence[Gift], line: SlipLine) -> str:
    return "\n".join(gift.message for gift in gifts if gift.order_item_id == line.order_item_id)


def local_day(order: ShippableOrder) -> date:
    """Return the order date in the store's time zone."""
    return _local(order.marketplace_id, order.purchased_at)


def _local(store: str, instant: datetime) -> date:
    return MARKETPLACES[store].local_day(instant) if store in MARKETPLACES else instant.date()


def store_name(order: ShippableOrder) -> str:
    """Return the name of the order's store; "" if it is unknown."""
    return (
        MARKETPLACES[order.marketplace_id].sales_channel
        if order.marketplace_id in MARKETPLACES
        else ""
    )
