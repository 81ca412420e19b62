"""Settlement report, Flat File V2: what Amazon paid out, line by line. The lines must add up to the payout, or the file is refused.

Row 1 is a summary (only it has `total-amount`); every other row is one amount. `quantity-purchased` repeats on each component of an item, so
it must not be summed over lines.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec

from theseller.amazon.kinds import Kind, classify_settlement
from theseller.amazon.reports import values
from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.header import Header
from theseller.amazon.reports.inspection import Findings
from theseller.amazon.reports.lines import Batch, OpenReport
from theseller.amazon.reports.types import ReportType
from theseller.amazon.reports.values import BadCellError, Cached, Notation, NotationEvidence
from theseller.lib.marketplaces import Marketplace, by_sales_channel


class SettlementSummary(msgspec.Struct, frozen=True):
    """The payout that the lines add up to. Dates without a time stand at noon UTC."""

    settlement_id: str
    starts_at: datetime
    ends_at: datetime
    deposited_at: datetime
    total_amount: Decimal
    currency: str


class SettlementLine(msgspec.Struct, frozen=True):
    """One amount of a settlement; costs are negative, as printed. A tuple row holds the same values in the same order.

    `posted_date_only`: the file gives a day without a time, and `posted_at` is noon UTC of it. `marketplace` is None for lines that belong
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
    kind: Kind
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
_AMOUNTS = itemgetter(_PLACE["amount"], _PLACE["total-amount"])
_DATES = itemgetter(*(_PLACE[name] for name in _OTHERS if "date" in name))
_LONGEST = 300
_AGAIN = "Download the settlement again from Seller Central > Payments > All Statements > Flat File V2, and don't change it."

_AT = {name: place for place, name in enumerate(SettlementLine.__struct_fields__)}
_AMOUNT, _KIND, _POSTED, _MARKETPLACE = _AT["amount"], _AT["kind"], _AT["posted_at"], _AT["marketplace"]


class SettlementDecoder:
    """Turns batches of lines into rows (tuples in the order of SettlementLine), a summary and findings."""

    def __init__(self, header: Header, report: OpenReport) -> None:
        self.header = header
        self.findings = Findings(report.source.limits)
        self.summary: SettlementSummary | None = None
        self.total = Decimal(0)
        self._pick = itemgetter(*(header.at(column) for column in _PICKED))
        self._enough = 1 + max(header.positions[column] for column in ("total-amount", "currency"))
        self.notation = self._survey(report)
        self._amount = Cached(self.notation.amount)
        self._moment = Cached(self.notation.moment)
        self._quantity = Cached(values.whole)
        self._kind = lru_cache(4096)(classify_settlement)
        self._text = Cached(str)  # One string for equal cells: a settlement's lines are held until it is written.

    def _cells(self, line: str) -> tuple[str, ...] | None:
        """The kept cells of a line, blank where the line ends early: Amazon leaves off blank cells at the end. None: too many cells."""
        cells = line.split("\t")
        missing = self.header.width - len(cells)
        if missing < 0 or len(cells) < self._enough:
            return None
        cells.extend([""] * (missing + 1))
        picked: tuple[str, ...] = self._pick(cells)
        return picked

    def _survey(self, report: OpenReport) -> Notation:
        """Look at every amount and date once, to learn how this file writes them."""
        evidence = NotationEvidence()
        currency = ""
        for batch in report.batches():
            amounts: set[str] = set()
            dates: set[str] = set()
            for number, line in enumerate(batch.lines, batch.first):
                cells = self._cells(line) if number > 1 and line else None
                if cells:
                    amounts.update(_AMOUNTS(cells))
                    dates.update(_DATES(cells))
                    currency = currency or cells[_PLACE["currency"]]
            evidence.see_amounts(amounts, currency)
            evidence.see_dates(dates)
        return evidence.decide()

    def decode(self, batch: Batch) -> list[tuple[Any, ...]]:
        """Return the readable lines of a batch; the others are noted. Raises ReportRefusedError when the file is no single settlement."""
        rows: list[tuple[Any, ...]] = []
        for number, line in enumerate(batch.lines, batch.first):
            if number == 1 or not line.strip("\t"):
                continue
            cells = self._cells(line)
            if cells is None:
                self.findings.refuse(number, "", "not as many cells as the first line has columns")
            elif cells[_PLACE["total-amount"]]:
                self._summarise(number, cells)
            elif self.summary is None:
                raise ReportRefusedError("the first row is not the settlement's summary", _AGAIN, line=number)
            else:
                self._append(rows, number, cells, self.summary)
        self._note(rows)
        return rows

    def _summarise(self, number: int, cells: tuple[str, ...]) -> None:
        if self.summary is not None:
            advice = "Import each settlement as the file that Amazon made of it."
            raise ReportRefusedError("the file holds more than one settlement", advice, line=number)
        column = ""
        try:
            read: dict[str, Any] = {}
            for column in ("settlement-start-date", "settlement-end-date", "deposit-date"):
                read[column] = self._moment[cells[_PLACE[column]]][0]
            column = "total-amount"
            read[column] = self._amount[cells[_PLACE[column]]]
            column = "currency"
            read[column] = values.currency(cells[_PLACE[column]])
            column = "settlement-id"
            read[column] = _identifier(cells[_PLACE[column]])
        except ValueError as error:
            raise ReportRefusedError(f"the summary can't be read: {column}: {error}", _AGAIN, line=number) from None
        if not read["currency"] or cells[_PLACE["amount"]]:
            raise ReportRefusedError("the summary lacks its currency, or has an amount like a line", _AGAIN, line=number)
        self.summary = SettlementSummary(
            settlement_id=read["settlement-id"],
            starts_at=read["settlement-start-date"],
            ends_at=read["settlement-end-date"],
            deposited_at=read["deposit-date"],
            total_amount=read["total-amount"],
            currency=read["currency"],
        )

    def _append(self, rows: list[tuple[Any, ...]], number: int, cells: tuple[str, ...], summary: SettlementSummary) -> None:
        if cells[0] != summary.settlement_id:
            advice = "Import each settlement as the file that Amazon made of it."
            raise ReportRefusedError("a line belongs to another settlement than the summary", advice, line=number)
        column = ""
        try:
            if max(map(len, cells[: len(_TEXTS)])) > _LONGEST:
                column = next(name for name, text in zip(_TEXTS, cells, strict=False) if len(text) > _LONGEST)
                raise BadCellError("longer than anything Amazon prints here")
            column = "currency"
            currency = values.currency(cells[12]) or summary.currency
            column = "amount"
            amount = self._amount[cells[13]]
            column = "posted-date-time" if cells[15] else "posted-date"
            posted_at, date_only = self._moment[cells[15] or cells[14]]
            column = "quantity-purchased"
            quantity = self._quantity[cells[16]] if cells[16] else None
        except ValueError as error:
            self.findings.refuse(number, column, "blank" if not cells[_PLACE[column]] else str(error))
            return
        if currency != summary.currency:
            reason = f"a line is in {currency}, the payout in {summary.currency}, and no total spans two currencies"
            raise ReportRefusedError(reason, _AGAIN, line=number)
        (settlement, transaction, order, adjustment, shipment, store, type_, description, fulfilment, item, sku, promotion) = map(
            self._text.__getitem__, cells[:12]
        )
        marketplace = by_sales_channel(store)
        kind = self._kind(transaction, type_, description)
        head = (number, settlement, transaction, order, adjustment, shipment, store, marketplace, type_, description)
        rows.append((*head, kind, amount, currency, fulfilment, posted_at, date_only, item, sku, quantity, promotion))

    def _note(self, rows: list[tuple[Any, ...]]) -> None:
        if not rows or self.summary is None:
            return
        findings = self.findings
        findings.rows += len(rows)
        findings.saw(rows, _MARKETPLACE, _POSTED)
        for row in rows:
            findings.add(self.summary.currency, row[_KIND].value, row[_AMOUNT])
            self.total += row[_AMOUNT]
        unknown = sum(row[_KIND] is Kind.UNCLASSIFIED for row in rows)
        findings.unclassified += unknown
        findings.warn("{n} lines are of a kind this version doesn't know; they are kept as unclassified", unknown)
        findings.warn("{n} lines give only the day they were posted, not the time", sum(row[_AT["posted_date_only"]] for row in rows))

    def verdict(self) -> tuple[str, str]:
        """Why the settlement can't be imported, and what to do; blank if it can. The totals are the seller's own."""
        if self.summary is None:
            return "the file holds no settlement", _AGAIN
        self.findings.add(self.summary.currency, "settlement total", self.summary.total_amount)
        if self.findings.refused_count:
            return f"{self.findings.refused_count} rows can't be read, so the lines can't be checked against the payout", _AGAIN
        if self.total != self.summary.total_amount:
            sums = f"the lines add up to {self.total} {self.summary.currency}, the payout says {self.summary.total_amount}"
            return f"{sums}: rows are missing or changed", _AGAIN
        return "", ""

    def settled_type(self) -> tuple[ReportType, str]:
        comma = "comma" if self.notation.decimal_comma else "point"
        order = f", dates with the {self.notation.date_order}" if self.notation.date_order else ""
        return self.header.type, f"{self.header.type_evidence}; decimal {comma}{order}"


def _identifier(text: str) -> str:
    if not text.isascii() or not text.isalnum() or len(text) > 40:
        raise BadCellError("not a settlement number")
    return text
