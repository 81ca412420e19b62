"""Sales API v1: getOrderMetrics, an independent control total of orders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from theseller.emulator.amount_and_time_formats import amount
from theseller.emulator.spapi.call_parameters import Call, parse_instant
from theseller.emulator.spapi.errors import invalid
from theseller.emulator.world.order_types import Order
from theseller.emulator.world.sellers import Store

_GRANULARITIES = ("Hour", "Day", "Week", "Month", "Year", "Total")


def get_order_metrics(call: Call) -> dict[str, Any]:
    """Return orders, items, units and ordered product sales by interval.

    Canceled, replacement and off-Amazon orders are not counted.
    """
    wanted = call.texts("marketplaceIds")
    if len(wanted) != 1:
        raise invalid("Exactly one marketplace must be specified.")
    (store,) = call.stores()
    granularity = call.query.get("granularity", "")
    if granularity not in _GRANULARITIES:
        raise invalid("Invalid value for granularity.")
    start, end, zone = _interval(call, granularity)
    if call.query.get("asin") and call.query.get("sku"):
        raise invalid("asin and sku must not be specified together.")
    orders = list(
        call.emulator.world.orders_created(
            call.seller, [store], start, min(end, call.at) - timedelta(microseconds=1)
        )
    )
    orders = [
        order
        for order in orders
        if not (order.off_amazon or order.replaces or order.status(call.at) == "CANCELLED")
    ]
    first_day = call.query.get("firstDayOfWeek", "Monday")
    payload = []
    for low, high in _slices(start, end, zone, granularity, sunday=first_day == "Sunday"):
        inside = [order for order in orders if low <= order.created < high]
        payload.append(_metrics(call, store, inside, f"{low.isoformat()}--{high.isoformat()}"))
    return {"payload": payload}


def _interval(call: Call, granularity: str) -> tuple[datetime, datetime, ZoneInfo]:
    bounds = call.query.get("interval", "").replace(" ", "+").split("--")
    if len(bounds) != 2:
        raise invalid("interval must be two dates separated by two hyphens.")
    start, end = (parse_instant(bound, "interval") for bound in bounds)
    zone_name = call.query.get("granularityTimeZone")
    if zone_name is None and granularity not in {"Hour", "Total"}:
        raise invalid("granularityTimeZone is required for this granularity.")
    try:
        zone = ZoneInfo(zone_name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise invalid("granularityTimeZone is not a known time zone.") from None
    if zone_name and (
        start.utcoffset() != start.astimezone(zone).utcoffset()
        or end.utcoffset() != end.astimezone(zone).utcoffset()
    ):
        raise invalid("granularityTimeZone must align with the offset of the interval.")
    oldest = call.at - (timedelta(days=30) if granularity == "Hour" else timedelta(days=731))
    if start < oldest or end <= start:
        raise invalid("interval is out of the allowed range.")
    return start, end, zone


def _slices(
    start: datetime, end: datetime, zone: ZoneInfo, granularity: str, *, sunday: bool
) -> Iterator[tuple[datetime, datetime]]:
    low = start.astimezone(zone)
    while low < end:
        high = min(_next(low, granularity, sunday=sunday), end.astimezone(zone))
        yield low, high
        low = high


def _next(low: datetime, granularity: str, *, sunday: bool) -> datetime:
    midnight = low.replace(hour=0, minute=0, second=0, microsecond=0)
    if granularity == "Hour":
        return (
            (low.astimezone(ZoneInfo("UTC")) + timedelta(hours=1))
            .astimezone(low.tzinfo)
            .replace(minute=0, second=0)
        )
    if granularity == "Day":
        return midnight + timedelta(days=1)
    if granularity == "Week":
        return midnight + timedelta(days=7 - (low.weekday() + sunday) % 7)
    if granularity == "Month":
        return (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    return midnight.replace(year=low.year + (1 if granularity == "Year" else 10), month=1, day=1)


def _metrics(call: Call, store: Store, orders: list[Order], interval: str) -> dict[str, Any]:
    asin, sku, buyer, network = (
        call.query.get(name) for name in ("asin", "sku", "buyerType", "fulfillmentNetwork")
    )
    if buyer in {"B2B", "B2C"}:
        orders = [order for order in orders if order.business == (buyer == "B2B")]
    if network in {"AFN", "MFN"}:
        orders = [order for order in orders if order.by_amazon == (network == "AFN")]
    counted = {
        order.id: [
            line
            for line in order.lines
            if asin in {None, line.product.asin} and sku in {None, line.product.sku}
        ]
        for order in orders
    }
    lines = [line for found in counted.values() for line in found]
    sales, units = sum(line.price for line in lines), sum(line.quantity for line in lines)
    currency = store.marketplace.currency
    return {
        "interval": interval,
        "unitCount": units,
        "orderItemCount": len(lines),
        "orderCount": sum(1 for found in counted.values() if found),
        "averageUnitPrice": _money(round(sales / units) if units else 0, currency),
        "totalSales": _money(sales, currency),
    }


def _money(minor: int, currency: str) -> dict[str, object]:
    """Return Money as recorded answers have it.

    The amount is a number, although Amazon's model declares a string.
    """
    return {"amount": float(amount(minor, currency)), "currencyCode": currency}
