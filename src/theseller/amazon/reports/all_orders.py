"""Decode All Orders reports, by order date or by last update.

One line per order item, without buyer or place of delivery. The report has no unique key (order and
SKU repeat in rare cases), so `occurrence` counts within an identical (order, SKU), and writers
replace whole orders.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import Any

import msgspec

from theseller.amazon.reports import cell_parsers
from theseller.amazon.reports.all_orders_cells import (
    PICKED,
    is_order_id,
    item_id,
    parser,
    sku_of,
)
from theseller.amazon.reports.cell_parsers import Cached
from theseller.amazon.reports.errors import BadCellError, ReportRefusedError, safe_reason
from theseller.amazon.reports.flat_file_header import Header, Recognized
from theseller.amazon.reports.format_types import FlatFormat
from theseller.amazon.reports.inspection_result import Findings
from theseller.amazon.reports.replayable_source import DEFAULT_LIMITS, Limits
from theseller.amazon.reports.report_text_reader import Batch, OpenReport
from theseller.amazon.reports.report_types_and_columns import (
    ALL_ORDERS,
    COLUMNS,
    ReportType,
    SettlementSummary,
    column_name,
)
from theseller.amazon.reports.settlement_row_repair import FEWER_CELLS, without_blank_tail
from theseller.lib.marketplaces import Marketplace
from theseller.lib.money import minor_unit_digits
from theseller.lib.translation_marks import gettext_noop


class AllOrdersLine(msgspec.Struct, frozen=True):
    """One order item.

    Money is the line's total in `currency` (not per unit); None is blank in the file, which is
    unknown, not zero. A tuple row has the same values in the same order. `marketplace` is None for
    sales outside Amazon. Discounts are positive.
    """

    line_number: int
    occurrence: int
    order_id: str
    order_item_id: str
    purchased_at: datetime
    last_updated_at: datetime
    order_status: str
    fulfilment_channel: str
    sales_channel: str
    marketplace: Marketplace | None
    sku: str
    asin: str
    title: str
    item_status: str
    quantity: int
    currency: str
    item_price: Decimal | None
    item_tax: Decimal | None
    shipping_price: Decimal | None
    shipping_tax: Decimal | None
    gift_wrap_price: Decimal | None
    gift_wrap_tax: Decimal | None
    item_promotion_discount: Decimal | None
    ship_promotion_discount: Decimal | None
    promotion_ids: tuple[str, ...]
    is_business_order: bool | None
    is_replacement: bool | None


_AT = {name: place for place, name in enumerate(AllOrdersLine.__struct_fields__)}
_MONEY = tuple(
    (name.replace("_", "-"), itemgetter(_AT[name]))
    for name in AllOrdersLine.__struct_fields__[_AT["item_price"] : _AT["promotion_ids"]]
)
_CURRENCY, _MARKETPLACE, _PURCHASED, _UPDATED = (
    _AT["currency"],
    _AT["marketplace"],
    _AT["purchased_at"],
    _AT["last_updated_at"],
)
_QUANTITY, _STATUS, _ITEM_STATUS = (
    itemgetter(_AT["quantity"]),
    itemgetter(_AT["order_status"]),
    itemgetter(_AT["item_status"]),
)

_BLANK = "\t \x1a"
_WINDOW_DAYS = 31  # Amazon limits the range of these reports to 30 days.


class AllOrdersDecoder:
    """Turns batches of lines into rows and findings.

    Rows are tuples in the order of AllOrdersLine.
    """

    summary: SettlementSummary | None = None

    def __init__(self, header: Header, limits: Limits = DEFAULT_LIMITS) -> None:
        self.header = header
        self.findings = Findings(limits)
        self._pick = itemgetter(*(header.at(column) for column in PICKED))
        required = COLUMNS[header.type].required
        self._enough = 1 + max(header.positions[column] for column in required)
        self._seen: dict[int, int] = {}
        self._short: tuple[int, list[str]] = (0, [])
        self._updates: tuple[datetime, datetime] | None = None
        self._words, self._asin, self._currency = (
            Cached(cell_parsers.words),
            Cached(cell_parsers.asin),
            Cached(cell_parsers.currency),
        )
        self._channel, self._quantity = (
            Cached(cell_parsers.sales_channel),
            Cached(cell_parsers.whole),
        )
        self._promotions, self._flag = Cached(cell_parsers.promotions), Cached(cell_parsers.flag)
        self._amounts = {
            digits: Cached(partial(cell_parsers.plain_amount, digits=digits)) for digits in (0, 2)
        }

    def all(self, report: OpenReport) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the readable rows of a report, batch by batch; see `decode`."""
        return map(self.decode, report.batches())

    def decode(self, batch: Batch) -> list[tuple[Any, ...]]:
        """Return the readable rows of a batch.

        The others are recorded in the findings.

        Raises:
            ReportRefusedError: the file was cut off.
        """
        rows: list[tuple[Any, ...]] = []
        for number, line in enumerate(batch.lines, batch.first):
            if number <= self.header.line or not line.strip(_BLANK):
                continue
            cells = line.split("\t")
            odd = len(cells) != self.header.width or (self._short[1] and not cells[0])
            if odd and not self._fitted(rows, number, cells, cut=batch.cut):
                continue
            cells.append("")  # A column that the file lacks reads as blank.
            try:
                rows.append(self._read(number, self._pick(cells)))
            except ValueError:
                self._read_again(rows, number, self._pick(cells))
        self._note(rows)
        return rows

    def _fitted(
        self, rows: list[tuple[Any, ...]], number: int, cells: list[str], *, cut: bool
    ) -> bool:
        """Bring `cells` to the header's width; return whether they are a row.

        Amazon may leave off blank cells at the end, and other programs add some. Anything else is
        the second half of a row, or damage.
        """
        without_blank_tail(cells, self.header.width)
        missing = self.header.width - len(cells)
        if missing >= 0 and self._rejoined(rows, cells):
            return False
        if missing > 0:
            if cut:
                raise ReportRefusedError(
                    gettext_noop("the file ends in the middle of a row"),
                    gettext_noop("Download the report again."),
                    line=number,
                )
            self._short = number, list(cells)
            if len(cells) < self._enough:
                self.findings.refuse(number, "", FEWER_CELLS)
                return False
            cells.extend([""] * missing)
        elif missing < 0:
            self.findings.refuse(number, "", gettext_noop("more cells than the header has columns"))
            return False
        return True

    def _rejoined(self, rows: list[tuple[Any, ...]], cells: list[str]) -> bool:
        """Join lines into which a line break has cut one row.

        They are joined only if the whole can be read. The break is inside a cell, or in place of a
        tab. Return whether `cells` belong to the row before: its refusal is withdrawn once the row
        is whole.
        """
        begun, half = self._short
        if not half or is_order_id(cells[0]) or not is_order_id(half[0]):
            return False
        accepted = bool(rows) and rows[-1][0] == begun
        if not accepted and (
            (rows and rows[-1][0] > begun) or not self.findings.was_refused(begun)
        ):
            return False
        glued = [*half[:-1], f"{half[-1]} {cells[0]}".strip(), *cells[1:]]
        wholes = [whole for whole in (glued, [*half, *cells]) if len(whole) == self.header.width]
        row = next(filter(None, (self._whole(begun, whole) for whole in wholes)), None)
        if row is None:
            more = not accepted and not wholes and len(glued) < self.header.width
            if more:
                self._short = begun, glued
            return more
        if accepted:  # Without its second half it looked like a row with blank cells at its end.
            rows.pop()
        else:
            self.findings.take_back()
        rows.append(row)
        self.findings.warn(
            gettext_noop("%(n)s rows that a line break had cut in two were put together")
        )
        self._short = 0, []
        return True

    def _whole(self, number: int, cells: list[str]) -> tuple[Any, ...] | None:
        try:
            return self._read(number, self._pick([*cells, ""]))
        except ValueError:
            return None

    def _read(self, number: int, cells: tuple[str, ...]) -> tuple[Any, ...]:
        (
            order,
            item,
            purchased,
            updated,
            status,
            fulfilment,
            channel,
            sku,
            asin,
            title,
            item_status,
            quantity,
            currency,
        ) = cells[:13]
        code = self._currency[currency]
        amount = self._amounts[minor_unit_digits(code)]
        if not is_order_id(order) or len(title) > 2000:
            raise BadCellError
        key = hash((order, sku))  # A collision only makes `occurrence` 2 where 1 would do.
        occurrence = self._seen.get(key, 0) + 1
        row = (
            number,
            occurrence,
            order,
            item_id(item) if item else "",
            cell_parsers.instant(purchased),
            cell_parsers.instant(updated),
            self._words[status],
            self._words[fulfilment],
            *self._channel[channel],
            sku if 0 < len(sku) <= 100 else sku_of(sku),
            self._asin[asin],
            title,
            self._words[item_status],
            self._quantity[quantity],
            code,
            amount[cells[13]],
            amount[cells[14]],
            amount[cells[15]],
            amount[cells[16]],
            amount[cells[17]],
            amount[cells[18]],
            amount[cells[19]],
            amount[cells[20]],
            self._promotions[cells[21]],
            self._flag[cells[22]],
            self._flag[cells[23]],
        )
        self._seen[key] = occurrence
        return row

    def _read_again(self, rows: list[tuple[Any, ...]], number: int, cells: tuple[str, ...]) -> None:
        """Read a row without what other programs put around its cells.

        A repeated header is skipped; any other row that can't be read is refused.
        """
        if all(
            column_name(cell) == name
            for name, cell in zip(PICKED, cells, strict=True)
            if name in self.header.positions
        ):
            self.findings.warn(
                gettext_noop(
                    "%(n)s lines repeat the column names: several reports were joined into one file"
                )
            )
            return
        cells = tuple(map(cell_parsers.bare, cells))
        try:
            rows.append(self._read(number, cells))
        except ValueError:
            self._refuse(number, cells)

    def _refuse(self, number: int, cells: tuple[str, ...]) -> None:
        """Find out which cell can't be read, and refuse the row.

        It is slow, and only called for rows that can't be read.
        """
        digits = minor_unit_digits(cells[PICKED.index("currency")].strip().upper())
        for column, cell in zip(PICKED, cells, strict=True):
            try:
                parser(column, digits)(cell)
            except ValueError as error:
                self.findings.refuse(
                    number, column, safe_reason(error) if cell else gettext_noop("blank")
                )
                return
        raise AssertionError("a row was refused that every column's parser accepts")

    def _note(self, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        findings = self.findings
        findings.rows += len(rows)
        findings.saw(rows, _MARKETPLACE, _PURCHASED)
        updates = list(map(itemgetter(_UPDATED), rows))
        known = self._updates or (updates[0], updates[0])
        # - flattening would copy the list
        self._updates = min(*known, min(updates)), max(*known, max(updates))  # noqa: PLW3301
        currency_of = itemgetter(_CURRENCY)
        groups: dict[str, list[tuple[Any, ...]]] = {}
        for row in rows:
            groups.setdefault(currency_of(row), []).append(row)
        for currency, own in groups.items():
            for measure, pick in _MONEY:
                findings.add(currency, measure, sum(filter(None, map(pick, own)), Decimal(0)))
            findings.add(currency, "quantity", sum(map(_QUANTITY, own)))
        findings.warn(
            gettext_noop(
                "%(n)s lines are of canceled orders or items; the totals count them as the file"
                " does"
            ),
            sum(map(_is_cancelled, rows)),
        )
        findings.warn(
            gettext_noop("%(n)s lines are of sales outside Amazon's stores"),
            sum(row[_MARKETPLACE] is None for row in rows),
        )

    def verdict(self) -> tuple[str, str]:
        """Return that nothing prevents the import of the whole report."""
        return "", ""

    def settled_type(self) -> tuple[ReportType, str]:
        """Return which variant of All Orders this is, with the evidence.

        Their columns are the same. Amazon limits the range of one of two dates to 30 days: that of
        purchase or that of update. The rows show which.
        """
        header = self.header
        period = self.findings.period()
        if header.decided or not self._updates or not period.first or not period.last:
            return (
                header.type,
                header.type_evidence
                or gettext_noop(
                    "its columns; without rows the two variants of All Orders can't be told apart"
                ),
            )
        purchased, updated = (
            (period.last - period.first).days,
            (self._updates[1] - self._updates[0]).days,
        )
        if purchased > _WINDOW_DAYS >= updated:
            return (
                ReportType.ALL_ORDERS_BY_LAST_UPDATE,
                gettext_noop(
                    "its columns; purchases span more than the 30 days that Amazon allows, updates"
                    " don't"
                ),
            )
        if updated > _WINDOW_DAYS >= purchased:
            return (
                ReportType.ALL_ORDERS_BY_ORDER_DATE,
                gettext_noop(
                    "its columns; updates span more than the 30 days that Amazon allows, purchases"
                    " don't"
                ),
            )
        evidence = gettext_noop(
            "its columns; both variants of All Orders fit, so it is read as the one that promises"
            " less; both are imported alike"
        )
        return ReportType.ALL_ORDERS_BY_LAST_UPDATE, evidence


def _is_cancelled(row: tuple[Any, ...]) -> bool:
    return "Cancelled" in (_STATUS(row), _ITEM_STATUS(row))


def _recognize(names: frozenset[str], expected: ReportType | None) -> Recognized | None:
    if not COLUMNS[ReportType.ALL_ORDERS_BY_ORDER_DATE].required <= names:
        return None
    if expected in ALL_ORDERS:
        evidence = gettext_noop(
            "its columns are those of All Orders; the type of the request decides which of the two"
            " it is"
        )
        return Recognized(expected, evidence)
    if "cpf" in names:
        return Recognized(
            ReportType.ALL_ORDERS_BY_ORDER_DATE,
            gettext_noop("its columns; only All Orders by order date has cpf"),
        )
    return Recognized(ReportType.ALL_ORDERS_BY_LAST_UPDATE, "", decided=False)


FORMAT = FlatFormat(
    titles={
        ReportType.ALL_ORDERS_BY_ORDER_DATE: gettext_noop("All Orders, by order date"),
        ReportType.ALL_ORDERS_BY_LAST_UPDATE: gettext_noop("All Orders, by last update"),
    },
    names={
        "orders-by-date": ReportType.ALL_ORDERS_BY_ORDER_DATE,
        "orders-by-update": ReportType.ALL_ORDERS_BY_LAST_UPDATE,
    },
    recognize=_recognize,
    decoder=lambda header, report: AllOrdersDecoder(header, report.source.limits),
    line=AllOrdersLine,
)
