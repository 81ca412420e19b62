"""What is stored about a shop: complete by the data map, true by the database.

Only the owner exports it as a file.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable
from datetime import date, timedelta
from typing import cast as typed
from uuid import UUID

import psycopg
import pytest
from django.db import connections as databases
from django.test import Client
from tests.cast import NOON, Cast
from tests.database import test_server
from tests.sabotage.deployment import US, connect, put_product
from tests.step_up import after_step_up

from theseller.accounts.models import User
from theseller.connections.queries import all_connections
from theseller.controls.security_page_data import security_page
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import DataClass
from theseller.lib.marketplaces import Region
from theseller.privacy.data_inventory.categories import CATEGORIES
from theseller.privacy.data_inventory.queries import data_inventory
from theseller.privacy.data_inventory.shop_facts_export import export, exported_tables
from theseller.privacy.data_inventory.types import StoredData
from theseller.retention.retention_limits import FACTS_KEPT_DAYS
from theseller.tenancy.tenant_scope import tenant_scope


def _browser(person: UUID) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=person))
    return client


def _orders(tenant: UUID, connection: UUID, days: Iterable[date], *, sku: str = "SKU-1") -> None:
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        for number, day in enumerate(days):
            cursor.execute(
                "insert into ingest_order_line (tenant_id, local_day, order_id, line_key,"
                " connection_id, marketplace_id, purchased_at, last_updated_at, status, fulfilment,"
                " is_business, is_replacement, sku, asin, quantity, currency, item_price, source)"
                " values (%s, %s, %s, '1', %s, %s, %s, %s, 'shipped', 'amazon', false, false, %s,"
                " 'B0', 1, 'USD', -3.5, 'orders_api')",
                [tenant, day, f"order-{number}", connection, US, NOON, NOON, sku],
            )


def _stored(tenant: UUID) -> dict[str, StoredData]:
    with tenant_scope(tenant):
        return {
            one.category.key: one
            for part in data_inventory(all_connections())
            for one in part.items
        }


def test_every_table_of_a_shop_is_in_exactly_one_category(database: str) -> None:
    listed = [source.table for category in CATEGORIES for source in category.sources]
    assert sorted(listed) == sorted(
        descriptor.table for descriptor in descriptors() if descriptor.tenant_column
    )


def test_every_clause_that_is_named_is_on_the_security_page(database: str) -> None:
    shown = {one.id for one in security_page(NOON).controls}
    assert {clause for category in CATEGORIES for clause in category.clauses} <= shown


def test_inventory_counts_rows_and_computes_expiry_dates(cast: Cast, database: str) -> None:
    connection = connect(cast.alices_shop, cast.alice.id, Region.NA)
    first = date(2026, 10, 30)
    _orders(cast.alices_shop, connection, [first + timedelta(days=n) for n in range(5)])
    found = _stored(cast.alices_shop)
    orders = found["orders"]
    assert (orders.rows, orders.since, orders.why) == (5, first, "For Sales and orders")
    assert orders.until == first + timedelta(days=FACTS_KEPT_DAYS + 1)
    assert found["token"].rows == 1
    assert found["token"].until is not None
    assert (found["stock"].rows, found["stock"].until) == (0, None)
    assert found["shop"].rows == 3  # the shop, Alice, Bob
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        for category in CATEGORIES:
            wanted = 0
            for source in category.sources:
                column = next(
                    descriptor.tenant_column
                    for descriptor in descriptors()
                    if descriptor.table == source.table
                )
                row = superuser.execute(
                    f"select count(*) from {source.table} where {column} = %s", [cast.alices_shop]
                ).fetchone()
                wanted += row[0] if row else 0
            assert found[category.key].rows == wanted, category.key
        row = superuser.execute(
            "select count(*) from audit_event where tenant_id = %s", [cast.alices_shop]
        ).fetchone()
    assert row is not None
    assert found["log"].rows == row[0]
    assert _stored(cast.charlies_shop)["orders"].rows == 0


def test_data_page_shows_every_category_and_export_is_owner_only(cast: Cast) -> None:
    connection = connect(cast.alices_shop, cast.alice.id, Region.NA)
    alice, bob = (
        _browser(person).get("/data/").content.decode() for person in (cast.alice.id, cast.bob.id)
    )
    for category in CATEGORIES:
        assert category.title in bob
    assert "Export everything" in alice
    assert f"/connections/{connection}/disconnection/" in alice
    assert "Export everything" not in bob
    assert _browser(cast.bob.id).post("/data/export/").status_code == 403


def _files(body: bytes) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {
            name: list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline="")))
            for name in archive.namelist()
            if name.endswith(".csv")
        }


def test_an_export_holds_all_facts_of_the_shop_and_nothing_of_another(
    cast: Cast, database: str
) -> None:
    for tenant, person, sku in (
        (cast.alices_shop, cast.alice.id, '=HYPERLINK("x"),"quoted"\nnew line é'),
        (cast.charlies_shop, cast.charlie.id, "CHARLIES"),
    ):
        connection = connect(tenant, person, Region.NA)
        put_product(tenant, connection, sku=sku)
        _orders(tenant, connection, [date(2026, 10, 1 + n) for n in range(20)], sku=sku)
    answer = after_step_up(_browser(cast.alice.id)).post("/data/export/")
    assert answer.status_code == 200
    assert answer["Content-Disposition"].startswith('attachment; filename="shop-data-')
    body = b"".join(typed("Iterable[bytes]", answer))
    files = _files(body)
    assert sorted(files) == sorted(f"{table}.csv" for table in exported_tables())
    assert set(exported_tables()) == {
        one.table
        for one in descriptors()
        if one.data_class in {DataClass.SELLER_FACTS, DataClass.SELLER_INPUT}
    }
    lines = files["ingest_order_line.csv"]
    assert len(lines) == 20
    assert {line["sku"] for line in lines} == {'\'=HYPERLINK("x"),"quoted"\nnew line é'}
    assert {line["item_price"] for line in lines} == {"-3.5000"}
    assert "tenant_id" not in lines[0]
    assert "CHARLIES" not in repr(files)
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        row = superuser.execute(
            "select count(*), min(actor) from audit_event where tenant_id = %s and tag ="
            " 'governance:held:exported'",
            [cast.alices_shop],
        ).fetchone()
    assert row == (1, cast.alice.actor)


def test_pages_of_an_export_lose_no_row_and_repeat_none(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(cast.alices_shop, cast.alice.id, Region.NA)
    _orders(cast.alices_shop, connection, [date(2026, 10, 1 + n % 7) for n in range(31)])
    for size in (1, 7, 31, 32):
        monkeypatch.setattr("theseller.privacy.data_inventory.shop_facts_export._PAGE", size)
        files = _files(b"".join(export(cast.alices_shop, deployment="http://testserver", at=NOON)))
        assert sorted(line["order_id"] for line in files["ingest_order_line.csv"]) == sorted(
            f"order-{n}" for n in range(31)
        )
