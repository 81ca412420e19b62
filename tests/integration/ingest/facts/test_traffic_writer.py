"""Products of a day's traffic that Amazon states again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import msgspec
from django.db import connections

from theseller.amazon.reports import TrafficDay, TrafficProduct
from theseller.ingest.facts.traffic_writer import write_traffic
from theseller.ingest.types import WriteResult
from theseller.lib import sql_execution
from theseller.lib.marketplaces import MARKETPLACES
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

AT = datetime(2026, 11, 10, 12, tzinfo=UTC)
US = MARKETPLACES["ATVPDKIKX0DER"]


def test_restated_products_of_a_day_replace_those_of_the_day_alone(database: str) -> None:
    """Amazon lists a product no longer: its row would count in every sum of the day."""
    tenant, connection = create_tenant(name="Shop", actor="process:test", at=AT), uuid4()

    def write(*lines: TrafficProduct) -> WriteResult:
        with tenant_scope(tenant):
            return write_traffic(lines, tenant=tenant, connection=connection, at=AT)

    first = TrafficProduct(
        US, date(2026, 11, 9), date(2026, 11, 9), daily=True, parent_asin="B000000001",
        child_asin="B000000002", sku=None, currency="USD", ordered_product_sales=Decimal(1),
        units_ordered=1, order_items=1, sessions=1, page_views=1, buy_box_percentage=None,
        unit_session_percentage=None,
    )  # fmt: skip
    other = msgspec.structs.replace(first, child_asin="B000000003")
    write(msgspec.structs.replace(first, first_day=date(2026, 11, 8), last_day=date(2026, 11, 8)))
    write(first, other)
    restated = write(msgspec.structs.replace(other, sessions=5))
    assert (restated.rows, restated.replaced) == (1, 1)
    with tenant_scope(tenant):
        rows = sql_execution.rows(
            connections["default"],
            "select local_day, asin, sessions from ingest_traffic_day where tenant_id = %s"
            " order by local_day",
            [tenant],
        )
    assert rows == [(date(2026, 11, 8), "B000000002", 1), (date(2026, 11, 9), "B000000003", 5)]


def test_a_day_that_is_stated_again_without_products_has_none(database: str) -> None:
    """A report of several days says nothing about the products of one of them."""
    tenant, connection = create_tenant(name="Shop", actor="process:test", at=AT), uuid4()
    day = TrafficDay(
        US, date(2026, 11, 9), currency="USD", ordered_product_sales=Decimal(1), units_ordered=1,
        order_items=1, units_refunded=0, units_shipped=0, orders_shipped=0, sessions=3,
        page_views=4, buy_box_percentage=None, unit_session_percentage=None, alone=True,
    )  # fmt: skip
    product = TrafficProduct(
        US, day.day, day.day, daily=True, parent_asin="B000000001", child_asin="B000000002",
        sku=None, currency="USD", ordered_product_sales=Decimal(1), units_ordered=1,
        order_items=1, sessions=1, page_views=1, buy_box_percentage=None,
        unit_session_percentage=None,
    )  # fmt: skip

    def asins(*lines: TrafficDay | TrafficProduct) -> list[str]:
        with tenant_scope(tenant):
            write_traffic(lines, tenant=tenant, connection=connection, at=AT)
            rows = sql_execution.rows(
                connections["default"],
                "select asin from ingest_traffic_day where tenant_id = %s order by asin",
                [tenant],
            )
        return [asin for (asin,) in rows]

    assert asins(day, product) == ["", "B000000002"]
    assert asins(msgspec.structs.replace(day, alone=False)) == ["", "B000000002"]
    assert asins(day) == [""]
