"""Sales and traffic (JSON): sessions, page views and sales by day, and by product over the report's period.

Only two things in it are facts of a day: rows by date when the report's granularity is DAY, and rows by product when its period is one day.
Allow-list: the structs below; msgspec skips every other field without making a value of it. Amounts are read from the JSON token, exactly.
Shapes: Amazon's schema `sellerSalesAndTrafficReport.json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.header import DroppedColumn
from theseller.amazon.reports.inspection import Findings
from theseller.amazon.reports.types import UNKNOWN_COLUMN, ReportType
from theseller.lib.marketplaces import MARKETPLACES, Marketplace


class TrafficDay(msgspec.Struct, frozen=True):
    """One marketplace-local day of the whole catalogue. Percentages run from 0 to 100; conversion can exceed 100. None: not given."""

    marketplace: Marketplace
    day: date
    currency: str
    ordered_product_sales: Decimal
    units_ordered: int
    order_items: int
    units_refunded: int | None
    units_shipped: int | None
    orders_shipped: int | None
    sessions: int | None
    page_views: int | None
    buy_box_percentage: Decimal | None
    unit_session_percentage: Decimal | None


class TrafficProduct(msgspec.Struct, frozen=True):
    """One product over the report's period, both days included. A fact of a day only if `daily`."""

    marketplace: Marketplace
    first_day: date
    last_day: date
    daily: bool
    parent_asin: str
    child_asin: str | None
    sku: str | None
    currency: str
    ordered_product_sales: Decimal
    units_ordered: int
    order_items: int
    sessions: int | None
    page_views: int | None
    buy_box_percentage: Decimal | None
    unit_session_percentage: Decimal | None


class _Struct(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _Amount(_Struct, frozen=True):
    amount: Decimal
    currency_code: str


class _Sales(_Struct, frozen=True):
    ordered_product_sales: _Amount
    units_ordered: int
    total_order_items: int
    units_refunded: int | None = None
    units_shipped: int | None = None
    orders_shipped: int | None = None


class _Traffic(_Struct, frozen=True):
    sessions: int | None = None
    page_views: int | None = None
    buy_box_percentage: Decimal | None = None
    unit_session_percentage: Decimal | None = None


class _ByDate(_Struct, frozen=True):
    date: date
    sales: _Sales = msgspec.field(name="salesByDate")
    traffic: _Traffic = msgspec.field(name="trafficByDate")


class _ByAsin(_Struct, frozen=True):
    parent_asin: str
    sales: _Sales = msgspec.field(name="salesByAsin")
    traffic: _Traffic = msgspec.field(name="trafficByAsin")
    child_asin: str | None = None
    sku: str | None = None


_Row = TypeVar("_Row", _ByDate, _ByAsin)


class _Options(_Struct, frozen=True):
    date_granularity: str = "DAY"
    asin_granularity: str = "PARENT"


class _Specification(_Struct, frozen=True):
    report_type: str
    data_start_time: date
    data_end_time: date
    marketplace_ids: list[str]
    report_options: _Options = _Options()


class _Document(_Struct, frozen=True):
    report_specification: _Specification
    sales_and_traffic_by_date: list[msgspec.Raw] = []
    sales_and_traffic_by_asin: list[msgspec.Raw] = []


_AGAIN = "Request the report again; a document that Amazon made is never broken in this place."
_PATH = re.compile(r"`\$([\w.\[\]]{0,120})`")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_ASIN = re.compile(r"[A-Z0-9]{10}")
_BY_DATE = msgspec.json.Decoder(_ByDate)
_BY_ASIN = msgspec.json.Decoder(_ByAsin)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])

#: Documented fields that are not read: halves of a sum, the same for business buyers only, or derived from what is read.
_NOT_NEEDED = re.compile(
    r"\w+B2B|browser\w+|mobileApp\w+|average\w+|refundRate|claims\w+|shippedProductSales|orderItemSessionPercentage|feedbackReceived"
    r"|negativeFeedbackReceived|receivedNegativeFeedbackRate|sessionPercentage|pageViewsPercentage|browerPageViews"
)


class TrafficDecoder:
    """Reads one document: rows of TrafficDay, then of TrafficProduct, and findings. Raises ReportRefusedError if it is not the report."""

    def __init__(self, pieces: Iterable[bytes], limit: int) -> None:
        self.findings = Findings()
        self.kept: list[str] = []
        self._dropped: dict[str, str] = {}
        document = _document(pieces, limit)
        self._by_date, self._by_asin = document.sales_and_traffic_by_date, document.sales_and_traffic_by_asin
        self._specification = document.report_specification
        self.marketplace = _marketplace(self._specification)
        self._first, self._last = self._specification.data_start_time, self._specification.data_end_time
        if self._last < self._first:
            raise ReportRefusedError("the period ends before it begins", _AGAIN)

    @property
    def dropped(self) -> tuple[DroppedColumn, ...]:
        return tuple(DroppedColumn(name, reason) for name, reason in self._dropped.items())

    def batches(self) -> Iterator[list[TrafficDay | TrafficProduct]]:
        """Yield the readable rows by day, then by product. A refused row's line is its number in its own list, from 1."""
        days = list(self._days())
        if self._granularity() != "DAY":
            self.findings.warn("{n} rows by date cover weeks or months, not days: they are not read", len(self._by_date))
        yield list(days)
        products = list(self._products())
        if products and not products[0].daily:
            self.findings.warn("{n} rows by product cover several days: they are no daily facts", len(products))
        yield list(products)

    def _granularity(self) -> str:
        return self._specification.report_options.date_granularity

    def _days(self) -> Iterator[TrafficDay]:
        if self._granularity() != "DAY":
            return
        seen: set[date] = set()
        for number, raw in enumerate(self._by_date, 1):
            row = self._read(_BY_DATE, raw, number, "salesAndTrafficByDate")
            if row is None:
                continue
            if row.date in seen or not self._first <= row.date <= self._last:
                self.findings.refuse(number, "salesAndTrafficByDate.date", "a day twice, or outside the report's period")
                continue
            seen.add(row.date)
            sales, traffic = row.sales, row.traffic
            self._note(sales, traffic, "by day")
            self.findings.saw_day(self.marketplace, row.date, row.date)
            amount = sales.ordered_product_sales
            shipped = (sales.units_refunded, sales.units_shipped, sales.orders_shipped)
            ordered = (amount.currency_code, amount.amount, sales.units_ordered, sales.total_order_items)
            yield TrafficDay(self.marketplace, row.date, *ordered, *shipped, *_traffic(traffic))

    def _products(self) -> Iterator[TrafficProduct]:
        daily = self._first == self._last
        for number, raw in enumerate(self._by_asin, 1):
            row = self._read(_BY_ASIN, raw, number, "salesAndTrafficByAsin")
            if row is None:
                continue
            if not all(_ASIN.fullmatch(asin) for asin in (row.parent_asin, row.child_asin) if asin is not None):
                self.findings.refuse(number, "salesAndTrafficByAsin.parentAsin", "not an ASIN")
                continue
            sales, traffic = row.sales, row.traffic
            self._note(sales, traffic, "by product")
            self.findings.saw_day(self.marketplace, self._first, self._last)
            amount = sales.ordered_product_sales
            whose = (self.marketplace, self._first, self._last, daily, row.parent_asin, row.child_asin, row.sku)
            ordered = (amount.currency_code, amount.amount, sales.units_ordered, sales.total_order_items)
            yield TrafficProduct(*whose, *ordered, *_traffic(traffic))

    def _read(self, decoder: msgspec.json.Decoder[_Row], raw: msgspec.Raw, number: int, where: str) -> _Row | None:
        """Decode one row, or note why not. The message of msgspec may quote a value, so only its path is repeated."""
        try:
            row = decoder.decode(raw)
            self._note_fields(raw, where)
        except msgspec.ValidationError as error:
            self.findings.refuse(number, f"{where}{_path(error)}", "not the kind of value that Amazon documents")
            return None
        amounts = row.sales.ordered_product_sales
        if not amounts.amount.is_finite() or not re.fullmatch(r"[A-Z]{3}", amounts.currency_code):
            self.findings.refuse(number, f"{where}.orderedProductSales", "not an amount with a currency code")
            return None
        return row

    def _note_fields(self, raw: msgspec.Raw, where: str, depth: int = 0) -> None:
        """List field names, so that what Amazon adds is noticed. Values stay undecoded bytes."""
        for name, value in _FIELDS.decode(raw).items():
            path = f"{where}.{name}" if _NAME.fullmatch(name) else f"{where}.(a field)"
            if path in self._dropped or path in self.kept:
                if not (depth == 0 and name in _PARTS):
                    continue
            elif _NOT_NEEDED.fullmatch(name):
                self._dropped[path] = "not needed"
                continue
            elif name in _READ:
                self.kept.append(path)
            else:
                self._dropped[path] = UNKNOWN_COLUMN
                continue
            if depth == 0 and name in _PARTS:
                self._note_fields(value, path, 1)

    def _note(self, sales: _Sales, traffic: _Traffic, which: str) -> None:
        self.findings.rows += 1
        currency = sales.ordered_product_sales.currency_code
        self.findings.add(currency, f"ordered product sales {which}", sales.ordered_product_sales.amount)
        self.findings.add(currency, f"units ordered {which}", sales.units_ordered)
        self.findings.add(currency, f"sessions {which}", traffic.sessions or 0)

    def verdict(self) -> tuple[str, str]:
        if self._by_date and self._granularity() != "DAY" and not (self._by_asin and self._first == self._last):
            return "the report is by week or month; nothing in it is a fact of a day", "Request it with dateGranularity DAY."
        return "", ""

    def settled_type(self) -> tuple[ReportType, str]:
        return ReportType.SALES_AND_TRAFFIC, "the reportType it names itself"


_PARTS = frozenset({"salesByDate", "trafficByDate", "salesByAsin", "trafficByAsin"})
_READ = frozenset().union(*(struct.__struct_encode_fields__ for struct in (_ByDate, _ByAsin, _Sales, _Traffic)))


def _traffic(traffic: _Traffic) -> Sequence[Any]:
    return traffic.sessions, traffic.page_views, traffic.buy_box_percentage, traffic.unit_session_percentage


def _path(error: msgspec.ValidationError) -> str:
    found = _PATH.search(str(error))
    return found[1] if found else ""


def _document(pieces: Iterable[bytes], limit: int) -> _Document:
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) > limit:
            raise ReportRefusedError(f"the JSON document is larger than {limit >> 20} MiB", "Request a shorter period.")
    data = bytes(held.removeprefix(b"\xef\xbb\xbf"))
    try:
        return msgspec.json.decode(data, type=_Document)
    except msgspec.ValidationError as error:
        if b'"errors"' in data[:200]:
            raise ReportRefusedError("this is an error message of Amazon's, not a report", "Request the report again.") from None
        advice = "We read Sales and Traffic (GET_SALES_AND_TRAFFIC_REPORT) as JSON, All Orders and settlements as Text."
        raise ReportRefusedError(f"this JSON is no sales and traffic report (at ${_path(error)})", advice) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise ReportRefusedError("the JSON is damaged or cut off", "Download the report again.") from None


def _marketplace(specification: _Specification) -> Marketplace:
    if specification.report_type != ReportType.SALES_AND_TRAFFIC:
        raise ReportRefusedError("this JSON is another report than sales and traffic", f"Request {ReportType.SALES_AND_TRAFFIC}.")
    if len(specification.marketplace_ids) != 1:
        raise ReportRefusedError("the report names several marketplaces or none", "Request it for one marketplace at a time.")
    marketplace = MARKETPLACES.get(specification.marketplace_ids[0])
    if marketplace is None:
        raise ReportRefusedError("the report is of a marketplace this version doesn't know", "Update TheSeller.")
    return marketplace
