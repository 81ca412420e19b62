"""Decode Sales and Traffic reports (JSON): sessions, page views, sales.

By day, and by product over the report's period. Only two things in it are facts of a day: rows by
date when the report's granularity is DAY, and rows by product when its period is one day. The
structs in `sales_and_traffic_structs` are the allow-list. Amounts are read from the JSON token,
exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any, TypeVar

import msgspec

from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.flat_file_header import DroppedColumn
from theseller.amazon.reports.format_types import JsonFormat
from theseller.amazon.reports.inspection_result import Findings
from theseller.amazon.reports.replayable_source import DEFAULT_LIMITS, Limits
from theseller.amazon.reports.report_types_and_columns import UNKNOWN_COLUMN, ReportType
from theseller.amazon.reports.sales_and_traffic_structs import (
    COUNTER,
    ByAsin,
    ByDate,
    Document,
    Outline,
    Sales,
    Specification,
    TooManyRowsError,
    Traffic,
    TrafficDay,
    TrafficProduct,
)
from theseller.lib.marketplaces import MARKETPLACES, Marketplace
from theseller.lib.money import is_plausible
from theseller.lib.translation_marks import gettext_noop, marked, marked_number

_Row = TypeVar("_Row", ByDate, ByAsin)
_Fact = TypeVar("_Fact", TrafficDay, TrafficProduct)


_AGAIN = gettext_noop(
    "Request the report again; a document that Amazon made is never broken in this place."
)
_PATH = re.compile(r"`\$([\w.\[\]]{0,120})`")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")
_ASIN = re.compile(r"[A-Z0-9]{10}")
_BY_DATE = msgspec.json.Decoder(ByDate)
_BY_ASIN = msgspec.json.Decoder(ByAsin)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SPECIFICATION = msgspec.json.Decoder(Specification)
_OUTLINE = msgspec.json.Decoder(Outline)
_DOCUMENT = msgspec.json.Decoder(Document)
_BATCH = 2_000
#: Years that a report can speak of; a day outside of them is no instant in some time zones.
_YEARS = range(1995, 2101)
_FIELDS_LISTED = 400
_SPECIFICATION_MAX = 16 << 10

#: Documented fields that are not read: halves of a sum, the same for business buyers only, or
#: derived from what is read.
_NOT_NEEDED = re.compile(
    r"\w+B2B|browser\w+|mobileApp\w+|average\w+|refundRate|claims\w+"
    r"|shippedProductSales|orderItemSessionPercentage|feedbackReceived"
    r"|negativeFeedbackReceived|receivedNegativeFeedbackRate"
    r"|sessionPercentage|pageViewsPercentage|browerPageViews"
)


class TrafficDecoder:
    """Decodes one document: rows of TrafficDay, then of TrafficProduct.

    It raises ReportRefusedError if the document is not the report.
    """

    def __init__(self, pieces: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> None:
        self.findings = Findings(limits)
        self._limits = limits
        self.kept: list[str] = []
        self._dropped: dict[str, str] = {}
        document = _document(pieces, limits)
        self._by_date, self._by_asin = (
            document.sales_and_traffic_by_date,
            document.sales_and_traffic_by_asin,
        )
        self._specification = _specification(document.report_specification)
        self.marketplace = _marketplace(self._specification)
        self._first, self._last = (
            self._specification.data_start_time,
            self._specification.data_end_time,
        )
        if self._last < self._first:
            raise ReportRefusedError(gettext_noop("the period ends before it begins"), _AGAIN)
        if self._first.year not in _YEARS or self._last.year not in _YEARS:
            raise ReportRefusedError(gettext_noop("the period lies in no year of Amazon's"), _AGAIN)

    @property
    def dropped(self) -> tuple[DroppedColumn, ...]:
        """The fields that were not read, with the reason."""
        return tuple(DroppedColumn(name, reason) for name, reason in self._dropped.items())

    def batches(self) -> Iterator[Sequence[TrafficDay | TrafficProduct]]:
        """Yield the readable rows by day, then by product.

        A refused row's line is its number in its own list, from 1.
        """
        yield from _batched(self._days())
        if self._granularity() != "DAY":
            self.findings.warn(
                gettext_noop(
                    "%(n)s rows by date cover weeks or months, not days: they are not read"
                ),
                len(self._by_date),
            )
        products = 0
        for batch in _batched(self._products()):
            products += len(batch)
            yield batch
        if products and self._first != self._last:
            self.findings.warn(
                gettext_noop(
                    "%(n)s rows by product cover several days, so they can't be used per day and"
                    " are skipped"
                ),
                products,
            )

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
                self.findings.refuse(
                    number,
                    "salesAndTrafficByDate.date",
                    gettext_noop("a day twice, or outside the report's period"),
                )
                continue
            seen.add(row.date)
            sales, traffic = row.sales, row.traffic
            self._note(sales, traffic, "by day")
            self.findings.saw_day(self.marketplace, row.date, row.date)
            amount = sales.ordered_product_sales
            shipped = (sales.units_refunded, sales.units_shipped, sales.orders_shipped)
            ordered = (
                amount.currency_code,
                amount.amount,
                sales.units_ordered,
                sales.total_order_items,
            )
            rest = (*_traffic(traffic), self._first == self._last)
            yield TrafficDay(self.marketplace, row.date, *ordered, *shipped, *rest)

    def _products(self) -> Iterator[TrafficProduct]:
        daily = self._first == self._last
        for number, raw in enumerate(self._by_asin, 1):
            row = self._read(_BY_ASIN, raw, number, "salesAndTrafficByAsin")
            if row is None:
                continue
            if not all(
                _ASIN.fullmatch(asin)
                for asin in (row.parent_asin, row.child_asin)
                if asin is not None
            ):
                self.findings.refuse(
                    number, "salesAndTrafficByAsin.parentAsin", gettext_noop("not an ASIN")
                )
                continue
            sales, traffic = row.sales, row.traffic
            self._note(sales, traffic, "by product")
            self.findings.saw_day(self.marketplace, self._first, self._last)
            amount = sales.ordered_product_sales
            whose = (
                self.marketplace,
                self._first,
                self._last,
                daily,
                row.parent_asin,
                row.child_asin,
                row.sku,
            )
            ordered = (
                amount.currency_code,
                amount.amount,
                sales.units_ordered,
                sales.total_order_items,
            )
            yield TrafficProduct(*whose, *ordered, *_traffic(traffic))

    def _read(
        self, decoder: msgspec.json.Decoder[_Row], raw: msgspec.Raw, number: int, where: str
    ) -> _Row | None:
        """Return one decoded row; None if it was refused.

        The message of msgspec may quote a value, so only its path is repeated.
        """
        row: _Row | None = None
        try:
            if len(memoryview(raw)) > self._limits.line:
                column, reason = "", f"longer than {self._limits.line >> 10} KiB, which no row is"
            else:
                row = decoder.decode(raw)
                column, reason = _fault(row)
                if not reason and not self._note_fields(raw, where):
                    reason = marked(
                        gettext_noop("more than %(columns)s fields"), columns=self._limits.columns
                    )
        except msgspec.ValidationError as error:
            column, reason = _path(error), "not the kind of value that Amazon documents"
        except (
            msgspec.DecodeError,
            RecursionError,
            ValueError,
        ):  # A text that the first pass skipped and that is none.
            column, reason = "", "damaged"
        if reason:
            self.findings.refuse(number, f"{where}{column}", reason)
            return None
        return row

    def _note_fields(self, raw: msgspec.Raw, where: str, depth: int = 0) -> bool:
        """Record field names, so that what Amazon adds is noticed.

        Values stay undecoded bytes. Return False for too many fields.
        """
        fields = _FIELDS.decode(raw)
        if len(fields) > self._limits.columns:
            return False
        for name, value in fields.items():
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
                if len(self._dropped) < _FIELDS_LISTED:
                    self._dropped[path] = UNKNOWN_COLUMN
                continue
            if depth == 0 and name in _PARTS and not self._note_fields(value, path, 1):
                return False
        return True

    def _note(self, sales: Sales, traffic: Traffic, which: str) -> None:
        self.findings.rows += 1
        currency = sales.ordered_product_sales.currency_code
        self.findings.add(
            currency, f"ordered product sales {which}", sales.ordered_product_sales.amount
        )
        self.findings.add(currency, f"units ordered {which}", sales.units_ordered)
        self.findings.add(currency, f"sessions {which}", traffic.sessions or 0)

    def verdict(self) -> tuple[str, str]:
        """Return why the report can't be imported, and what to do.

        Both are blank if it can.
        """
        if (
            self._by_date
            and self._granularity() != "DAY"
            and not (self._by_asin and self._first == self._last)
        ):
            return (
                "the report is by week or month; nothing in it is a fact of a day",
                "Request it with dateGranularity DAY.",
            )
        return "", ""

    def settled_type(self) -> tuple[ReportType, str]:
        """Return the type, which the document names itself."""
        return ReportType.SALES_AND_TRAFFIC, "the reportType it names itself"


_PARTS = frozenset({"salesByDate", "trafficByDate", "salesByAsin", "trafficByAsin"})
_READ = frozenset().union(
    *(struct.__struct_encode_fields__ for struct in (ByDate, ByAsin, Sales, Traffic))
)


def _fault(row: ByDate | ByAsin) -> tuple[str, str]:
    """Return which part of a row is not a figure, and why; blank if all are."""
    amounts = row.sales.ordered_product_sales
    if not is_plausible(amounts.amount) or not re.fullmatch(r"[A-Z]{3}", amounts.currency_code):
        return ".orderedProductSales", "not an amount with a currency code"
    shares = (row.traffic.buy_box_percentage, row.traffic.unit_session_percentage)
    if not all(is_plausible(share) for share in shares if share is not None):
        return ".traffic", "not a percentage"
    return "", ""


def _traffic(traffic: Traffic) -> Sequence[Any]:
    return (
        traffic.sessions,
        traffic.page_views,
        traffic.buy_box_percentage,
        traffic.unit_session_percentage,
    )


def _path(error: msgspec.ValidationError) -> str:
    found = _PATH.search(str(error))
    return found[1] if found else ""


def _batched(rows: Iterator[_Fact]) -> Iterator[list[_Fact]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _document(pieces: Iterable[bytes], limits: Limits) -> Document:
    """Return the document with the positions of its rows.

    Its rows are counted before an object is made for each.
    """
    received = bytearray()
    for piece in pieces:
        received += piece
        if len(received) > limits.json:
            raise ReportRefusedError(
                marked(
                    gettext_noop("the JSON document is larger than %(json)s MiB"),
                    json=limits.json >> 20,
                ),
                gettext_noop("Request a shorter period."),
            )
    COUNTER.left = limits.json_rows
    try:
        _OUTLINE.decode(received)
        return _DOCUMENT.decode(received)
    except TooManyRowsError:
        reason = marked(
            gettext_noop("the JSON document has more than %(json_rows)s rows"),
            json_rows=marked_number(limits.json_rows),
        )
    except msgspec.ValidationError as error:
        if b'"errors"' in received[:200]:
            raise ReportRefusedError(
                gettext_noop("this is an error message of Amazon's, not a report"),
                gettext_noop("Request the report again."),
            ) from None
        raise _no_such_report(error) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise ReportRefusedError(
            gettext_noop("the JSON is damaged or cut off"),
            gettext_noop("Download the report again."),
        ) from None
    raise ReportRefusedError(reason, gettext_noop("Request a shorter period."))


def _no_such_report(error: msgspec.ValidationError, at: str = "") -> ReportRefusedError:
    advice = gettext_noop(
        "We read Sales and Traffic (GET_SALES_AND_TRAFFIC_REPORT) as JSON, Business Reports as CSV,"
        " All Orders and settlements as Text."
    )
    return ReportRefusedError(
        marked(
            gettext_noop("this JSON is no sales and traffic report (at $%(at)s%(value)s)"),
            at=at,
            value=_path(error),
        ),
        advice,
    )


def _specification(raw: msgspec.Raw) -> Specification:
    if len(memoryview(raw)) > _SPECIFICATION_MAX:
        raise ReportRefusedError(
            gettext_noop("the report's specification is longer than any of Amazon's"), _AGAIN
        )
    try:
        return _SPECIFICATION.decode(raw)
    except msgspec.ValidationError as error:
        raise _no_such_report(error, ".reportSpecification") from None
    except (msgspec.DecodeError, RecursionError):
        raise ReportRefusedError(
            gettext_noop("the JSON is damaged or cut off"),
            gettext_noop("Download the report again."),
        ) from None


def _marketplace(specification: Specification) -> Marketplace:
    if specification.report_type != ReportType.SALES_AND_TRAFFIC:
        raise ReportRefusedError(
            gettext_noop("this JSON is another report than sales and traffic"),
            marked(
                gettext_noop("Request %(sales_and_traffic)s."),
                sales_and_traffic=ReportType.SALES_AND_TRAFFIC,
            ),
        )
    if len(specification.marketplace_ids) != 1:
        raise ReportRefusedError(
            gettext_noop("the report names several marketplaces or none"),
            gettext_noop("Request it for one marketplace at a time."),
        )
    marketplace = MARKETPLACES.get(specification.marketplace_ids[0])
    if marketplace is None:
        raise ReportRefusedError(
            gettext_noop("the report is of a marketplace this version doesn't know"),
            gettext_noop("Update TheSeller."),
        )
    return marketplace


_TYPE = ReportType.SALES_AND_TRAFFIC
FORMAT = JsonFormat(
    titles={_TYPE: gettext_noop("Sales and traffic")},
    names={"traffic": _TYPE},
    decoder=TrafficDecoder,
)
