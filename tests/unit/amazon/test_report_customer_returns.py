"""The decoder of FBA customer returns reads rows, and refuses what it can't read."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from theseller.amazon.reports import (
    Inspection,
    Options,
    Question,
    ReportRefusedError,
    Stated,
    inspect_report,
    read_report,
    stream_report,
)
from theseller.amazon.reports.customer_returns import FORMAT, PARSERS, CustomerReturnsLine
from theseller.lib.marketplaces import by_code

#: Amazon's columns, in its order.
ROW = {
    "return-date": "2026-10-05T23:30:00+00:00",
    "order-id": "302-1234567-7654321",
    "sku": "MUG-1",
    "asin": "B0BRUSH001",
    "fnsku": "X001BRUSH1",
    "product-name": "Mug",
    "quantity": "1",
    "fulfillment-center-id": "LEJ1",
    "detailed-disposition": "CUSTOMER_DAMAGED",
    "reason": "UNWANTED_ITEM",
    "status": "Unit returned to inventory",
    "license-plate-number": "LPNZZQ1LABEL",
    "customer-comments": "ZZQ1COMMENT",
}
GERMANY = Stated(by_code("DE"))


def _line(**other: str) -> str:
    return "\t".join(
        (ROW | {name.replace("_", "-"): cell for name, cell in other.items()}).values()
    )


def _file(*lines: str, end: str = "\r\n") -> bytes:
    return "".join(f"{line}{end}" for line in ("\t".join(ROW), *lines)).encode()


def _inspected(*lines: str, stated: Stated = GERMANY) -> Inspection:
    return inspect_report([_file(*lines)], stated=stated)


def _rows(data: bytes) -> list[object]:
    stream = stream_report([data], Options(stated=GERMANY))
    return [row for batch in stream.batches() for row in batch]


def test_rows_are_read_without_comment_label_and_name() -> None:
    data = _file(_line(), "", _line(quantity="2", asin=""))
    first, second = _rows(data)
    assert first == CustomerReturnsLine(
        line_number=2,
        returned_at=datetime(2026, 10, 5, 23, 30, tzinfo=UTC),
        order_id="302-1234567-7654321",
        sku="MUG-1",
        asin="B0BRUSH001",
        fnsku="X001BRUSH1",
        quantity=1,
        fulfillment_center="LEJ1",
        disposition="CUSTOMER_DAMAGED",
        reason="UNWANTED_ITEM",
        status="Unit returned to inventory",
    )
    assert isinstance(second, CustomerReturnsLine)
    assert (second.line_number, second.quantity, second.asin) == (4, 2, "")
    found = inspect_report([data], stated=GERMANY)
    assert found.marketplaces == ("DE",)
    assert found.period.days == {"DE": (date(2026, 10, 6), date(2026, 10, 6))}
    dropped = {column.name: column.reason for column in found.columns_dropped}
    assert sorted(dropped) == ["customer-comments", "license-plate-number", "product-name"]
    assert dropped["customer-comments"].startswith("PII")
    assert dropped["license-plate-number"].startswith("PII")
    assert "ZZQ1" not in repr((first, second, found))


def test_a_file_whose_store_is_not_stated_asks_for_it() -> None:
    found = _inspected(_line(), stated=Stated())
    assert not found.importable
    assert found.why_not == "the file does not say of which store it is"
    assert found.asks == (Question.STORE,)
    assert {"DE", "US", "JP"} <= set(found.stores_possible)
    assert found.rows == 1
    assert _inspected(_line()).importable
    with pytest.raises(ReportRefusedError, match="of which store"):
        read_report([_file(_line())])


def test_comments_with_tabs_and_line_breaks_change_nothing_else() -> None:
    broken = _line(customer_comments="too\tsmall\tZZQ1")
    found = _inspected(broken, "ZZQ1 and a second line", "", _line(), "the end")
    assert (found.rows, found.rows_refused_count) == (2, 0)
    assert found.warnings == ("2 lines of customers' comments were left out, unread",)
    assert "ZZQ1" not in repr(found)


def test_status_may_be_missing_and_other_columns_make_another_report() -> None:
    names = [name for name in ROW if name != "status"]
    lines = ("\t".join(names), "\t".join(ROW[name] for name in names))
    (row,) = _rows("\n".join([*lines, ""]).encode())
    assert isinstance(row, CustomerReturnsLine)
    assert row.status == ""
    assert FORMAT.recognize(frozenset(PARSERS) - {"reason"}, None) is None


def test_rows_that_cannot_be_read_are_refused_by_line_and_column() -> None:
    found = _inspected(
        "no row before it",
        _line(return_date="2026-10-05"),
        _line(order_id="3.02E+16"),
        _line(quantity="0"),
        _line(fnsku="x y"),
        _line(sku=""),
        "\t".join(_line().split("\t")[:5]),
        _line(),
    )
    assert [(one.line, one.column) for one in found.rows_refused] == [
        (2, ""),
        (3, "return-date"),
        (4, "order-id"),
        (5, "quantity"),
        (6, "fnsku"),
        (7, "sku"),
        (8, ""),
    ]
    assert not found.importable
    assert found.rows == 1


def test_a_file_that_was_cut_off_is_refused() -> None:
    found = inspect_report([_file(_line(), _line())[:-60]], stated=GERMANY)
    assert not found.importable
    assert "the file ends in the middle of a row" in found.why_not
