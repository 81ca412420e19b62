"""Bytes of a requested report: text, character encoding, compression."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType

from theseller.emulator.reports import (
    all_orders,
    customer_returns,
    sales_and_traffic,
    settlement,
    transactions,
)
from theseller.emulator.reports.settlement import SettlementWriter
from theseller.emulator.reports.types import ReportGenerator, ReportOrder
from theseller.emulator.world.sellers import Seller
from theseller.emulator.world.settlement_periods import Period
from theseller.emulator.world.world_queries import World

#: Every report type of the emulated Amazon.
GENERATORS: Mapping[str, ReportGenerator] = MappingProxyType(
    {
        one.report_type: one
        for one in (
            *all_orders.GENERATORS,
            *sales_and_traffic.GENERATORS,
            *settlement.GENERATORS,
            *customer_returns.GENERATORS,
            *transactions.GENERATORS,
        )
    }
)
REQUESTABLE = tuple(name for name, one in GENERATORS.items() if one.render is not None)


def content_type_of(seller: Seller, report_type: str) -> str:
    """Return the Content-Type that the document storage sends.

    Charsets as recorded in Europe and North America; none in Japan.
    """
    encoding = GENERATORS[report_type].encoding(seller)
    charset = {"cp1252": "Cp1252", "utf-8": "utf8", "utf-8-sig": "utf8"}.get(encoding)
    return f"text/plain; charset={charset}" if charset else "text/plain"


def has_data(world: World, order: ReportOrder) -> bool:
    """Return whether there is anything to report, without writing it."""
    found = GENERATORS[order.report_type].has_data
    return found is not None and found(world, order)


def render(world: World, order: ReportOrder) -> str | None:
    """Return the text of a requested report.

    None if it would have no data; Amazon cancels such a report.
    """
    write = GENERATORS[order.report_type].render
    return write(world, order) if write is not None and has_data(world, order) else None


def render_settlement(world: World, period: Period, *, decimal_comma: bool | None = None) -> str:
    """Return the text of a settlement report.

    Args:
        world: the facts at Amazon.
        period: the settlement.
        decimal_comma: whether numbers have a decimal comma. None: for a European seller with euros.
    """
    comma = (
        period.seller.region == "eu" and period.store.marketplace.currency == "EUR"
        if decimal_comma is None
        else decimal_comma
    )
    return SettlementWriter(world, period, decimal_comma=comma).text()


def encode(text: str, encoding: str, *, compress: bool) -> bytes:
    """Return the encoded, optionally compressed bytes of a document.

    Two calls return the same bytes: the gzip header carries no time.
    """
    data = text.encode(encoding, errors="replace")
    return gzip.compress(data, mtime=0) if compress else data


def midnight(day: date) -> datetime:
    """Return the UTC instant at which `day` begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
