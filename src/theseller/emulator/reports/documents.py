"""Turns a report that was asked for into the bytes that are served: text, encoding, compression."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from theseller.emulator.reports import all_orders, settlement, traffic
from theseller.emulator.reports.settlement import SettlementWriter
from theseller.emulator.reports.traffic import TrafficWriter
from theseller.emulator.world.sellers import Seller
from theseller.emulator.world.settlements import Period
from theseller.emulator.world.world import World


@dataclass(frozen=True, slots=True)
class Order:
    """A report as ordered. `at`: the instant whose knowledge it holds; a document never changes after that."""

    seller: Seller
    report_type: str
    start: datetime
    end: datetime
    at: datetime
    marketplace_ids: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


def encoding_of(seller: Seller, report_type: str) -> str:
    """Return what Amazon really uses despite "all UTF-8": Windows-1252 in Europe, Shift_JIS in Japan, sometimes a byte order mark."""
    if report_type == traffic.REPORT_TYPE:
        return "utf-8"
    if seller.region == "eu":
        return "cp1252"
    if seller.region == "fe":
        return "cp932"
    return "utf-8-sig" if report_type == all_orders.ORDER_DATE else "utf-8"


def content_type_of(seller: Seller, report_type: str) -> str:
    """Return the Content-Type that the document storage sends. Charsets as recorded in Europe and North America; none in Japan."""
    charset = {"cp1252": "Cp1252", "utf-8": "utf8", "utf-8-sig": "utf8"}.get(encoding_of(seller, report_type))
    return f"text/plain; charset={charset}" if charset else "text/plain"


def has_data(world: World, order: Order) -> bool:
    """Say whether there is anything to report, without writing it."""
    if order.report_type == traffic.REPORT_TYPE:
        return order.end.date() >= order.seller.opened
    orders = all_orders.orders(world, order.seller, order.report_type, order.start, order.end, order.at)
    return next(orders, None) is not None


def render(world: World, order: Order) -> str | None:
    """Return the text of a requested report, or None if there is nothing to report (Amazon cancels it then)."""
    if not has_data(world, order):
        return None
    if order.report_type == traffic.REPORT_TYPE:
        store = order.seller.store(order.marketplace_ids[0])
        first, last = order.start.date(), order.end.date()
        granularity = {"date_granularity": order.options.get("dateGranularity", "DAY")}
        granularity["asin_granularity"] = order.options.get("asinGranularity", "PARENT")
        return TrafficWriter(world, order.seller, store, order.at).text(max(first, order.seller.opened), last, **granularity)
    body = all_orders.rows(world, order.seller, order.report_type, order.start, order.end, order.at)
    return all_orders.write(all_orders.columns(order.report_type, order.seller), body)


def render_settlement(world: World, period: Period, *, decimal_comma: bool | None = None) -> str:
    """Return the text of a settlement; European numbers for a European seller unless told otherwise."""
    comma = period.seller.region == "eu" and period.store.marketplace.currency == "EUR" if decimal_comma is None else decimal_comma
    return SettlementWriter(world, period, decimal_comma=comma).text()


def encode(text: str, encoding: str, *, compress: bool) -> bytes:
    """Return the bytes. Two calls give the same ones: the gzip header carries no time."""
    data = text.encode(encoding, errors="replace")
    return gzip.compress(data, mtime=0) if compress else data


def midnight(day: date) -> datetime:
    """Return the UTC instant at which `day` begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


REQUESTABLE = (all_orders.LAST_UPDATE, all_orders.ORDER_DATE, traffic.REPORT_TYPE)
GENERATED = (settlement.REPORT_TYPE,)
