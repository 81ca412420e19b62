"""The decoder that the guide gives to copy reads rows and refuses what it can't read."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.unit.amazon.report_fixtures.example_decoder import (
    FORMAT,
    PARSERS,
    TYPE,
    ReimbursementLine,
)

from theseller.amazon.reports import open_report
from theseller.amazon.reports.flat_file_header import Header
from theseller.amazon.reports.inspection_result import Findings

ROW = {
    "approval-date": "2026-10-05T10:00:00+00:00",
    "reimbursement-id": "1234567890",
    "reason": "Lost_Warehouse",
    "sku": "SKU-A",
    "currency-unit": "EUR",
    "amount-total": "12.34",
    "quantity-reimbursed-total": "2",
}


def _decoded(*lines: str) -> tuple[list[tuple[Any, ...]], Findings]:
    report = open_report(["".join(f"{line}\r\n" for line in ("\t".join(PARSERS), *lines)).encode()])
    found = FORMAT.recognize(frozenset(PARSERS), None)
    assert found is not None
    positions = {name: place for place, name in enumerate(PARSERS)}
    header = Header(TYPE, found.evidence, len(PARSERS), positions, tuple(PARSERS), (), decided=True)
    decoder = FORMAT.decoder(header, report)
    rows = [row for batch in decoder.all(report) for row in batch]
    assert decoder.verdict() == ("", "")
    return rows, decoder.findings


def _line(**other: str) -> str:
    return "\t".join(
        (ROW | {name.replace("_", "-"): cell for name, cell in other.items()}).values()
    )


def test_rows_are_read_and_counted() -> None:
    rows, findings = _decoded(_line(), "", _line(currency_unit="JPY", amount_total="-1,980") + "\t")
    first, second = (FORMAT.line(*row) for row in rows)
    assert first == ReimbursementLine(
        line_number=2, approved_at=datetime(2026, 10, 5, 10, tzinfo=UTC),
        reimbursement_id="1234567890", reason="Lost_Warehouse", sku="SKU-A", currency="EUR",
        amount=Decimal("12.34"), quantity=2,
    )  # fmt: skip
    assert (second.line_number, second.amount) == (4, Decimal(-1980))
    assert (findings.rows, findings.refused_count, sorted(findings.totals)) == (
        2,
        0,
        ["EUR", "JPY"],
    )
    assert findings.period().first == findings.period().last == first.approved_at


def test_rows_that_cannot_be_read_are_refused_by_line_and_column() -> None:
    rows, findings = _decoded(
        _line(), _line(amount_total=""), _line(sku="x" * 101), _line() + "\tx", "SKU-A"
    )
    assert len(rows) == 1
    assert [(one.line, one.column) for one in findings.refused] == [
        (3, "amount-total"), (4, "sku"), (5, ""), (6, ""),
    ]  # fmt: skip


def test_other_columns_are_another_report() -> None:
    assert FORMAT.recognize(frozenset(PARSERS) - {"sku"}, None) is None
