"""Orders API 2026-01-01: searchOrders and getOrder."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from theseller.emulator.amount_and_time_formats import instant
from theseller.emulator.invented_buyers import PLAUSIBLE
from theseller.emulator.spapi.call_parameters import Call, parse_instant
from theseller.emulator.spapi.errors import invalid, not_found
from theseller.emulator.spapi.order_json import SECTIONS, OrderWriter
from theseller.emulator.world.order_types import Order

_STATUSES = (
    "PENDING_AVAILABILITY",
    "PENDING",
    "UNSHIPPED",
    "PARTIALLY_SHIPPED",
    "SHIPPED",
    "CANCELLED",
    "UNFULFILLABLE",
)
_LAG = timedelta(minutes=2)
_HISTORY = timedelta(days=730)
_TOKEN_LIFETIME = timedelta(hours=24)
_FILTERS = (
    "createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore", "fulfillmentStatuses",
    "marketplaceIds", "fulfilledBy", "includedData", "maxResultsPerPage",
)  # fmt: skip


def search_orders(call: Call) -> dict[str, Any]:
    """Return a page of orders, oldest first by creation or by last update."""
    by_creation, after, before = _window(call)
    size = call.integer("maxResultsPerPage", 100, 100)
    statuses = set(call.choices("fulfillmentStatuses", _STATUSES))
    channels = set(call.choices("fulfilledBy", ("MERCHANT", "AMAZON")))
    sections = frozenset(call.choices("includedData", SECTIONS))
    stores = call.stores()
    requested = "&".join(f"{name}={call.query.get(name, '')}" for name in _FILTERS)
    token = call.read_token("paginationToken", "orders", _TOKEN_LIFETIME)
    position: tuple[datetime, str] | None = None
    if token:
        if token["asked"] != requested:
            raise invalid("paginationToken does not belong to these parameters.")
        before = parse_instant(token["before"], "paginationToken")
        position = (parse_instant(token["last"][0], "paginationToken"), token["last"][1])
    start = max(after, position[0] if position else after)
    if by_creation:
        found = call.emulator.world.orders_created(call.seller, stores, start, before)
    else:
        found = call.emulator.world.orders_updated(call.seller, stores, start, before, call.at)

    def key(order: Order) -> tuple[datetime, str]:
        return (order.created if by_creation else order.last_updated(call.at), order.id)

    wanted = (
        order
        for order in found
        if (position is None or key(order) > position)
        and (not statuses or order.status(call.at) in statuses)
        and (not channels or ("AMAZON" if order.by_amazon else "MERCHANT") in channels)
    )
    page = list(islice(wanted, size + 1))
    writer = _writer(call, sections)
    answer: dict[str, Any] = {"orders": [writer.write(order) for order in page[:size]]}
    answer["createdBefore" if by_creation else "lastUpdatedBefore"] = instant(before)
    if len(page) > size:
        last = key(page[size - 1])
        content = {
            "asked": requested,
            "before": before.isoformat(),
            "last": [last[0].isoformat(), last[1]],
        }
        answer["pagination"] = {"nextToken": call.token("orders", content)}
    return answer


def _window(call: Call) -> tuple[bool, datetime, datetime]:
    created_after, created_before = call.instant("createdAfter"), call.instant("createdBefore")
    updated_after, updated_before = (
        call.instant("lastUpdatedAfter"),
        call.instant("lastUpdatedBefore"),
    )
    if (created_after is None) == (updated_after is None):
        raise invalid("Exactly one of createdAfter and lastUpdatedAfter must be provided.")
    if created_after is not None and updated_before is not None:
        raise invalid("lastUpdatedBefore must not be provided with createdAfter.")
    if updated_after is not None and created_before is not None:
        raise invalid("createdBefore must not be provided with lastUpdatedAfter.")
    by_creation = created_after is not None
    after = created_after or updated_after
    newest = call.at - _LAG
    before = (created_before if by_creation else updated_before) or newest
    if after is None or before > newest:
        raise invalid(
            "The upper bound must be at least two minutes before the time of the request."
        )
    if before < after:
        raise invalid("The upper bound must be equal to or after the lower bound.")
    history = call.at - _HISTORY if call.seller.region != "fe" else after
    return by_creation, max(after, history), before


def get_order(call: Call) -> dict[str, Any]:
    """Return one order."""
    sections = frozenset(call.choices("includedData", SECTIONS))
    order = call.emulator.world.find_order(call.seller, call.path["order_id"])
    if order is None or order.created > call.at - _LAG:
        raise not_found("The requested order was not found.")
    return {"order": _writer(call, sections).write(order)}


def _writer(call: Call, sections: frozenset[str]) -> OrderWriter:
    plausible = call.emulator.config.people == PLAUSIBLE
    return OrderWriter(call.emulator.world.seed, call.at, sections, call.roles, plausible=plausible)
