"""What must hold for any bytes: only ReportRefusedError comes out of them.

No message has a cell that was not kept.
"""

from __future__ import annotations

import gzip

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.amazon.report_fixtures.builders import (
    BY_ORDER_DATE_COLUMNS,
    all_orders,
    as_json,
    order,
    settlement,
    traffic,
)

from theseller.amazon.reports import Limits, ReportRefusedError, inspect_report, read_report
from theseller.amazon.reports.report_types_and_columns import COLUMNS, ReportType

_SMALL = Limits(content=1 << 20, json=1 << 20)
_PLAIN = (
    all_orders(order(), order(), columns=BY_ORDER_DATE_COLUMNS).encode(),
    all_orders(order()).encode("utf-16"),
    all_orders(order()).encode("cp1252"),
    settlement(("ItemPrice", "Principal", "1.234,50"), total="1.234,50", dates="dotted").encode(),
    as_json(traffic("2026-03-01", "2026-03-02")),
)
_SEEDS = (*_PLAIN, *(gzip.compress(seed, mtime=0) for seed in _PLAIN))


def _survives(data: bytes, size: int) -> None:
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    found = inspect_report(iter(chunks), limits=_SMALL)
    assert found.importable != bool(found.why_not)
    assert found.to_json()
    try:
        rows = list(read_report(iter(chunks), limits=_SMALL).rows())
    except ReportRefusedError:
        assert not found.importable
    else:
        assert found.importable
        assert len(rows) == found.rows


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 100))
@example(b"\x1f\x8b\x08\x00", 1)
@example(b"\xff\xfe", 1)
@example(b"\xef\xbb\xbf", 2)
def test_random_bytes_never_crash(data: bytes, size: int) -> None:
    _survives(data, size)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(_SEEDS), st.data())
def test_damaged_reports_never_crash(seed: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(seed)))
    until = data.draw(st.integers(at, min(len(seed), at + 40)))
    _survives(
        seed[:at] + data.draw(st.binary(max_size=40)) + seed[until:],
        data.draw(st.integers(1, 4000)),
    )


_DROPPED = set(COLUMNS[ReportType.ALL_ORDERS_BY_ORDER_DATE].dropped)
_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r\x00"), max_size=20)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(BY_ORDER_DATE_COLUMNS), _CELL, max_size=4))
def test_no_cell_of_an_order_is_ever_repeated(cells: dict[str, str]) -> None:
    marked = {column: f"CNRY{cell}CNRY" for column, cell in cells.items()}
    marked |= dict.fromkeys(_DROPPED, "CNRYdropped")
    data = all_orders(order(**marked), columns=BY_ORDER_DATE_COLUMNS).encode()
    found = inspect_report([data], filename="orders.txt")
    assert "CNRY" not in repr(found)
    assert b"CNRY" not in found.to_json()
    try:
        said, marker = (
            repr(list(read_report([data]).rows())),
            "CNRYdropped",
        )  # What is kept may be repeated as a row.
    except ReportRefusedError as error:
        said, marker = f"{error!r} {error} {error.advice}", "CNRY"
    assert marker not in said


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(
        ["amount", "total", "posted_date_time", "quantity_purchased", "currency", "order_id"]
    ),
    _CELL,
)
def test_no_bad_cell_of_a_settlement_is_ever_repeated(column: str, cell: str) -> None:
    bad = f"CNRY{cell}"
    amount, total = (bad if column == "amount" else "1.00"), (bad if column == "total" else "1.00")
    extra = {column: bad} if column not in {"amount", "total"} else {}
    currency = extra.pop("currency", "EUR")
    found = inspect_report(
        [
            settlement(
                ("ItemPrice", "Principal", amount), total=total, currency=currency, **extra
            ).encode()
        ]
    )
    assert "CNRY" not in repr(found)
