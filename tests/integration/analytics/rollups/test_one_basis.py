"""Ratios on one basis, money that is not posted yet, tax inside prices, and days without data."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from tests.integration.analytics.documents import Facts, Sold
from tests.integration.analytics.facts import DE, US, Shop

from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.reports import Options
from theseller.analytics.pages.data_coverage import coverage, order_days
from theseller.analytics.pages.data_quality_notes import contains_tax
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.product_queries import ProductQuery, Sort, product_page
from theseller.analytics.pages.queries import day_series
from theseller.analytics.pages.types import Scope
from theseller.connections.operations import connection_for_files
from theseller.ingest.imports.operations import import_report
from theseller.ingest.imports.types import ImportStatus
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import Region
from theseller.tenancy.tenant_scope import tenant_scope

AT = datetime(2026, 10, 5, 12, tzinfo=UTC)
DAY = date(2026, 10, 5)
EUR = Scope((DE,), "EUR")


@pytest.fixture
def shop() -> Shop:
    return Shop.open()


def test_a_product_whose_money_is_not_posted_has_no_net_proceeds_rather_than_zero(
    shop: Shop,
) -> None:
    shop.order(AT, "20.00")
    shop.order(AT, "30.00", sku="PAN-1")
    shop.money(AT, "30.00", sku="PAN-1", order_id="303-1")
    shop.money(AT, "-3.00", ChargeType.REFERRAL, sku="PAN-1", order_id="303-1")
    shop.roll_up()
    with shop.scope():
        page = product_page(
            EUR,
            Span(DAY, DAY),
            Span(DAY - timedelta(days=1), DAY - timedelta(days=1)),
            ProductQuery(Sort.NET),
            using="worker",
        )
    pan, mug = page.rows
    assert (pan.sku, pan.net_proceeds, pan.margin, pan.posted) == (
        "PAN-1",
        Decimal(27),
        Decimal("0.9"),
        True,
    )
    assert (mug.sku, mug.net_proceeds, mug.fees, mug.margin, mug.refund_rate) == (
        "MUG-1",
        None,
        None,
        None,
        None,
    )
    assert (pan.net_proceeds_before, page.net_proceeds, page.product_sales) == (
        None,
        Decimal(27),
        Decimal(30),
    )


def test_margin_and_refund_rate_divide_posted_by_posted(shop: Shop) -> None:
    shop.order(
        AT, "10.00"
    )  # Little is ordered in the period, much of what was ordered before is posted in it.
    for number in range(4):
        shop.money(AT, "50.00", order_id=f"303-{number}")
        shop.money(AT, "-20.00", ChargeType.REFERRAL, order_id=f"303-{number}")
    shop.money(AT, "-50.00", ChargeType.REFUND_PRINCIPAL, order_id="303-9")
    shop.roll_up()
    with shop.scope():
        [product] = product_page(EUR, Span(DAY, DAY), None, ProductQuery(), using="worker").rows
        total = day_series(EUR, Span(DAY, DAY), None, using="worker").total
    for one in (product, total):
        assert (one.margin, one.refund_rate) == (Decimal(70) / 200, Decimal("0.25"))
    assert total.net_posted == Decimal(70)


def test_a_period_without_posted_money_has_no_net_proceeds(shop: Shop) -> None:
    shop.order(AT, "10.00")
    shop.money(AT, "50.00", state="deferred", order_id="303-1")
    shop.money(AT, "8.00", ChargeType.ITEM_TAX, state="deferred", order_id="303-1")
    shop.roll_up()
    with shop.scope():
        total = day_series(EUR, Span(DAY, DAY), None, using="worker").total
    assert (total.net_posted, total.margin, total.refund_rate) == (None, None, None)
    assert (total.deferred, total.deferred_sales) == (Decimal(58), Decimal(50))


def test_the_tax_inside_prices_is_summed_only_where_prices_include_it(shop: Shop) -> None:
    shop.order(AT, "119.00", item_tax=Decimal("19.00"))
    shop.order(AT, "50.00", item_tax=Decimal("7.00"), status="cancelled")
    shop.order(AT, "100.00", item_tax=Decimal("8.00"), store=US)
    shop.roll_up()
    assert shop.day(DAY)["ordered_tax"] == Decimal(19)
    assert shop.day(DAY, US)["ordered_tax"] == 0
    assert contains_tax(EUR)
    assert not contains_tax(Scope((US,), "USD"))


def _stream(shop: Shop, name: str, cursor: dict[str, object], fresh_until: datetime | None) -> None:
    with tenant_scope(shop.tenant):
        connection = connection_for_files(
            Region.EU, tenant=shop.tenant, at=AT
        )  # Of all stores of the region.
    with shop.scope() as database:
        database.execute(
            "insert into ingest_stream (tenant_id, connection_id, name, cursor, due_at,"
            " fresh_until) values (%s, %s, %s, %s, %s, %s)",
            [shop.tenant, connection, name, json.dumps(cursor), AT, fresh_until],
        )


def test_days_that_no_stream_and_no_document_spans_are_gaps(shop: Shop) -> None:
    span = Span(date(2026, 9, 28), DAY)
    with shop.scope():
        assert coverage(EUR, span, AT, using="worker").order_gaps == (span,)
    _document(
        shop,
        "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
        datetime(2026, 9, 29, 22, tzinfo=UTC),
        datetime(2026, 10, 1, 21, 59, tzinfo=UTC),
    )
    shop.settlement_document(
        datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 9, 30, 6, tzinfo=UTC), (DE,)
    )
    shop.settlement_document(
        datetime(2026, 9, 30, 6, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC), (DE,)
    )
    shop.roll_up()
    with shop.scope():
        found = coverage(EUR, span, AT, using="worker")
    assert found.orders == {date(2026, 9, 30), date(2026, 10, 1)}
    assert found.order_gaps == (
        Span(date(2026, 9, 28), date(2026, 9, 29)),
        Span(date(2026, 10, 2), DAY),
    )
    assert found.money_gaps == (Span(date(2026, 10, 2), DAY),)


def test_coverage_excludes_pending_months_of_the_orders_stream(shop: Shop) -> None:
    anchor = "2026-10-01T10:00:00Z"
    _stream(shop, "orders_history", {"anchor": anchor, "pending": [1], "round": 0}, None)
    _stream(shop, "orders", {"after": anchor}, AT - timedelta(minutes=5))
    _stream(shop, "transactions", {"anchor": anchor, "pending": []}, AT - timedelta(hours=1))
    span = Span(date(2026, 7, 1), DAY)
    with shop.scope():
        found = coverage(EUR, span, AT, using="worker")
    assert found.order_gaps == (Span(date(2026, 8, 2), date(2026, 9, 1)),)
    assert found.money_gaps == ()


def test_days_of_history_are_covered_once_they_are_computed(shop: Shop) -> None:
    """Else a month is shown for some seconds without the charges that have just arrived."""
    anchor, yesterday = "2026-10-01T10:00:00Z", DAY - timedelta(days=1)
    history, live = date(2026, 9, 15), date(2026, 10, 1)
    _stream(shop, "orders_history", {"anchor": anchor, "pending": [], "round": 0}, None)
    _stream(shop, "orders", {"after": anchor}, AT - timedelta(minutes=5))
    _stream(shop, "transactions", {"anchor": anchor, "pending": []}, AT - timedelta(hours=1))
    span = Span(date(2026, 9, 1), DAY)

    def gaps(scope: Scope = EUR) -> tuple[set[date], set[date]]:
        with shop.scope():
            found = coverage(scope, span, AT, using="worker")
            days = order_days({DE: span}, AT, using="worker")[DE]
        if scope == EUR:
            assert days == found.orders
        every = set(span.days())
        return every - found.orders, every - found.money

    assert gaps() == (set(), set())
    # A stream reads the day of the connection, the days after it, and today bit by bit.
    for day in (history, live, yesterday, DAY):
        shop.mark(DE, day)
    assert gaps() == ({history}, {history})
    shop.roll_up()
    assert gaps() == (set(), set())
    shop.mark(DE, history)
    shop.run("update ingest_dirty_day set orders_only_at = marked_at")
    assert gaps() == ({history}, set())
    shop.roll_up()
    # Charges of no store are in the totals of their currency.
    for day in (history, yesterday):
        shop.mark("", day)
    assert gaps() == (set(), set())
    assert gaps(Scope((DE, ""), "EUR")) == ({history}, {history})


def test_days_of_a_document_are_covered_once_they_are_computed(shop: Shop) -> None:
    noon = datetime(2026, 9, 15, 10, tzinfo=UTC)
    shop.cover(noon - timedelta(days=3), noon + timedelta(days=3))
    shop.roll_up()
    shop.order(noon)
    span = Span(date(2026, 9, 14), date(2026, 9, 16))
    with shop.scope():
        found = coverage(EUR, span, AT, using="worker")
    assert found.order_gaps == found.money_gaps == (Span(noon.date(), noon.date()),)
    shop.roll_up()
    with shop.scope():
        found = coverage(EUR, span, AT, using="worker")
    assert found.order_gaps == found.money_gaps == ()


def _document(shop: Shop, report_type: str, covers_from: datetime, covers_until: datetime) -> None:
    row = (
        shop.tenant,
        new_id(),
        new_id(),
        "imported",
        report_type,
        str(new_id()),
        bytes(32),
        [DE],
        covers_from,
        covers_until,
        1,
        AT,
    )
    shop.run(
        "insert into ingest_document (tenant_id, id, connection_id, origin, report_type,"
        " source_key, content_sha256, marketplace_ids, covers_from, covers_until, rows_kept,"
        " recorded_at) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        list(row),
    )


def test_a_report_of_updated_orders_does_not_cover_the_days_of_older_orders_in_it(
    shop: Shop,
) -> None:
    bought = (
        datetime(2026, 8, 1, 12, tzinfo=UTC),
        datetime(2026, 9, 20, 12, tzinfo=UTC),
        datetime(2026, 9, 28, 12, tzinfo=UTC),
    )
    updated = (
        datetime(2026, 9, 20, 12, tzinfo=UTC),
        datetime(2026, 9, 21, 12, tzinfo=UTC),
        datetime(2026, 9, 30, 12, tzinfo=UTC),
    )
    line = (("1", "SKU", 1, Decimal(10)),)
    sold = [
        Sold(f"111-0000001-000000{number}", *stamps, "Shipped", replaces=False, lines=line)
        for number, stamps in enumerate(zip(bought, updated, strict=True))
    ]
    # repeatable, not secret
    file = Facts(0, orders=sold).order_file(AT, Random(1), numbered=True)  # noqa: S311
    done = import_report([file], Options(), tenant=shop.tenant, actor="process:test", at=AT)
    assert done.status is ImportStatus.IMPORTED
    shop.roll_up()
    with shop.scope():
        found = coverage(Scope((US,), "USD"), Span(date(2026, 8, 1), DAY), AT, using="worker")
    assert found.orders == {date(2026, 9, day) for day in range(20, 29)}
