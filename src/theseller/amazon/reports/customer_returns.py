"""Decode FBA customer returns: units that arrived at a fulfillment center.

The report has no key, and it names no store: a person states one, or the request does. What the
customer wrote and the label of the unit are never read. A comment is the last cell of a row; where
a line break cuts it, its second half is a line without tabs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from theseller.amazon.reports import cell_parsers
from theseller.amazon.reports.all_orders_cells import order_id, sku_of
from theseller.amazon.reports.errors import BadCellError, ReportRefusedError, safe_reason
from theseller.amazon.reports.flat_file_header import Header, Recognized
from theseller.amazon.reports.format_types import FlatFormat
from theseller.amazon.reports.inspection_result import Findings
from theseller.amazon.reports.report_text_reader import OpenReport
from theseller.amazon.reports.report_types_and_columns import (
    COLUMNS,
    ReportType,
    SettlementSummary,
)
from theseller.amazon.reports.settlement_row_repair import FEWER_CELLS, without_blank_tail
from theseller.lib.translation_marks import gettext_noop

TYPE = ReportType.CUSTOMER_RETURNS
_COMMENTS = "customer-comments"
_BLANK = "\t \x1a"
_FNSKU = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,39}|")


class CustomerReturnsLine(msgspec.Struct, frozen=True):
    """One row of the report: as a rule one unit.

    A tuple row has the same values in the same order: the line, then the columns of `PARSERS`.
    Texts that the file leaves blank are blank.
    """

    line_number: int
    returned_at: datetime
    order_id: str
    sku: str
    asin: str
    fnsku: str
    quantity: int
    fulfillment_center: str
    disposition: str
    reason: str
    status: str


def _units(text: str) -> int:
    units = cell_parsers.whole(text)
    if units < 1:
        raise BadCellError(gettext_noop("not a number of returned units"))
    return units


def _fnsku(text: str) -> str:
    if not _FNSKU.fullmatch(text):
        raise BadCellError(gettext_noop("not an FNSKU"))
    return text


#: Column → parser, in the order of the struct's fields. A parser raises BadCellError.
PARSERS: dict[str, Callable[[str], Any]] = {
    "return-date": cell_parsers.instant,
    "order-id": order_id,
    "sku": sku_of,
    "asin": cell_parsers.asin,
    "fnsku": _fnsku,
    "quantity": _units,
    "fulfillment-center-id": cell_parsers.words,
    "detailed-disposition": cell_parsers.words,
    "reason": cell_parsers.words,
    "status": cell_parsers.words,
}
_RETURNED, _QUANTITY = 1, 6


class CustomerReturnsDecoder:
    """Turns the lines of a report into rows and findings."""

    summary: SettlementSummary | None = None

    def __init__(self, header: Header, report: OpenReport) -> None:
        self.header = header
        self.findings = Findings(report.source.limits)
        self._comments_last = bool(header.dropped) and header.dropped[-1].name == _COMMENTS
        self._comments_last &= max(header.positions.values()) < header.width - 1
        self._read_one = False

    def all(self, report: OpenReport) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the readable rows in batches; record the others in findings."""
        for batch in report.batches():
            rows = []
            last = batch.first + len(batch.lines) - 1
            for number, line in enumerate(batch.lines, batch.first):
                if number > self.header.line and line.strip(_BLANK):
                    cells = line.rstrip("\x1a").split("\t")
                    rows.append(self._row(number, cells, cut=batch.cut and number == last))
            read = [row for row in rows if row]
            self._note(read)
            yield read

    def _row(self, number: int, cells: list[str], *, cut: bool) -> tuple[Any, ...]:
        """Return the values of a row; none if it can't be read."""
        width = self.header.width
        if self._comments_last:
            if len(cells) == 1 and self._read_one:
                self.findings.warn(
                    gettext_noop("%(n)s lines of customers' comments were left out, unread")
                )
                return ()
            del cells[width:]  # A comment with tabs in it.
        missing = width - len(without_blank_tail(cells, width))
        if missing > 0 and cut:
            raise ReportRefusedError(
                gettext_noop("the file ends in the middle of a row"),
                gettext_noop("Download the report again."),
                line=number,
            )
        if missing > 0 and len(cells) > max(self.header.positions.values()):
            missing = 0  # Blank cells at the end, which another program left off.
        if missing:
            many = gettext_noop("more cells than the header has columns")
            self.findings.refuse(number, "", FEWER_CELLS if missing > 0 else many)
            return ()
        texts = {
            name: cell_parsers.bare(cells[self.header.at(name)])
            if name in self.header.positions
            else ""
            for name in PARSERS
        }
        values: list[Any] = [number]
        for name, parse in PARSERS.items():
            try:
                values.append(parse(texts[name]))
            except ValueError as error:
                reason = safe_reason(error) if texts[name] else gettext_noop("blank")
                self.findings.refuse(number, name, reason)
                return ()
        self._read_one = True
        return tuple(values)

    def _note(self, rows: list[tuple[Any, ...]]) -> None:
        """Note the period and the units, which the inspection shows."""
        if not rows:
            return
        self.findings.rows += len(rows)
        instants = [row[_RETURNED] for row in rows]
        self.findings.saw_span(None, min(instants), max(instants))  # None: it names no store.
        self.findings.add("", "quantity", sum(row[_QUANTITY] for row in rows))

    def verdict(self) -> tuple[str, str]:
        """Return that nothing prevents the import of the whole report."""
        return "", ""

    def settled_type(self) -> tuple[ReportType, str]:
        """Return the type that the columns show, and the evidence."""
        return self.header.type, self.header.type_evidence


def _recognize(names: frozenset[str], expected: ReportType | None) -> Recognized | None:
    del expected  # The columns tell enough.
    if COLUMNS[TYPE].required <= names:
        return Recognized(TYPE, gettext_noop("its columns"))
    return None


FORMAT = FlatFormat(
    titles={TYPE: gettext_noop("FBA customer returns")},
    names={"customer-returns": TYPE},
    recognize=_recognize,
    decoder=CustomerReturnsDecoder,
    line=CustomerReturnsLine,
    names_no_store=True,
)
