"""The same product twice in one order, at two prices.

Whatever order documents come in, the result is one, and it is the truth.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from random import Random
from typing import Any

import pytest

from theseller.ingest.facts import order_line_merge_state
from theseller.ingest.facts.fact_row_types import ORDER_COLUMNS, OrderRow
from theseller.ingest.facts.order_merge import Line, merge_order

BOUGHT = datetime(2026, 11, 3, 9, tzinfo=UTC)
_AMOUNTS = {name for name, kind in ORDER_COLUMNS if kind == "numeric"}
_BLANK = {
    "local_day": date(2026, 11, 3), "order_id": "303-1", "marketplace_id": "A1PA6795UKMFR9",
    "purchased_at": BOUGHT, "status": "pending", "fulfilment": "amazon", "is_business": False,
    "is_replacement": False, "sku": "MUG-1", "asin": "B000000001", "quantity": 1,
}  # fmt: skip


def said(key: str, hours: int, source: str, **values: Any) -> Line:  # any column  # noqa: ANN401
    row: dict[str, Any] = (
        dict.fromkeys(OrderRow._fields)
        | _BLANK
        | {"line_key": key, "last_updated_at": BOUGHT + timedelta(hours=hours)}
        | values
    )
    for name in _AMOUNTS & row.keys():
        if row[name] is not None:
            row[name] = Decimal(row[name]).quantize(Decimal("0.0001"))
    return Line(OrderRow(**row), {}, source)


# any column
def api(hours: int, prices: list[str | None], **values: Any) -> list[Line]:  # noqa: ANN401
    return [
        said(
            f"{number:05}",
            hours,
            "orders_api",
            item_price=price,
            replacement_stated=False,
            quantity_shipped=0,
            **values,
        )
        for number, price in enumerate(prices)
    ]


# any column
def report(hours: int, prices: list[str | None], **values: Any) -> list[Line]:  # noqa: ANN401
    """Return lines of a European report: numbered only by their place in the file."""
    return [
        said(f"B000000001/MUG-1/{place}", hours, "all_orders_report", item_price=price, **values)
        for place, price in enumerate(prices, 1)
    ]


def read_in(documents: list[list[Line]]) -> list[Line]:
    stored: list[Line] = []
    for document in documents:
        stored = [
            order_line_merge_state.load(line.row, line.source, order_line_merge_state.dump(line))
            for line in merge_order(stored, document)
        ]
    return stored


def prices(lines: list[Line]) -> list[Decimal]:
    return sorted(line.row.item_price or Decimal(0) for line in lines)


@pytest.mark.parametrize("early", [[None, None], ["20", "10"], [None, "10"]])
def test_two_prices_of_one_product_do_not_depend_on_the_order_of_import(
    early: list[str | None],
) -> None:
    documents = [
        api(0, early),
        report(0, early[::-1]),
        api(9, ["20", "10"], status="shipped"),
        report(9, ["10", "20"], status="shipped"),
    ]
    results = [read_in(list(order)) for order in permutations(documents)]
    assert all(result == results[0] for result in results)
    assert prices(results[0]) == [10, 20]


def test_two_files_of_one_stamp_may_list_the_lines_differently() -> None:
    assert prices(read_in([report(9, ["10", "20"]), report(9, ["20", "10"])])) == [10, 20]


def test_reading_a_united_line_again_gives_what_was_written() -> None:
    [line] = merge_order(
        api(3, ["20"], status="shipped"), report(9, [None], status="cancelled", is_business=True)
    )
    assert line.parts
    assert (
        order_line_merge_state.load(line.row, line.source, order_line_merge_state.dump(line))
        == line
    )


def _of_one_order(chance: Random) -> tuple[list[list[Line]], list[Decimal]]:
    """Return documents of one order, whole and in part, and what its lines cost in the end."""
    count = chance.randrange(2, 4)
    final: list[str | None] = [str(chance.choice((10, 10, 25, 40))) for _ in range(count)]
    documents = [
        api(24, final, status="shipped"),
        _shuffled(chance, report(24, final, status="shipped")),
    ]
    for hours in range(0, 24, 8):
        known: list[str | None] = [price if chance.random() < 0.5 else None for price in final]
        whole = (
            api(hours, known) if chance.random() < 0.5 else _shuffled(chance, report(hours, known))
        )
        documents.append(whole if chance.random() < 0.7 else chance.sample(whole, 1))
    return documents, sorted(Decimal(str(price)) for price in final)


def test_lines_that_were_stored_by_asin_are_the_same_lines() -> None:
    stored = report(0, ["20", None])
    result = merge_order(
        stored,
        [
            said(f"/MUG-1/{place}", 9, "all_orders_report", item_price=price, asin="")
            for place, price in ((1, "10"), (2, "20"))
        ],
    )
    assert (prices(result), {line.row.asin for line in result}) == (
        [Decimal(10), Decimal(20)],
        {"B000000001"},
    )


def _shuffled(chance: Random, lines: list[Line]) -> list[Line]:
    """Return what a file says if it lists its rows in another order: they are numbered by place."""
    rows = chance.sample(lines, len(lines))
    return [
        Line(row.row._replace(line_key=line.key), {}, row.source)
        for row, line in zip(rows, lines, strict=True)
    ]


def test_any_order_and_repetition_of_random_documents_gives_one_result() -> None:
    for seed in range(300):
        chance = Random(seed)  # repeatable, not secret  # noqa: S311
        documents, final = _of_one_order(chance)
        results = []
        for _ in range(3):
            sequence = [*documents, *chance.sample(documents, 2)]
            chance.shuffle(sequence)
            results.append(read_in(sequence))
        assert results[0] == results[1] == results[2], seed
        assert prices(results[0]) == final, seed
