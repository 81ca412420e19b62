"""All Orders, by order date or by last update: one line per order item, without buyer or place.

The report has no unique key (analytics of public connectors: order + SKU repeats in rare cases), so
`occurrence` counts within an identical (order, SKU), and writers replace whole orders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import Any

import msgspec

from theseller.amazon.reports import values
from theseller.amazon.reports.broken_rows import FEWER_CELLS, without_blank_tail
from theseller.amazon.reports.errors import BadCellError, ReportRefusedError, safe_reason
from theseller.amazon.reports.formats import FlatFormat
from theseller.amazon.reports.header import Header, Recognized
from theseller.amazon.reports.input_bytes import DEFAULT_LIMITS, Limits
from theseller.amazon.reports.inspection import Findings
from theseller.amazon.reports.lines import Batch, OpenReport
from theseller.amazon.reports.types import (
    ALL_ORDERS,
    COLUMNS,
    ReportType,
    SettlementSummary,
    column_name,
)
from theseller.amazon.reports.values import Cached
from theseller.lib.marketplaces import Marketplace
from theseller.lib.money import minor_unit_digits


class AllOrdersLine(msgspec.Struct, frozen=True):
    """One order item. Money is the line's total in `currency` (not per unit); None is blank in the file, which is unknown, not zero.

    A tuple row holds the same values in the same order. `marketplace` is None for sales outside
    Amazon. Discounts are positive.
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


#: Order of the picked cells; `_read` unpacks them in this order.
_PICKED = (
    "amazon-order-id",
    "order-item-id",
    "purchase-date",
    "last-updated-date",
    "order-status",
    "fulfillment-channel",
    "sales-channel",
    "sku",
    "asin",
    "product-name",
    "item-status",
    "quantity",
    "currency",
    "item-price",
    "item-tax",
    "shipping-price",
    "shipping-tax",
    "gift-wrap-price",
    "gift-wrap-tax",
    "item-promotion-discount",
    "ship-promotion-discount",
    "promotion-ids",
    "is-business-order",
    "is-replacement-order",
)
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

_ORDER_ID = re.compile(r"[0-9A-Z][0-9]{2}-[0-9]{7}-[0-9]{7}")
_ITEM_ID = re.compile(r"\d{0,20}", re.ASCII)
_BLANK = "\t \x1a"
_WINDOW_DAYS = 31  # Amazon limits the range of these reports to 30 days.


def order_id(text: str) -> str:
    if not _ORDER_ID.fullmatch(text):
        values.refuse_rounded(text)
        raise BadCellError("not an order number")
    return text


def _is_order_id(text: str) -> bool:
    """Whether it is an order number; the usual form is checked without a regular expression, which is the slowest part of a row."""
    digits = text.replace("-", "", 2)
    usual = (
        len(digits) == 17
        and len(text) == 19
        and text[3] == text[11] == "-"
        and digits.isascii()
        and digits.isdecimal()
    )
    return usual or bool(_ORDER_ID.fullmatch(text))


def _item_id(text: str) -> str:
    if not _ITEM_ID.fullmatch(text):
        values.refuse_rounded(text)
        raise BadCellError("not an order item number")
    return text


def _sku(text: str) -> str:
    if not 0 < len(text) <= 100:
        raise BadCellError("not a SKU of 1 to 100 characters")
    return text


def _title(text: str) -> str:
    if len(text) > 2000:
        raise BadCellError("longer than a title")
    return text


_WORDS: tuple[str, ...] = ("order-status", "fulfillment-channel", "item-status")
_PARSERS: Mapping[str, Callable[[str], object]] = {
    "amazon-order-id": order_id,
    "order-item-id": _item_id,
    "purchase-date": values.instant,
    "last-updated-date": values.instant,
    "sales-channel": values.sales_channel,
    "sku": _sku,
    "asin": values.asin,
    "product-name": _title,
    "quantity": values.whole,
    "currency": values.currency,
    "promotion-ids": values.promotions,
    "is-business-order": values.flag,
    "is-replacement-order": values.flag,
} | dict.fromkeys(_WORDS, values.words)


def _parser(column: str, digits: int) -> Callable[[str], object]:
    return _PARSERS.get(column) or partial(values.plain_amount, digits=digits)


class AllOrdersDecoder:
    """Turns batches of lines into rows (tuples in the order of AllOrdersLine) and findings."""

    summary: SettlementSummary | None = None

    def __init__(self, header: Header, limits: Limits = DEFAULT_LIMITS) -> None:
        self.header = header
        self.findings = Findings(limits)
        self._pick = itemgetter(*(header.at(column) for column in _PICKED))
        required = COLUMNS[header.type].required
        self._enough = 1 + max(header.positions[column] for column in required)
        self._seen: dict[int, int] = {}
        self._short: tuple[int, list[str]] = (0, [])
        self._updates: tuple[datetime, datetime] | None = None
        self._words, self._asin, self._currency = (
            Cached(values.words),
            Cached(values.asin),
            Cached(values.currency),
        )
        self._channel, self._quantity = Cached(values.sales_channel), Cached(values.whole)
        self._promotions, self._flag = Cached(values.promotions), Cached(values.flag)
        self._amounts = {
            digits: Cached(partial(values.plain_amount, digits=digits)) for digits in (0, 2)
        }

    def all(self, report: OpenReport) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the readable rows of a report, batch by batch; see `decode`."""
        return map(self.decode, report.batches())

    def decode(self, batch: Batch) -> list[tuple[Any, ...]]:
        """Return the readable rows of a batch; the others are noted in the findings. Raises ReportRefusedError if the file was cut."""
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
        """Give `cells` the header's width, and say whether they are a row to be read.

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
                    "the file ends in the middle of a row",
                    "Download the report again.",
                    line=number,
                )
            self._short = number, list(cells)
            if len(cells) < self._enough:
                self.findings.refuse(number, "", FEWER_CELLS)
                return False
            cells.extend([""] * missing)
        elif missing < 0:
            self.findings.refuse(number, "", "more cells than the header has columns")
            return False
        return True

    def _rejoined(self, rows: list[tuple[Any, ...]], cells: list[str]) -> bool:
        """Put lines together that a line break made of one row; only if the whole can be read.

        The break is inside a cell, or in place of a tab. Return whether `cells` belong to the row
        before: its refusal is taken back once the row is whole.
        """
        begun, half = self._short
        if not half or _is_order_id(cells[0]) or not _is_order_id(half[0]):
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
        self.findings.warn("{n} rows that a line break had cut in two were put together")
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
        if not _is_order_id(order) or len(title) > 2000:
            raise BadCellError
        key = hash((order, sku))  # A collision only makes `occurrence` 2 where 1 would do.
        occurrence = self._seen.get(key, 0) + 1
        row = (
            number,
            occurrence,
            order,
            _item_id(item) if item else "",
            values.instant(purchased),
            values.instant(updated),
            self._words[status],
            self._words[fulfilment],
            *self._channel[channel],
            sku if 0 < len(sku) <= 100 else _sku(sku),
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
        """Read a row without what other programs put around its cells, skip a repeated header, else refuse the row."""
        if all(
            column_name(cell) == name
            for name, cell in zip(_PICKED, cells, strict=True)
            if name in self.header.positions
        ):
            self.findings.warn(
                "{n} lines repeat the column names: several reports were joined into one file"
            )
            return
        cells = tuple(map(values.bare, cells))
        try:
            rows.append(self._read(number, cells))
        except ValueError:
            self._refuse(number, cells)

    def _refuse(self, number: int, cells: tuple[str, ...]) -> None:
        """Find out which cell it was. Slow, and only for bad rows."""
        digits = minor_unit_digits(cells[_PICKED.index("currency")].strip().upper())
        for column, cell in zip(_PICKED, cells, strict=True):
            try:
                _parser(column, digits)(cell)
            except ValueError as error:
                self.findings.refuse(number, column, safe_reason(error) if cell else "blank")
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
            "{n} lines are of canceled orders or items; the totals count them as the file does",
            sum(map(_is_cancelled, rows)),
        )
        findings.warn(
            "{n} lines are of sales outside Amazon's stores",
            sum(row[_MARKETPLACE] is None for row in rows),
        )

    def verdict(self) -> tuple[str, str]:
        return "", ""

    def settled_type(self) -> tuple[ReportType, str]:
        """Decide between the two variants, whose columns are the same, by the range that Amazon limits: 30 days of one of the two dates."""
        header = self.header
        period = self.findings.period()
        if header.decided or not self._updates or not period.first or not period.last:
            return (
                header.type,
                header.type_evidence
                or "its columns; without rows the two variants of All Orders can't be told apart",
            )
        purchased, updated = (
            (period.last - period.first).days,
            (self._updates[1] - self._updates[0]).days,
        )
        if purchased > _WINDOW_DAYS >= updated:
            return (
                ReportType.ALL_ORDERS_BY_LAST_UPDATE,
                (
                    "its columns; purchases span more than the 30 days that Amazon allows, updates"
                    " don't"
                ),
            )
        if updated > _WINDOW_DAYS >= purchased:
            return (
                ReportType.ALL_ORDERS_BY_ORDER_DATE,
                (
                    "its columns; updates span more than the 30 days that Amazon allows, purchases"
                    " don't"
                ),
            )
        evidence = (
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
        evidence = (
            "its columns are those of All Orders; the type of the request decides which of the two"
            " it is"
        )
        return Recognized(expected, evidence)
    if "cpf" in names:
        return Recognized(
            ReportType.ALL_ORDERS_BY_ORDER_DATE,
            "its columns; only All Orders by order date has cpf",
        )
    return Recognized(ReportType.ALL_ORDERS_BY_LAST_UPDATE, "", decided=False)


FORMAT = FlatFormat(
    titles={
        ReportType.ALL_ORDERS_BY_ORDER_DATE: "All Orders, by order date",
        ReportType.ALL_ORDERS_BY_LAST_UPDATE: "All Orders, by last update",
    },
    names={
        "orders-by-date": ReportType.ALL_ORDERS_BY_ORDER_DATE,
        "orders-by-update": ReportType.ALL_ORDERS_BY_LAST_UPDATE,
    },
    recognize=_recognize,
    decoder=lambda header, report: AllOrdersDecoder(header, report.source.limits),
    line=AllOrdersLine,
)
