"""Reading Sales and Traffic reports."""

from __future__ import annotations

import gzip
from datetime import date
from decimal import Decimal

import pytest
from tests.unit.amazon.report_fixtures.builders import CANARY, as_json, traffic

from theseller.amazon.reports import (
    ReportType,
    TrafficDay,
    TrafficProduct,
    inspect_report,
    read_report,
)
from theseller.lib.marketplaces import by_code


def test_traffic_report_rows_of_a_day_and_its_products_are_decoded() -> None:
    report = read_report([gzip.compress(as_json(traffic("2026-03-01", products=2)))])
    day, product, _ = report.rows()
    assert day == TrafficDay(
        marketplace=by_code("DE"),
        day=date(2026, 3, 1),
        currency="EUR",
        ordered_product_sales=Decimal("238.44"),
        units_ordered=23,
        order_items=20,
        units_refunded=1,
        units_shipped=None,
        orders_shipped=None,
        sessions=1000,
        page_views=1658,
        buy_box_percentage=Decimal("10.54"),
        unit_session_percentage=Decimal("2.54"),
        alone=True,
    )
    assert isinstance(product, TrafficProduct)
    assert (product.sku, product.daily, product.first_day, product.last_day) == (
        "BRUSH-0",
        True,
        date(2026, 3, 1),
        date(2026, 3, 1),
    )
    found = report.inspection
    assert found.report_type is ReportType.SALES_AND_TRAFFIC
    assert found.compressed
    assert found.totals["EUR"]["ordered product sales by product"] == Decimal("476.88")


def test_traffic_products_over_several_days_are_skipped_with_a_warning() -> None:
    report = read_report([as_json(traffic("2026-03-01", "2026-03-02"))])
    assert [row.daily for row in report.rows() if isinstance(row, TrafficProduct)] == [False]
    assert [row.alone for row in report.rows() if isinstance(row, TrafficDay)] == [False, False]
    assert (
        "1 rows by product cover several days, so they can't be used per day and are skipped"
        in report.inspection.warnings
    )
    assert report.inspection.period.days == {"DE": (date(2026, 3, 1), date(2026, 3, 2))}


def test_traffic_amounts_are_parsed_without_float() -> None:
    data = as_json(traffic("2026-03-01")).replace(
        b"238.44", b"0.1000000000000000055511151231257827"
    )
    (day, _) = read_report([data]).rows()
    assert isinstance(day, TrafficDay)
    assert day.ordered_product_sales == Decimal("0.1000000000000000055511151231257827")


def test_traffic_fields_are_dropped_with_reasons() -> None:
    found = inspect_report([as_json(traffic("2026-03-01"))])
    reasons = {column.name: column.reason for column in found.columns_dropped}
    assert reasons["salesAndTrafficByDate.trafficByDate.browserSessions"] == "not needed"
    assert reasons["salesAndTrafficByDate.salesByDate.buyerName"] == "unknown to this version"
    assert "salesAndTrafficByAsin.sku" in found.columns_kept
    assert CANARY not in repr(found)


def test_traffic_report_by_week_is_refused() -> None:
    found = inspect_report([as_json(traffic("2026-03-01", "2026-03-07", granularity="WEEK"))])
    assert not found.importable
    assert found.advice == "Request it with dateGranularity DAY."


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        (
            b'"unitsOrdered": 23',
            b'"unitsOrdered": "CNRY"',
            "salesAndTrafficByDate.salesByDate.unitsOrdered",
        ),
        (
            b'"amount": 238.44',
            b'"amount": "CNRY"',
            "salesAndTrafficByDate.salesByDate.orderedProductSales.amount",
        ),
        (b'"amount": 238.44', b'"amount": "NaN"', "salesAndTrafficByDate.orderedProductSales"),
        (b'"EUR"', b'"CNRY"', "salesAndTrafficByDate.orderedProductSales"),
        (b'"date": "2026-03-01"', b'"date": "CNRY"', "salesAndTrafficByDate.date"),
        (b'"date": "2026-03-01"', b'"date": "2026-02-01"', "salesAndTrafficByDate.date"),
        (
            b'"parentAsin": "B0BRUSH001"',
            b'"parentAsin": "CNRY"',
            "salesAndTrafficByAsin.parentAsin",
        ),
    ],
)
def test_a_bad_row_is_refused_by_number_and_path(old: bytes, new: bytes, column: str) -> None:
    found = inspect_report([as_json(traffic("2026-03-01")).replace(old, new, 1)])
    assert [(row.line, row.column) for row in found.rows_refused] == [(1, column)]
    assert not found.importable
    assert "CNRY" not in repr(found)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"GET_SALES_AND_TRAFFIC_REPORT", b"GET_CNRY", "another report"),
        (b'["A1PA6795UKMFR9"]', b'["A1PA6795UKMFR9", "ATVPDKIKX0DER"]', "several marketplaces"),
        (b"A1PA6795UKMFR9", b"CNRY", "doesn't know"),
        (b'"dataStartTime": "2026-03-01"', b'"dataStartTime": "2026-04-01"', "ends before"),
        (
            b'"dataStartTime": "2026-03-01"',
            b'"dataStartTime": "CNRY"',
            "reportSpecification.dataStartTime",
        ),
        (b'"reportSpecification"', b'"CNRY"', "no sales and traffic report"),
    ],
)
def test_traffic_document_with_an_unsupported_specification_is_refused(
    old: bytes, new: bytes, words: str
) -> None:
    found = inspect_report([as_json(traffic("2026-03-01")).replace(old, new, 1)])
    assert words in found.why_not
    assert found.advice
    assert "CNRY" not in repr(found)


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_a_byte_order_mark_changes_nothing(mark: str, codec: str) -> None:
    text = as_json(traffic("2026-03-01")).decode()
    assert (
        inspect_report([(mark + text).encode(codec)]).rows
        == inspect_report([text.encode()]).rows
        > 0
    )
