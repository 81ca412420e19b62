"""Decode settlement reports, Flat File V2: a payout line by line.

The lines must add up to the payout, or the file is refused. Row 1 is a summary (only it has
`total-amount`); every other row is one amount. `quantity-purchased` repeats on each component of an
item, so it must not be summed over lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec

from theseller.amazon.charge_classifier import ChargeType, classify_settlement
from theseller.amazon.reports import cell_parsers
from theseller.amazon.reports.cell_parsers import Cached, DateEvidence, DateNotation
from theseller.amazon.reports.errors import BadCellError, ReportRefusedError, safe_reason
from theseller.amazon.reports.flat_file_header import Header, Recognized
from theseller.amazon.reports.format_types import FlatFormat
from theseller.amazon.reports.inspection_result import Findings
from theseller.amazon.reports.report_text_reader import OpenReport
from theseller.amazon.reports.report_types_and_columns import COLUMNS, ReportType, SettlementSummary
from theseller.amazon.reports.settlement_amount_parsing import AmountEvidence, AmountNotation
from theseller.amazon.reports.settlement_row_repair import (
    FEWER_CELLS,
    LINES_MISSING_ADVICE,
    NO_NUMBER,
    SettlementRow,
    settlement_rows,
)
from theseller.lib.marketplaces import Marketplace, by_sales_channel
from theseller.lib.translation_marks import gettext_noop, marked


class SettlementLine(msgspec.Struct, frozen=True):
    """One amount of a settlement; costs are negative, as printed.

    A tuple row has the same values in the same order. `posted_date_only`: the file gives a day
    without a time, and `posted_at` is noon UTC of it. `marketplace` is None for lines that belong
    to no store (subscription, reserve) and for sales outside Amazon.
    """

    line_number: int
    settlement_id: str
    transaction_type: str
    order_id: str
    adjustment_id: str
    shipment_id: str
    marketplace_name: str
    marketplace: Marketplace | None
    amount_type: str
    amount_description: str
    kind: ChargeType
    amount: Decimal
    currency: str
    fulfillment_id: str
    posted_at: datetime
    posted_date_only: bool
    order_item_code: str
    sku: str
    quantity_purchased: int | None
    promotion_id: str


_TEXTS = (
    "settlement-id",
    "transaction-type",
    "order-id",
    "adjustment-id",
    "shipment-id",
    "marketplace-name",
    "amount-type",
    "amount-description",
    "fulfillment-id",
    "order-item-code",
    "sku",
    "promotion-id",
)
_OTHERS = (
    "currency",
    "amount",
    "posted-date",
    "posted-date-time",
    "quantity-purchased",
    "total-amount",
    "settlement-start-date",
    "settlement-end-date",
    "deposit-date",
)
_PICKED = _TEXTS + _OTHERS
_PLACE = {name: place for place, name in enumerate(_PICKED)}
_DATES = itemgetter(*(_PLACE[name] for name in _OTHERS if "date" in name))
_LONGEST = 300
_CHANNEL = re.compile(r"[A-Za-z][A-Za-z _-]{0,30}|")
_AGAIN = gettext_noop(
    "Download the settlement again from Seller Central > Payments > All Statements > Flat File V2,"
    " and don't change it."
)

_AT = {name: place for place, name in enumerate(SettlementLine.__struct_fields__)}
_AMOUNT, _KIND, _POSTED, _MARKETPLACE = (
    _AT["amount"],
    _AT["kind"],
    _AT["posted_at"],
    _AT["marketplace"],
)


class SettlementDecoder:
    """Turns the lines of a report into rows, a summary and findings.

    Rows are tuples in the order of SettlementLine.
    """

    def __init__(self, header: Header, report: OpenReport) -> None:
        self.header = header
        self.findings = Findings(report.source.limits)
        self.summary: SettlementSummary | None = None
        self.total = Decimal(0)
        self._pick = itemgetter(*(header.at(column) for column in _PICKED))
        self._enough = 1 + max(header.positions[column] for column in ("total-amount", "currency"))
        self.broken: list[int] = []
        self.amounts, self.dates = self._survey(report)
        self._amount = Cached(self.amounts.amount)
        self._moment = Cached(self.dates.moment)
        self._quantity, self._currency = Cached(cell_parsers.whole), Cached(cell_parsers.currency)
        self._kind = lru_cache(4096)(classify_settlement)
        # One string for equal cells: a settlement's lines are in memory until it is written.
        self._text = Cached(str)

    def _cells(self, row: SettlementRow) -> tuple[str, ...] | None:
        """Return the kept cells of a row; None for a wrong number of cells.

        They are blank where the row ends early: Amazon leaves off blank cells at the end.
        """
        cells = row[1]
        missing = self.header.width - len(cells)
        if missing < 0 or len(cells) < self._enough:
            return None
        picked: tuple[str, ...] = self._pick([*cells, *[""] * (missing + 1)])
        if not picked[0].isalnum():  # Another program put blanks or signs around the cells.
            return tuple(map(cell_parsers.bare, picked))
        return picked

    def _survey(self, report: OpenReport) -> tuple[AmountNotation, DateNotation]:
        """Read every amount and date once, to learn how this file writes them."""
        amounts, dates = AmountEvidence(), DateEvidence()
        begun = False
        for rows in settlement_rows(report.batches(), self.header):
            picked = [cells for cells in map(self._cells, rows) if cells]
            if picked and not begun:
                amounts.see_total(picked[0][_PLACE["total-amount"]], picked[0][_PLACE["currency"]])
                begun = True
            amounts.see(map(itemgetter(_PLACE["amount"]), picked))
            dates.see_dates(set().union(*map(_DATES, picked)))
        return amounts.decide(), DateNotation(dates.decide())

    def all(self, report: OpenReport) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the readable lines, batch by batch.

        The others are recorded in the findings.

        Raises:
            ReportRefusedError: the file is not a single settlement.
        """
        for found in settlement_rows(report.batches(), self.header):
            rows: list[tuple[Any, ...]] = []
            for row in found:
                number, whole, broken = row
                cells = self._cells(row)
                if broken:
                    self.broken.append(number)
                if cells is None:
                    many = len(whole) > self.header.width
                    reason = (
                        gettext_noop("more cells than the header has columns")
                        if many
                        else FEWER_CELLS
                    )
                    self.findings.refuse(number, "", reason)
                elif self.summary is not None and not _is_like(
                    cells[0], self.summary.settlement_id
                ):
                    self.findings.refuse(number, "settlement-id", NO_NUMBER)
                elif cells[_PLACE["total-amount"]]:
                    self._summarise(number, cells)
                elif self.summary is None:
                    raise ReportRefusedError(
                        gettext_noop("the first row is not the settlement's summary"),
                        _AGAIN,
                        line=number,
                    )
                else:
                    self._append(rows, number, cells, self.summary)
            self._note(rows)
            yield rows

    def _summarise(self, number: int, cells: tuple[str, ...]) -> None:
        if self.summary is not None:
            advice = gettext_noop("Import each settlement as the file that Amazon made of it.")
            raise ReportRefusedError(
                gettext_noop("the file holds more than one settlement"), advice, line=number
            )
        column = ""
        try:
            read: dict[str, Any] = {}
            for column in ("settlement-start-date", "settlement-end-date", "deposit-date"):
                read[column] = self._moment[cells[_PLACE[column]]][0]
            column = "total-amount"
            read[column] = self._amount[cells[_PLACE[column]]]
            column = "currency"
            read[column] = cell_parsers.currency(cells[_PLACE[column]])
            column = "settlement-id"
            read[column] = _identifier(cells[_PLACE[column]])
        except ValueError as error:
            raise ReportRefusedError(
                marked(
                    gettext_noop("the summary can't be read: %(column)s: %(value)s"),
                    column=column,
                    value=marked(safe_reason(error)),
                ),
                _AGAIN,
                line=number,
            ) from None
        if not read["currency"] or cells[_PLACE["amount"]]:
            raise ReportRefusedError(
                gettext_noop("the summary lacks its currency, or has an amount like a line"),
                _AGAIN,
                line=number,
            )
        self.summary = SettlementSummary(
            settlement_id=read["settlement-id"],
            starts_at=read["settlement-start-date"],
            ends_at=read["settlement-end-date"],
            deposited_at=read["deposit-date"],
            total_amount=read["total-amount"],
            currency=read["currency"],
        )

    def _append(
        self,
        rows: list[tuple[Any, ...]],
        number: int,
        cells: tuple[str, ...],
        summary: SettlementSummary,
    ) -> None:
        if cells[0] != summary.settlement_id:
            advice = gettext_noop("Import each settlement as the file that Amazon made of it.")
            raise ReportRefusedError(
                gettext_noop("a line belongs to another settlement than the summary"),
                advice,
                line=number,
            )
        read = self._values(number, cells, summary)
        if read is None:
            return
        currency, amount, posted_at, date_only, quantity = read
        if currency != summary.currency:
            reason = marked(
                gettext_noop(
                    "a line is in %(currency)s, the payout in %(currency_)s, and no total spans"
                    " two currencies"
                ),
                currency=currency,
                currency_=summary.currency,
            )
            raise ReportRefusedError(reason, _AGAIN, line=number)
        # In the order of `_TEXTS`.
        texts = tuple(map(self._text.__getitem__, cells[:12]))
        store, type_, description = texts[5:8]
        kind = self._kind(texts[1], type_, description)
        # In the order of the fields of `SettlementLine`.
        head = (number, *texts[:6], by_sales_channel(store), type_, description)
        fulfillment, item, sku, promotion = texts[8:]
        tail = (item, sku, quantity, promotion)
        rows.append((*head, kind, amount, currency, fulfillment, posted_at, date_only, *tail))

    def _values(
        self, number: int, cells: tuple[str, ...], summary: SettlementSummary
    ) -> tuple[str, Decimal, datetime, bool, int | None] | None:
        """Return currency, amount, posting time, "day only" and quantity.

        A blank currency is the summary's. None, and a finding, if a cell can't be read.
        """
        column = ""
        try:
            if max(map(len, cells[: len(_TEXTS)])) > _LONGEST:
                column = next(
                    name for name, text in zip(_TEXTS, cells, strict=False) if len(text) > _LONGEST
                )
                raise BadCellError(gettext_noop("longer than anything Amazon prints here"))
            column = "fulfillment-id"
            if not _CHANNEL.fullmatch(cells[_PLACE[column]]):
                raise BadCellError(
                    gettext_noop(
                        "neither AFN nor MFN nor another word: the cells of this row are shifted"
                    )
                )
            column = "currency"
            currency = self._currency[cells[12]] or summary.currency
            column = "amount"
            amount = self._amount[cells[13]]
            column = "posted-date-time" if cells[15] else "posted-date"
            posted_at, date_only = self._moment[cells[15] or cells[14]]
            column = "quantity-purchased"
            quantity = self._quantity[cells[16]] if cells[16] else None
        except ValueError as error:
            self.findings.refuse(
                number,
                column,
                gettext_noop("blank") if not cells[_PLACE[column]] else safe_reason(error),
            )
            return None
        return currency, amount, posted_at, date_only, quantity

    def _note(self, rows: list[tuple[Any, ...]]) -> None:
        if not rows or self.summary is None:
            return
        findings = self.findings
        findings.rows += len(rows)
        findings.saw(rows, _MARKETPLACE, _POSTED)
        for row in rows:
            findings.add(self.summary.currency, row[_KIND].value, row[_AMOUNT])
            self.total += row[_AMOUNT]
        unknown = sum(row[_KIND] is ChargeType.UNCLASSIFIED for row in rows)
        findings.unclassified += unknown
        findings.warn(
            gettext_noop(
                "%(n)s lines are of a kind this version doesn't know; they are kept as unclassified"
            ),
            unknown,
        )
        findings.warn(
            gettext_noop("%(n)s lines give only the day they were posted, not the time"),
            sum(row[_AT["posted_date_only"]] for row in rows),
        )

    def verdict(self) -> tuple[str, str]:
        """Return why the settlement can't be imported, and what to do.

        Both are blank if it can. The totals in the text are the seller's own.
        """
        if self.summary is None:
            if self.findings.refused:
                first = self.findings.refused[0]
                return (
                    (
                        marked(
                            gettext_noop(
                                "line %(line)s, where the settlement's summary should be, can't be"
                                " read: %(reason)s"
                            ),
                            line=first.line,
                            reason=marked(first.reason),
                        )
                    ),
                    _AGAIN,
                )
            return "the file holds no settlement", _AGAIN
        self.findings.add(self.summary.currency, "settlement total", self.summary.total_amount)
        if self.findings.refused_count:
            return (
                (
                    f"{self.findings.refused_count} rows can't be read, so the lines can't be"
                    " checked against the payout"
                ),
                _AGAIN,
            )
        if self.total != self.summary.total_amount:
            return self._difference(self.summary)
        self.findings.warn(
            gettext_noop(
                "%(n)s rows that a line break had cut in two were put together; the payout proves"
                " them"
            ),
            len(self.broken),
        )
        return "", ""

    def _difference(self, summary: SettlementSummary) -> tuple[str, str]:
        """Return by how much the lines miss the payout, and what to do.

        The totals in the text are the seller's own.
        """
        missing = summary.total_amount - self.total
        sums = marked(
            gettext_noop(
                "the lines add up to %(total)s %(currency)s, the payout says %(total_amount)s"
            ),
            total=self.total,
            currency=summary.currency,
            total_amount=summary.total_amount,
        )
        if self.broken:
            lines = ", ".join(map(str, self.broken[:5]))
            return (
                (
                    f"{sums}; a line break inside a cell cut the rows at line {lines} in two, and"
                    " put together they do not explain it"
                ),
                _AGAIN,
            )
        why = marked(
            gettext_noop("%(sums)s: %(missing)s %(currency)s are missing from the file"),
            sums=sums,
            missing=missing,
            currency=summary.currency,
        )
        return why, LINES_MISSING_ADVICE

    def settled_type(self) -> tuple[ReportType, str]:
        """Return the type, and the evidence with the notations of the file."""
        columns, decimal = marked(self.header.type_evidence), marked(self.amounts.words)
        if not self.dates.date_order:
            text = gettext_noop("%(columns)s; %(decimal)s")
            return self.header.type, marked(text, columns=columns, decimal=decimal)
        return self.header.type, marked(
            gettext_noop("%(columns)s; %(decimal)s, dates with the %(order)s"),
            columns=columns,
            decimal=decimal,
            order=marked(self.dates.date_order.value),
        )


def _is_like(text: str, settlement_id: str) -> bool:
    """Return whether `text` is written as another settlement number is."""
    return text.isdigit() if settlement_id.isdigit() else text.isalnum()


def _identifier(text: str) -> str:
    cell_parsers.refuse_rounded(text)
    if not text.isascii() or not text.isalnum() or len(text) > 40:
        raise BadCellError(gettext_noop("not a settlement number"))
    return text


def _recognize(
    names: frozenset[str],
    expected: ReportType | None,  # noqa: ARG001
) -> Recognized | None:
    if COLUMNS[ReportType.SETTLEMENT_V2].required <= names:
        return Recognized(ReportType.SETTLEMENT_V2, gettext_noop("its columns"))
    return None


FORMAT = FlatFormat(
    titles={ReportType.SETTLEMENT_V2: gettext_noop("Settlement, flat file V2")},
    names={"settlement": ReportType.SETTLEMENT_V2},
    recognize=_recognize,
    decoder=SettlementDecoder,
    line=SettlementLine,
    must_add_up=True,
)
