"""Orders 2026-01-01 for a packing slip: recipient and gift messages.

This is the only decoder that keeps data of a buyer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from theseller.amazon.decoders.orders import DROPPED_FROM_ORDER, Order
from theseller.amazon.decoders.response_field_types import Instant, Wire, check_instant, spell_enums
from theseller.amazon.decoders.response_shape import Shape, Why, leaves, under
from theseller.amazon.spapi_operations import GET_ORDER_FOR_A_SLIP


class Address(Wire, frozen=True):
    """An address as Amazon prints it.

    Every part may be missing, above all where the seller has not granted the restricted role.
    """

    name: str | None = None
    company_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    district_or_county: str | None = None
    state_or_region: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class _Recipient(Wire, frozen=True):
    delivery_address: Address | None = None


class _GiftOption(Wire, frozen=True):
    gift_message: str | None = None


class _Packing(Wire, frozen=True):
    gift_option: _GiftOption | None = None


class _ItemFulfillment(Wire, frozen=True):
    packing: _Packing | None = None


class _Item(Wire, frozen=True):
    order_item_id: str
    fulfillment: _ItemFulfillment | None = None


class _Window(Wire, frozen=True):
    latest_date_time: Instant | None = None

    def __post_init__(self) -> None:
        if self.latest_date_time is not None:
            check_instant(self.latest_date_time)


class _Fulfillment(Wire, frozen=True):
    fulfillment_status: str
    fulfilled_by: str | None = None
    ship_by_window: _Window | None = None

    def __post_init__(self) -> None:
        spell_enums(self, "fulfillment_status", "fulfilled_by")


class _Order(Wire, frozen=True):
    order_id: str
    created_time: Instant
    order_items: list[_Item]
    recipient: _Recipient | None = None
    fulfillment: _Fulfillment | None = None

    def __post_init__(self) -> None:
        check_instant(self.created_time)


class _GetOrder(Wire, frozen=True):
    order: _Order


@dataclass(frozen=True, slots=True)
class SlipData:
    """The answer of one call for one order.

    `address` is None where Amazon gave no name or street. What is about a buyer is left out of
    `repr`. `gifts` are (order item, message). `may_have_left` says that a parcel has left, or that
    Amazon doesn't say; `created_at` is the earliest time that it can have left. `cancelled`: no
    parcel will ever leave.
    """

    order_id: str
    created_at: datetime
    fulfilled_by: str | None
    cancelled: bool
    may_have_left: bool
    ship_by: datetime | None
    address: Address | None = field(repr=False)
    gifts: tuple[tuple[str, str], ...] = field(repr=False)


_KEPT = frozenset(leaves(_Order))
SLIP_DATA = Shape(
    GET_ORDER_FOR_A_SLIP,
    _GetOrder,
    under(
        "order",
        {
            path: why
            for path, why in (
                dict.fromkeys(leaves(Order), Why.UNNEEDED) | DROPPED_FROM_ORDER
            ).items()
            if path not in _KEPT
        },
    ),
)
_NEVER_LEAVES = frozenset({"CANCELLED", "UNFULFILLABLE"})
_STAYS = frozenset({"PENDING", "PENDING_AVAILABILITY", "UNSHIPPED"}) | _NEVER_LEAVES


def decode_slip_data(body: bytes) -> tuple[SlipData, tuple[str, ...]]:
    """Decode an answer of getOrder into the data of a packing slip.

    Returns:
        The data, and the paths that are new to us.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    order = SLIP_DATA.decode(body).order
    sent, address = order.fulfillment, order.recipient.delivery_address if order.recipient else None
    complete = (
        address is not None
        and bool(address.name or address.company_name)
        and bool(address.address_line1)
    )
    data = SlipData(
        order_id=order.order_id,
        created_at=order.created_time,
        fulfilled_by=sent.fulfilled_by if sent else None,
        cancelled=sent is not None and sent.fulfillment_status in _NEVER_LEAVES,
        may_have_left=sent is None or sent.fulfillment_status not in _STAYS,
        ship_by=sent.ship_by_window.latest_date_time if sent and sent.ship_by_window else None,
        address=address if complete else None,
        gifts=tuple(_gifts(order)),
    )
    return data, SLIP_DATA.drift(body)


def _gifts(order: _Order) -> Iterator[tuple[str, str]]:
    for item in order.order_items:
        option = (
            item.fulfillment.packing.gift_option
            if item.fulfillment and item.fulfillment.packing
            else None
        )
        if option and option.gift_message:
            yield item.order_item_id, option.gift_message
