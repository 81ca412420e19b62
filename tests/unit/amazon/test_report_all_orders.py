"""Reading the two All Orders reports."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.unit.amazon.report_fixtures.builders import (
    BY_ORDER_DATE_COLUMNS,
    CANARY,
    DROPPED,
    ORDER_COLUMNS,
    all_orders,
    order,
    settlement,
)

from theseller.amazon.reports import (
    AllOrdersLine,
    Options,
    ReportRefusedError,
    ReportType,
    inspect_report,
    read_report,
    stream_report,
)
from theseller.lib.marketplaces import by_code

LAST_UPDATE, ORDER_DATE = ReportType.ALL_ORDERS_BY_LAST_UPDATE, ReportType.ALL_ORDERS_BY_ORDER_DATE


def test_a_line_is_decoded() -> None:
    report = read_report(
        [
            all_orders(
                order(is_replacement_order="true"), columns=[*ORDER_COLUMNS, "is-replacement-order"]
            ).encode()
        ]
    )
    assert list(report.rows()) == [
        AllOrdersLine(
            line_number=2,
            occurrence=1,
            order_id="302-1234567-7654321",
            order_item_id="11112222333344",
            purchased_at=datetime(2026, 3, 28, 23, 30, tzinfo=UTC),
            last_updated_at=datetime(2026, 3, 29, 8, tzinfo=UTC),
            order_status="Shipped",
            fulfilment_channel="Amazon",
            sales_channel="Amazon.de",
            marketplace=by_code("DE"),
            sku="BRUSH-1",
            asin="B0BRUSH001",
            title="Bürste aus Buchenholz",
            item_status="Shipped",
            quantity=2,
            currency="EUR",
            item_price=Decimal("19.90"),
            item_tax=Decimal("3.18"),
            shipping_price=None,
            shipping_tax=None,
            gift_wrap_price=None,
            gift_wrap_tax=None,
            item_promotion_discount=None,
            ship_promotion_discount=None,
            promotion_ids=("PAWS-V2-1", "Core Free Shipping"),
            is_business_order=False,
            is_replacement=True,
        )
    ]


def test_all_orders_rows_as_tuples_equal_rows_as_structs() -> None:
    data = [all_orders(order(), order(sku="BRUSH-2")).encode()]
    lines = list(read_report(data).rows())
    rows = read_report(data, rows_as_tuples=True).rows()
    assert [AllOrdersLine(*row) for row in rows] == lines  # type: ignore[misc]
    stream = stream_report(data, Options(as_tuples=True))
    streamed = [row for batch in stream.batches() for row in batch]
    assert [AllOrdersLine(*row) for row in streamed] == lines  # type: ignore[misc]
    assert stream.require_inspection() == read_report(data).inspection


def test_pending_prices_are_unknown_not_zero() -> None:
    pending = order(
        order_status="Pending",
        currency="",
        item_price="",
        item_tax="",
        promotion_ids="",
        is_business_order="",
    )
    (line,) = read_report([all_orders(pending).encode()]).rows()
    assert isinstance(line, AllOrdersLine)
    assert (line.item_price, line.currency, line.promotion_ids, line.is_business_order) == (
        None,
        "",
        (),
        None,
    )


def test_sales_outside_amazon_have_no_marketplace() -> None:
    found = inspect_report(
        [
            all_orders(
                order(sales_channel="Non-Amazon DE", amazon_order_id="S02-1234567-7654321")
            ).encode()
        ]
    )
    assert found.importable
    assert found.marketplaces == ()
    assert found.warnings == ("1 lines are of sales outside Amazon's stores",)


def test_identical_lines_are_counted() -> None:
    report = read_report([all_orders(order(), order(sku="BRUSH-2"), order()).encode()])
    assert [(row.sku, row.occurrence) for row in report.rows()] == [  # type: ignore[union-attr]
        ("BRUSH-1", 1),
        ("BRUSH-2", 1),
        ("BRUSH-1", 2),
    ]


def test_the_inspection_sums_and_dates_by_store() -> None:
    lines = (
        order(),
        order(
            sales_channel="Amazon.co.uk",
            currency="GBP",
            item_price="5",
            item_status="Cancelled",
            purchase_date="2026-03-01T10:00:00Z",
        ),
        order(
            sales_channel="Amazon.com", currency="USD", purchase_date="2026-03-08T07:30:00+00:00"
        ),
    )
    found = inspect_report([all_orders(*lines).encode()], filename="anything.csv")
    assert found.importable
    assert found.rows == 3
    assert found.marketplaces == ("DE", "UK", "US")
    assert found.currencies == ("EUR", "GBP", "USD")
    assert found.totals["EUR"]["item-price"] == Decimal("19.90")
    assert found.totals["GBP"] | {"quantity": 0} == found.totals["GBP"] | {
        "item-price": 5,
        "quantity": 0,
    }
    assert found.period.days == {
        "DE": (date(2026, 3, 29), date(2026, 3, 29)),  # 23:30 UTC is the next day in Berlin.
        "UK": (date(2026, 3, 1), date(2026, 3, 1)),
        "US": (date(2026, 3, 7), date(2026, 3, 7)),  # 07:30 UTC is the evening before in Seattle.
    }
    assert found.warnings == (
        "1 lines are of canceled orders or items; the totals count them as the file does",
    )
    assert json.loads(found.to_json())["totals"]["EUR"]["item-price"] == "19.90"


def test_all_orders_columns_are_kept_or_dropped_with_reasons() -> None:
    data = all_orders(
        order(buyer_mood=CANARY, CNRY_1=CANARY),
        columns=[*BY_ORDER_DATE_COLUMNS, "buyer-mood", "buyer-tax-program", "Käufer 7"],
    )
    found = inspect_report([data.encode()])
    reasons = {column.name: column.reason for column in found.columns_dropped}
    assert set(reasons) == {*DROPPED.split(), "column 34", "buyer-tax-program", "column 36"}
    assert reasons["ship-city"] == "PII: buyer's place of delivery"
    assert reasons["cpf"] == "PII: buyer's tax identity"
    assert (
        reasons["column 34"]
        == reasons["buyer-tax-program"]
        == reasons["column 36"]
        == "unknown to this version"
    )
    assert found.report_type is ORDER_DATE


@pytest.mark.parametrize(
    ("dates", "expected", "decided"),
    [
        ([("2026-01-01", "2026-03-20"), ("2026-03-19", "2026-03-21")], None, LAST_UPDATE),
        ([("2026-01-01", "2026-01-05"), ("2026-01-20", "2026-03-21")], None, ORDER_DATE),
        ([("2026-01-01", "2026-01-05")], None, LAST_UPDATE),
        ([("2026-01-01", "2026-01-05")], ORDER_DATE, ORDER_DATE),
        ([], None, LAST_UPDATE),
    ],
)
def test_all_orders_variants_are_distinguished_by_their_dates(
    dates: list[tuple[str, str]], expected: ReportType | None, decided: ReportType
) -> None:
    lines = [
        order(
            purchase_date=f"{bought}T10:00:00+00:00", last_updated_date=f"{updated}T10:00:00+00:00"
        )
        for bought, updated in dates
    ]
    found = inspect_report([all_orders(*lines).encode()], expected=expected)
    assert found.importable
    assert found.report_type is decided
    assert found.type_evidence.startswith("its columns")


def test_report_of_another_type_than_requested_is_refused() -> None:
    found = inspect_report([all_orders(order()).encode()], expected=ReportType.SETTLEMENT_V2)
    assert "was asked for" in found.why_not
    assert not inspect_report([settlement(total="0").encode()], expected=ORDER_DATE).importable


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("amazon-order-id", CANARY),
        ("order-item-id", CANARY),
        ("purchase-date", "28.03.2026 CNRY"),
        ("purchase-date", "2026-03-28T23:30:00"),
        ("last-updated-date", "0001-01-01T00:00:00+14:00"),
        ("order-status", "Müller CNRY"),
        ("fulfillment-channel", "1 CNRY"),
        ("sales-channel", CANARY),
        ("sku", ""),
        ("asin", CANARY),
        ("product-name", CANARY * 300),
        ("item-status", "?CNRY"),
        ("quantity", "1.5"),
        ("currency", "CNRY"),
        ("item-price", "1,234"),
        ("item-price", "12,50"),
        ("item-price", "NaN"),
        ("shipping-tax", CANARY),
        ("is-business-order", CANARY),
    ],
)
def test_bad_cell_refuses_the_file_unless_refused_rows_are_allowed(column: str, cell: str) -> None:
    data = [all_orders(order(), order(**{column: cell}), order(sku="BRUSH-2")).encode()]
    found = inspect_report(data)
    assert [(row.line, row.column) for row in found.rows_refused] == [(3, column)]
    assert not found.importable
    assert found.why_not == "1 of 3 rows can't be read"
    assert "CNRY" not in repr(found)
    with pytest.raises(ReportRefusedError, match="1 of 3 rows") as caught:
        read_report(data)
    assert "CNRY" not in repr(caught.value)
    tolerant = read_report(data, allow_refused_rows=True)
    assert [row.line_number for row in tolerant.rows()] == [2, 4]  # type: ignore[union-attr]
    assert not tolerant.inspection.importable


def test_shifted_rows_are_refused() -> None:
    good = all_orders(order())
    row = good.split("\n")[1]
    found = inspect_report([(good + row + "\tmore\n" + row[:60] + "\n").encode()])
    assert [(refused.line, refused.reason) for refused in found.rows_refused] == [
        (3, "more cells than the header has columns"),
        (
            4,
            (
                "fewer cells than the header has columns: perhaps a line break cut the row in two,"
                " or it is a remark or totals below the rows"
            ),
        ),
    ]


def test_blank_cells_at_the_end_may_be_missing() -> None:
    data = all_orders(order(promotion_ids="", is_business_order="")).rstrip("\n")
    row = "\t".join(data.split("\t")[:-8]) + "\n"
    assert inspect_report([row.encode()]).importable


def test_a_file_cut_in_a_row_is_refused() -> None:
    data = all_orders(order(), order()).encode()
    found = inspect_report([data[:-60]])
    assert found.why_not == "line 3: the file ends in the middle of a row"
    assert found.report_type is LAST_UPDATE


def test_the_list_of_refusals_is_capped_and_the_count_is_not() -> None:
    found = inspect_report([all_orders(*(order(quantity="x") for _ in range(150))).encode()])
    assert len(found.rows_refused) == 100
    assert found.rows_refused_count == 150


def test_report_stream_with_a_bad_row_raises_after_the_last_batch() -> None:
    stream = stream_report([all_orders(order(), order(quantity="x")).encode()])
    batches = stream.batches()
    assert len(next(batches)) == 1
    with pytest.raises(ReportRefusedError, match="1 of 2 rows"):
        next(batches)
    assert not stream.require_inspection().importable
