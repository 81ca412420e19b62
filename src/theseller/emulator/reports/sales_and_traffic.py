"""GET_SALES_AND_TRAFFIC_REPORT: sales of the orders, drawn traffic.

Traffic is drawn so that 5 to 20 % of sessions become a unit. As at Amazon, a day is restated: until
72 hours after its end, a tenth of its sessions is not counted yet.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from theseller.emulator.amount_and_time_formats import amount
from theseller.emulator.reports.types import ReportGenerator, ReportOrder
from theseller.emulator.world.financial_events import Event
from theseller.emulator.world.products import Product
from theseller.emulator.world.random_draws import share
from theseller.emulator.world.sellers import Seller, Store
from theseller.emulator.world.world_queries import World

REPORT_TYPE = "GET_SALES_AND_TRAFFIC_REPORT"
Json = dict[str, Any]
_SETTLES_AFTER = timedelta(hours=72)


@dataclass(slots=True)
class _Tally:
    sales: int = 0
    units: int = 0
    items: int = 0
    sessions: int = 0
    page_views: int = 0
    browser_sessions: int = 0
    browser_views: int = 0
    boxed_views: float = 0.0

    def add(self, other: _Tally) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class _Day:
    whole: _Tally = field(default_factory=_Tally)
    refunded: int = 0
    shipped_sales: int = 0
    shipped_units: int = 0
    shipped_orders: int = 0


class TrafficWriter:
    """Writes the report of one store for local days [first, last]."""

    def __init__(self, world: World, seller: Seller, store: Store, at: datetime) -> None:
        self.world, self.seller, self.store, self.at = world, seller, store, at
        self.currency = store.marketplace.currency

    def text(
        self,
        first: date,
        last: date,
        *,
        date_granularity: str = "DAY",
        asin_granularity: str = "PARENT",
    ) -> str:
        """Return the document's text."""
        by_date: dict[date, _Day] = {}
        by_product: dict[tuple[str, ...], _Tally] = defaultdict(_Tally)
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            bucket = by_date.setdefault(_bucket(day, first, date_granularity), _Day())
            for product, tally in self._products(day).items():
                bucket.whole.add(tally)
                by_product[_keys(product, asin_granularity)].add(tally)
            self._money(day, bucket)
        whole = _Tally()
        for tally in by_product.values():
            whole.add(tally)
        document = {
            "reportSpecification": {
                "reportType": REPORT_TYPE,
                "reportOptions": {
                    "dateGranularity": date_granularity,
                    "asinGranularity": asin_granularity,
                },
                "dataStartTime": first.isoformat(),
                "dataEndTime": last.isoformat(),
                "marketplaceIds": [self.store.marketplace.id],
            },
            "salesAndTrafficByDate": [
                self._date_entry(day, found) for day, found in by_date.items()
            ],
            "salesAndTrafficByAsin": [
                self._asin_entry(keys, tally, whole) for keys, tally in sorted(by_product.items())
            ],
        }
        return json.dumps(document, ensure_ascii=False)

    def _products(self, day: date) -> dict[Product, _Tally]:
        found: dict[Product, _Tally] = defaultdict(_Tally)
        for order in self.world.orders_of_day(self.seller, self.store, day):
            if (
                order.off_amazon
                or order.replaces
                or order.created > self.at
                or order.status(self.at) == "CANCELLED"
            ):
                continue
            for line in order.lines:
                tally = found[line.product]
                tally.sales += line.price
                tally.units += line.quantity
                tally.items += 1
        _, end = day_bounds(self.store, day, day + timedelta(days=1))
        counted = 1.0 if self.at >= end + _SETTLES_AFTER else 0.9
        for product, tally in found.items():
            chance = share(self.world.seed, product.sku, day, "sessions")
            tally.sessions = max(int(counted * tally.units / (0.05 + 0.15 * chance)), tally.items)
            tally.page_views = int(tally.sessions * (1.2 + 0.5 * chance))
            tally.browser_sessions = int(tally.sessions * 0.35)
            tally.browser_views = int(tally.page_views * 0.35)
            tally.boxed_views = tally.page_views * (0.8 + 0.18 * chance)
        return found

    def _money(self, day: date, bucket: _Day) -> None:
        start, end = day_bounds(self.store, day, day + timedelta(days=1))
        for event in self.world.events(self.seller, self.store, start, end):
            if start <= event.posted < min(end, self.at):
                _count(event, bucket)

    def _amount(self, minor: float) -> Json:
        return {"amount": float(amount(round(minor), self.currency)), "currencyCode": self.currency}

    def _date_entry(self, day: date, found: _Day) -> Json:
        tally = found.whole
        return {
            "date": day.isoformat(),
            "salesByDate": {
                "orderedProductSales": self._amount(tally.sales),
                "unitsOrdered": tally.units,
                "totalOrderItems": tally.items,
                "averageSalesPerOrderItem": self._amount(
                    tally.sales / tally.items if tally.items else 0
                ),
                "averageUnitsPerOrderItem": _ratio(tally.units, tally.items),
                "averageSellingPrice": self._amount(
                    tally.sales / tally.units if tally.units else 0
                ),
                "unitsRefunded": found.refunded,
                "refundRate": _ratio(found.refunded * 100, tally.units),
                "claimsGranted": 0,
                "claimsAmount": self._amount(0),
                "shippedProductSales": self._amount(found.shipped_sales),
                "unitsShipped": found.shipped_units,
                "ordersShipped": found.shipped_orders,
            },
            "trafficByDate": {
                **_traffic(tally),
                "orderItemSessionPercentage": _ratio(tally.items * 100, tally.sessions),
                "averageOfferCount": self.seller.products,
                "averageParentItems": max(self.seller.products // 3, 1),
                "feedbackReceived": 0,
                "negativeFeedbackReceived": 0,
                "receivedNegativeFeedbackRate": 0.0,
            },
        }

    def _asin_entry(self, keys: tuple[str, ...], tally: _Tally, whole: _Tally) -> Json:
        percentages = {
            "browserSessionPercentage": _ratio(
                tally.browser_sessions * 100, whole.browser_sessions
            ),
            "mobileAppSessionPercentage": _ratio(
                (tally.sessions - tally.browser_sessions) * 100,
                whole.sessions - whole.browser_sessions,
            ),
            "sessionPercentage": _ratio(tally.sessions * 100, whole.sessions),
            "browserPageViewsPercentage": _ratio(tally.browser_views * 100, whole.browser_views),
            "mobileAppPageViewsPercentage": _ratio(
                (tally.page_views - tally.browser_views) * 100,
                whole.page_views - whole.browser_views,
            ),
            "pageViewsPercentage": _ratio(tally.page_views * 100, whole.page_views),
        }
        sales = {
            "unitsOrdered": tally.units,
            "orderedProductSales": self._amount(tally.sales),
            "totalOrderItems": tally.items,
        }
        named = dict(zip(("parentAsin", "childAsin", "sku"), keys, strict=False))
        return {**named, "salesByAsin": sales, "trafficByAsin": {**_traffic(tally), **percentages}}


def _count(event: Event, bucket: _Day) -> None:
    quantity = sum(item.quantity for item in event.items)
    if event.kind == "Refund":
        bucket.refunded += quantity
    elif event.kind == "Shipment":
        bucket.shipped_orders += 1
        bucket.shipped_units += quantity
        bucket.shipped_sales += sum(item.line.price for item in event.items if item.line)


def _traffic(tally: _Tally) -> Json:
    return {
        "browserPageViews": tally.browser_views,
        "mobileAppPageViews": tally.page_views - tally.browser_views,
        "pageViews": tally.page_views,
        "browserSessions": tally.browser_sessions,
        "mobileAppSessions": tally.sessions - tally.browser_sessions,
        "sessions": tally.sessions,
        "buyBoxPercentage": _ratio(tally.boxed_views * 100, tally.page_views),
        "unitSessionPercentage": _ratio(tally.units * 100, tally.sessions),
    }


def _ratio(above: float, below: float) -> float:
    return round(above / below, 2) if below else 0.0


def _bucket(day: date, first: date, granularity: str) -> date:
    if granularity == "MONTH":
        return max(day.replace(day=1), first)
    if granularity == "WEEK":  # Weeks begin on Sunday here.
        return max(day - timedelta(days=(day.weekday() + 1) % 7), first)
    return day


def _keys(product: Product, granularity: str) -> tuple[str, ...]:
    keys = (product.parent_asin, product.asin, product.sku)
    return keys[: {"PARENT": 1, "CHILD": 2}.get(granularity, 3)]


def _has_data(world: World, order: ReportOrder) -> bool:  # as every generator  # noqa: ARG001
    return order.end.date() >= order.seller.opened


def _render(world: World, order: ReportOrder) -> str:
    store = order.seller.store(order.marketplace_ids[0])
    first, last = max(order.start.date(), order.seller.opened), order.end.date()
    return TrafficWriter(world, order.seller, store, order.at).text(
        first,
        last,
        date_granularity=order.options.get("dateGranularity", "DAY"),
        asin_granularity=order.options.get("asinGranularity", "PARENT"),
    )


GENERATORS = (
    ReportGenerator(
        report_type=REPORT_TYPE,
        roles=frozenset({"Brand Analytics"}),
        has_data=_has_data,
        render=_render,
        encoding=lambda _seller: "utf-8",
        oldest=timedelta(days=731),
        one_store=True,
        most_requests=(3, timedelta(minutes=5)),
    ),
)


def day_bounds(store: Store, day: date, next_day: date) -> tuple[datetime, datetime]:
    """Return the UTC instants between which it is `day` in the store.

    The interval is half-open, and 23 to 25 hours long.
    """
    zone = store.marketplace.zone
    return (
        datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC),
        datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone).astimezone(UTC),
    )
