"""A whole decoder of a tab-separated report, to be copied for a new report type.

`docs/develop/add-a-report-type.md` says what to replace. The example is FBA reimbursements, which
are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from theseller.amazon.reports import cell_parsers
from theseller.amazon.reports.all_orders_cells import sku_of
from theseller.amazon.reports.errors import BadCellError, safe_reason
from theseller.amazon.reports.flat_file_header import Header, Recognized
from theseller.amazon.reports.format_types import FlatFormat
from theseller.amazon.reports.inspection_result import Findings
from theseller.amazon.reports.line_splitter import OpenReport
from theseller.amazon.reports.report_types_and_columns import ReportType, SettlementSummary
from theseller.amazon.reports.settlement_row_repair import FEWER_CELLS, without_blank_tail
from theseller.lib.money import minor_unit_digits
from theseller.lib.translation_marks import gettext_noop

#: Replace by the member that you added to `ReportType`.
TYPE = ReportType.SETTLEMENT_V2


class ReimbursementLine(msgspec.Struct, frozen=True):
    """One reimbursement of one SKU; reversals are negative.

    A tuple row has the same values in the same order: the line, then the columns of `PARSERS`.
    """

    line_number: int
    approved_at: datetime
    reimbursement_id: str
    reason: str
    sku: str
    currency: str
    amount: Decimal
    quantity: int


def _number(text: str) -> str:
    if not text.isascii() or not text.isdigit() or len(text) > 40:
        raise BadCellError(gettext_noop("not a number"))
    return text


def _amount(text: str, digits: int) -> Decimal:
    amount = cell_parsers.plain_amount(text, digits)
    if amount is None:
        raise BadCellError(gettext_noop("blank"))
    return amount


CURRENCY, AMOUNT = "currency-unit", "amount-total"
#: Column → parser, in the order of the struct's fields. A parser raises BadCellError.
PARSERS: dict[str, Callable[[str], Any]] = {
    "approval-date": cell_parsers.instant,
    "reimbursement-id": _number,
    "reason": cell_parsers.words,
    "sku": sku_of,
    CURRENCY: cell_parsers.currency,
    AMOUNT: partial(_amount, digits=2),
    "quantity-reimbursed-total": cell_parsers.whole,
}
_AT = {name: place for place, name in enumerate(ReimbursementLine.__struct_fields__)}
_BLANK = "\t \x1a"


class ReimbursementsDecoder:
    """Turns the lines of a report into rows and findings."""

    summary: SettlementSummary | None = None

    def __init__(self, header: Header, report: OpenReport) -> None:
        self.header = header
        self.findings = Findings(report.source.limits)

    def all(self, report: OpenReport) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the readable rows in batches; record the others in findings."""
        for batch in report.batches():
            rows = []
            for number, line in enumerate(batch.lines, batch.first):
                if number > self.header.line and line.strip(_BLANK):
                    rows.append(self._row(number, line.rstrip("\x1a").split("\t")))
            read = [row for row in rows if row]
            self._note(read)
            yield read

    def _row(self, number: int, cells: list[str]) -> tuple[Any, ...]:
        """Return the values of a row; none if it can't be read."""
        missing = self.header.width - len(without_blank_tail(cells, self.header.width))
        if missing:
            many = gettext_noop("more cells than the header has columns")
            self.findings.refuse(number, "", FEWER_CELLS if missing > 0 else many)
            return ()
        cells.append("")  # A column that the file lacks reads as blank.
        texts = {name: cell_parsers.bare(cells[self.header.at(name)]) for name in PARSERS}
        digits = minor_unit_digits(texts[CURRENCY].upper())
        values: list[Any] = [number]
        for name, parse in (PARSERS | {AMOUNT: partial(_amount, digits=digits)}).items():
            try:
                values.append(parse(texts[name]))
            except ValueError as error:
                reason = safe_reason(error) if texts[name] else gettext_noop("blank")
                self.findings.refuse(number, name, reason)
                return ()
        return tuple(values)

    def _note(self, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        self.findings.rows += len(rows)
        instants = [row[_AT["approved_at"]] for row in rows]
        self.findings.saw_span(None, min(instants), max(instants))  # None: it names no store.
        for row in rows:
            self.findings.add(row[_AT["currency"]], AMOUNT, row[_AT["amount"]])

    def verdict(self) -> tuple[str, str]:
        """Return that nothing prevents the import of the whole report."""
        return "", ""

    def settled_type(self) -> tuple[ReportType, str]:
        """Return the type that the columns show, and the evidence."""
        return self.header.type, self.header.type_evidence


def _recognize(names: frozenset[str], expected: ReportType | None) -> Recognized | None:
    del expected  # The columns tell enough.
    if PARSERS.keys() <= names:
        return Recognized(TYPE, gettext_noop("its columns"))
    return None


FORMAT = FlatFormat(
    titles={TYPE: gettext_noop("FBA Reimbursements")},
    names={"fba-reimbursements": TYPE},
    recognize=_recognize,
    decoder=ReimbursementsDecoder,
    line=ReimbursementLine,
)
