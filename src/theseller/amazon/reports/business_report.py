"""Decode Business Reports (CSV): sessions, page views and sales.

By date, each row is a day of a store; by parent or child ASIN or by SKU, each row is a product over
the days of the report. They are the same figures as in the JSON of the Reports API
(`sales_and_traffic`), but the file does not say of which store it is, nor, by ASIN, of which days:
a person states both, and nothing is read on a guess. What the file does say must agree: the
currency of its amounts, and its days.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import Any

from theseller.amazon.reports import cell_parsers
from theseller.amazon.reports.business_report_cells import (
    Days,
    Money,
    Order,
    count,
    days_of,
    share,
)
from theseller.amazon.reports.business_report_columns import Column, Layout, recognize
from theseller.amazon.reports.cell_parsers import Cached
from theseller.amazon.reports.errors import BadCellError, ReportRefusedError, safe_reason
from theseller.amazon.reports.flat_file_header import DroppedColumn
from theseller.amazon.reports.format_types import CsvFormat
from theseller.amazon.reports.inspection_result import Findings
from theseller.amazon.reports.report_text_reader import OpenReport
from theseller.amazon.reports.report_types_and_columns import ReportType
from theseller.amazon.reports.sales_and_traffic_structs import TrafficDay, TrafficProduct
from theseller.amazon.reports.settlement_row_repair import FEWER_CELLS, without_blank_tail
from theseller.amazon.reports.stated_scope import Question, Stated
from theseller.lib.marketplaces import MARKETPLACES, Marketplace
from theseller.lib.money import minor_unit_digits
from theseller.lib.translation_marks import gettext_noop, marked, marked_days

_BATCH = 2_000
_SKU_MAX = 200
#: Rows of a file by date: more than the eight years that Seller Central could hold.
_DAYS_MAX = 3_000
#: With fewer rows, a report by week or month can't be told from one by day.
_DAYS_ENOUGH = 3

_AGAIN = gettext_noop("Download the report again and don't change it.")
_BY_DAY_ADVICE = gettext_noop(
    "Choose to view it by day in Seller Central > Reports > Business Reports > Sales and Traffic,"
    " and download it again."
)
_ONE_DAY_ADVICE = gettext_noop(
    "Amazon adds up such a file over its days, and the figures of a day can't be taken from it."
    " Download it once for each day: choose the same first and last day in Seller Central > Reports"
    " > Business Reports."
)

_Row = tuple[int, list[str]]


class BusinessReportDecoder:
    """Decodes one file, by what was `stated` of it.

    Without a store it reads all rows, for the inspection, and yields none.
    """

    def __init__(self, layout: Layout, report: OpenReport, stated: Stated) -> None:
        self.findings = Findings(report.source.limits)
        self._layout, self._report, self._stated = layout, report, stated
        self._money, self._days = Money(), Days()
        self._survey()
        self._orders = self._days.orders(stated.days)
        self._store = self._fitting_store()
        self._currency = self._store.currency if self._store else self._only_currency()
        self._parsers = {
            column: (place, self._parser(column)) for column, place in layout.positions.items()
        }

    @property
    def kept(self) -> tuple[str, ...]:
        """The columns that are read."""
        return self._layout.kept

    @property
    def dropped(self) -> tuple[DroppedColumn, ...]:
        """The columns that are not read, with the reason."""
        return self._layout.dropped

    @property
    def asks(self) -> tuple[Question, ...]:
        """What the file does not say, so that a person has to."""
        if self._layout.by_date and self._days.rows >= _DAYS_ENOUGH:
            return (Question.STORE,)
        return (Question.STORE, Question.DAYS)

    @property
    def stores_possible(self) -> tuple[str, ...]:
        """The codes of the stores whose currency the file may be in."""
        currencies = self._money.currencies()
        fitting = [store.code for store in MARKETPLACES.values() if store.currency in currencies]
        return tuple(sorted(fitting))

    def _survey(self) -> None:
        """Read every amount and date once, to learn how this file writes them."""
        sales = self._layout.positions[Column.SALES]
        day = self._layout.positions.get(Column.DATE)
        for number, cells in self._rows():
            if len(cells) != self._layout.width:
                continue
            self._money.see(cells[sales])
            if day is None:
                continue
            readings = days_of(cells[day])
            self._days.see(readings)
            if self._days.rows > _DAYS_MAX:
                raise ReportRefusedError(
                    gettext_noop("the file has more days than Seller Central keeps"), _AGAIN
                )
            if not readings or not self._days.readable:
                raise ReportRefusedError(
                    gettext_noop("the date is not one day, written as the dates above it"),
                    _BY_DAY_ADVICE,
                    line=number,
                )

    def _fitting_store(self) -> Marketplace | None:
        store = self._stated.marketplace
        return store if store and store.currency in self._money.currencies() else None

    def _only_currency(self) -> str:
        """Return the only currency that the file can be in, else a blank."""
        found = self._money.currencies()
        return next(iter(found)) if len(found) == 1 else ""

    def _rows(self) -> Iterator[_Row]:
        """Yield the rows below the header with the number of their first line.

        Raises:
            ReportRefusedError: quotes are damaged.
        """
        begun = self._layout.line
        lines = (f"{line}\n" for line in self._report.lines())
        for _ in range(begun):
            next(lines, None)
        reader = csv.reader(lines, delimiter=self._layout.separator, strict=True)
        damaged = 0
        while True:
            number = begun + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:  # Its text may quote the file.
                damaged = number
                break
            without_blank_tail(cells, self._layout.width)
            if any(cell.strip(" \x1a") for cell in cells):
                yield number, cells
        raise ReportRefusedError(
            gettext_noop("the quotes around a cell are damaged"), _AGAIN, line=damaged
        )

    def batches(self) -> Iterator[list[TrafficDay | TrafficProduct]]:
        """Yield the readable rows; the others are recorded in the findings."""
        batch: list[TrafficDay | TrafficProduct] = []
        seen: set[tuple[Any, ...]] = set()
        for number, cells in self._rows():
            row = self._read(number, cells, seen)
            if row is not None:
                batch.append(row)
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        yield batch
        self.findings.warn(
            gettext_noop(
                "no amount has a currency sign, so nothing in the file proves which store it is of"
            ),
            bool(self.findings.rows) and not self._money.has_signs,
        )

    def _read(
        self, number: int, cells: list[str], seen: set[tuple[Any, ...]]
    ) -> TrafficDay | TrafficProduct | None:
        """Return a row; None, and a finding, if it can't be read."""
        if len(cells) != self._layout.width:
            many = len(cells) > self._layout.width
            reason = gettext_noop("more cells than the header has columns") if many else FEWER_CELLS
            self.findings.refuse(number, "", reason)
            return None
        column = Column.DATE
        try:
            read: dict[Column, Any] = {}
            for column, (place, parse) in self._parsers.items():
                read[column] = parse[cells[place]]
            column = Column.DATE if self._layout.by_date else Column.CHILD
            self._refuse_twice(read, seen)
        except ValueError as error:
            self.findings.refuse(number, str(column), safe_reason(error))
            return None
        return self._row(read)

    def _parser(self, column: Column) -> Cached[Any]:
        """Return what reads the cells of a column; equal cells are read once."""
        if column is Column.SALES:
            return Cached(partial(self._money.amount, digits=minor_unit_digits(self._currency)))
        return Cached(self._date if column is Column.DATE else _PARSERS.get(column, count))

    def _date(self, cell: str) -> date | None:
        """Return the day of a cell; None while its notation is not known."""
        return days_of(cell).get(self._orders[0]) if len(self._orders) == 1 else None

    def _refuse_twice(self, read: dict[Column, Any], seen: set[tuple[Any, ...]]) -> None:
        """Refuse a row of no product, or of a day or product seen before.

        Raises:
            BadCellError: it is one.
        """
        if self._layout.by_date:
            key: tuple[Any, ...] = (read[Column.DATE],) if read[Column.DATE] else ()
            reason = gettext_noop("a day twice")
        else:
            key = tuple(read.get(one, "") for one in (Column.PARENT, Column.CHILD, Column.SKU))
            reason = gettext_noop("a product twice")
            if not (read.get(Column.CHILD) or read.get(Column.PARENT)):
                raise BadCellError(gettext_noop("blank"))
        if key and key in seen:
            raise BadCellError(reason)
        seen.add(key)

    def _row(self, read: dict[Column, Any]) -> TrafficDay | TrafficProduct | None:
        """Count a row, and return it if its store and day are known."""
        which = "by day" if self._layout.by_date else "by product"
        self.findings.rows += 1
        self.findings.add(self._currency, f"ordered product sales {which}", read[Column.SALES])
        self.findings.add(self._currency, f"units ordered {which}", read[Column.UNITS])
        self.findings.add(self._currency, f"sessions {which}", read[Column.SESSIONS])
        store = self._store
        if store is None:
            return None
        return self._day(store, read) if self._layout.by_date else self._product(store, read)

    def _day(self, store: Marketplace, read: dict[Column, Any]) -> TrafficDay | None:
        day: date | None = read[Column.DATE]
        if day is None:
            return None
        self.findings.saw_day(store, day, day)
        return TrafficDay(
            marketplace=store,
            day=day,
            units_refunded=None,
            units_shipped=None,
            orders_shipped=None,
            **_figures(store, read),
        )

    def _product(self, store: Marketplace, read: dict[Column, Any]) -> TrafficProduct | None:
        days = self._stated.days
        if days is None or days[0] != days[1]:
            return None
        self.findings.saw_day(store, *days)
        return TrafficProduct(
            marketplace=store,
            first_day=days[0],
            last_day=days[1],
            daily=True,
            parent_asin=read.get(Column.PARENT) or read[Column.CHILD],
            child_asin=read.get(Column.CHILD) or None,
            sku=read.get(Column.SKU) or None,
            **_figures(store, read),
        )

    def verdict(self) -> tuple[str, str]:
        """Return why the file can't be imported, and what to do.

        Both are blank if it can.
        """
        return self._days_verdict() or self._currency_verdict() or self._unanswered() or ("", "")

    def _days_verdict(self) -> tuple[str, str] | None:
        days = self._stated.days
        if days and days[1] < days[0]:
            return (
                gettext_noop("the last day that you chose is before the first"),
                gettext_noop("Choose the days that the report was downloaded for."),
            )
        if not self._layout.by_date:
            return (
                (gettext_noop("the report is by product over several days"), _ONE_DAY_ADVICE)
                if days and days[0] != days[1]
                else None
            )
        if not self._days.rows or len(self._orders) == 1:
            return None
        if not self._days.orders(None):
            return (
                gettext_noop(
                    "its rows are not one day after another: it is a report by week or month, or"
                    " rows are missing"
                ),
                _BY_DAY_ADVICE,
            )
        if days is None:
            return None  # It is asked for.
        return (
            marked(
                gettext_noop("the file is not of the days that you chose (%(days)s)"),
                days=marked_days(*days),
            ),
            gettext_noop("Choose the days that the report was downloaded for."),
        )

    def _currency_verdict(self) -> tuple[str, str] | None:
        store = self._stated.marketplace
        if self._money.contradict:
            return gettext_noop("its amounts are in several currencies"), _AGAIN
        if store is None or self._store is not None:
            return None
        fitting = ", ".join(sorted(self._money.currencies()))
        return (
            marked(
                gettext_noop(
                    "its currency sign is that of %(currencies)s, but %(store)s sells in %(own)s"
                ),
                currencies=fitting,
                store=store.sales_channel,
                own=store.currency,
            ),
            gettext_noop("Choose the store that the report was downloaded for."),
        )

    def _unanswered(self) -> tuple[str, str] | None:
        stated = self._stated
        answered = {Question.STORE: stated.marketplace, Question.DAYS: stated.days}
        asks = [question for question in self.asks if answered[question] is None]
        if not asks:
            return None
        advice = gettext_noop(
            "Choose what was chosen in Seller Central when the report was downloaded."
        )
        if Question.DAYS not in asks:
            return gettext_noop("the file does not say of which store it is"), advice
        if Question.STORE not in asks:
            return gettext_noop("the file does not say of which days it is"), advice
        return gettext_noop("the file does not say of which store and of which days it is"), advice

    def settled_type(self) -> tuple[ReportType, str]:
        """Return the type, and the evidence with the notation of the file."""
        if not self._layout.by_date:
            return ReportType.SALES_AND_TRAFFIC, gettext_noop(
                "its columns: a Business Report by product"
            )
        if len(self._orders) != 1:
            return ReportType.SALES_AND_TRAFFIC, gettext_noop(
                "its columns: a Business Report by date"
            )
        order: Order = self._orders[0]
        text = gettext_noop("its columns: a Business Report by date, dates with the %(order)s")
        return ReportType.SALES_AND_TRAFFIC, marked(text, order=marked(order.value))


def _asin(cell: str) -> str:
    return cell_parsers.asin(cell_parsers.bare(cell))


def _sku(cell: str) -> str:
    sku = cell_parsers.bare(cell)
    if len(sku) > _SKU_MAX:
        raise BadCellError(gettext_noop("longer than anything Amazon prints here"))
    return sku


_PARSERS: dict[Column, Callable[[str], Any]] = {
    Column.PARENT: _asin,
    Column.CHILD: _asin,
    Column.SKU: _sku,
    Column.FEATURED: share,
}


def _figures(store: Marketplace, read: dict[Column, Any]) -> dict[str, Any]:
    """Return the figures that days and products share; None is unknown."""
    return {
        "currency": store.currency,
        "ordered_product_sales": read[Column.SALES],
        "units_ordered": read[Column.UNITS],
        "order_items": None,
        "sessions": read[Column.SESSIONS],
        "page_views": read[Column.PAGE_VIEWS],
        "buy_box_percentage": read.get(Column.FEATURED),
        "unit_session_percentage": None,
    }


FORMAT = CsvFormat(recognize=recognize, decoder=BusinessReportDecoder)
