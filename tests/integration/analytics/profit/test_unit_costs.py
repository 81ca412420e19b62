"""Unit costs on their pages: who may change them, what is refused, and what a file changes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import Error, connections
from django.http import HttpResponse
from django.test import Client
from tests.cast import PASSWORD, Cast, create_cast
from tests.database import test_server
from tests.integration.analytics.facts import DE, FR, UK, Shop

from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.models import User
from theseller.accounts.operations import add_member, create_user
from theseller.accounts.types import MemberRole
from theseller.analytics.pages.cost_queries import CostQuery, cost_page
from theseller.analytics.pages.types import Scope
from theseller.analytics.profit.operations import delete_cost, set_costs
from theseller.analytics.profit.types import (
    ALL_STORES,
    BEGINNING,
    CostChange,
    CostKey,
    CostRefusedError,
)
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import local_day, midnight
from theseller.lib.secret_type import Secret
from theseller.privacy.data_inventory.shop_facts_export import exported_tables
from theseller.tenancy.tenant_scope import tenant_scope

TODAY = local_day(DE, clock.now())
LIST, FILE, SET, REMOVAL = (
    "/products/costs/",
    "/products/costs/file/",
    "/products/costs/set/",
    "/products/costs/removal/",
)


@pytest.fixture
def cast() -> Cast:
    """A shop that sold MUG-1 in Germany and France, MUG-2 in Germany, and TEA in the UK."""
    made = create_cast(at=clock.now() - timedelta(days=100))
    shop = Shop(made.alices_shop)
    noon = midnight(DE, TODAY - timedelta(days=3)) + timedelta(hours=12)
    shop.order(noon, "75.00")
    shop.order(noon, "15.00", store=FR)
    shop.order(noon, "10.00", sku="MUG-2")
    shop.order(noon, "8.00", sku="TEA", store=UK)
    shop.roll_up()
    return made


def _client(person: UUID) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=person))
    return client


def _set(client: Client, sku: str, cost: str, **more: str) -> HttpResponse:
    answer = client.post(SET, {"sku": sku, "unit_cost": cost, "store": "EUR", **more})
    assert isinstance(answer, HttpResponse)
    return answer


def _costs(cast: Cast, sku: str = "MUG-1") -> list[tuple[str, str, date, Decimal]]:
    rows = _rows(
        "select marketplace_id, currency, valid_from, unit_cost from analytics_product_cost"
        " where tenant_id = %s and sku = %s order by 1, 2, 3",
        cast.alices_shop,
        sku,
    )
    return [(store, currency, day, cost) for store, currency, day, cost in rows]


_DATABASE: list[str] = []


@pytest.fixture(autouse=True)
def _database(database: str) -> None:
    _DATABASE[:] = [database]


def _rows(sql: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(test_server().superuser_dsn(_DATABASE[0])) as superuser:
        return superuser.execute(sql, values).fetchall()


def _events(cast: Cast) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (tag, actor, details)
        for tag, actor, details in _rows(
            "select tag, actor, details from audit_event where tenant_id = %s and tag like"
            " 'analytics:%%' order by at",
            cast.alices_shop,
        )
    ]


def test_a_cost_of_all_stores_of_one_store_and_from_a_day(cast: Cast) -> None:
    bob = _client(cast.bob.id)
    assert _set(bob, "MUG-1", "3,50")["Location"] == LIST
    _set(bob, "MUG-1", "4.25", store="DE")
    _set(bob, "MUG-1", "4.50", store="DE", valid_from="2026-11-01", page_of="product")
    assert _costs(cast) == [
        ("", "EUR", BEGINNING, Decimal("3.5")),
        (DE, "EUR", BEGINNING, Decimal("4.25")),
        (DE, "EUR", date(2026, 11, 1), Decimal("4.5")),
    ]
    page = bob.get(LIST).content.decode()
    assert "€3.50 to €4.50 by store" in re.sub(r"<[^>]+>", "", page)
    assert "2 products have no current cost" not in page
    history = bob.get(LIST + "product/?sku=MUG-1").content.decode()
    assert re.findall(r"€\d\.\d\d", history) == ["€4.50", "€4.25", "€3.50"]
    assert history.count("Bob") == 3
    answer = bob.post(REMOVAL, {"sku": "MUG-1", "marketplace": DE, "currency": "EUR", "valid_from": "2026-11-01"})  # fmt: skip
    assert answer.status_code == 302
    assert len(_costs(cast)) == 2
    assert _events(cast) == [
        *[("analytics:cost:changed", cast.bob.actor, {"periods": 1, "products": 1, "from_file": False})] * 3,
        ("analytics:cost:deleted", cast.bob.actor, {"periods": 1, "products": 1}),
    ]  # fmt: skip


def test_the_cost_of_a_day_is_that_of_its_store_else_that_of_all(cast: Cast) -> None:
    def current(store: str, today: date) -> Decimal | None:
        with tenant_scope(cast.alices_shop):
            rows = cost_page(Scope((store,), "EUR"), CostQuery(store, today)).rows
        return next(row.lowest for row in rows if row.sku == "MUG-1")

    days = [date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)]
    for store, day, cost in (
        (ALL_STORES, days[0], "1"),
        (ALL_STORES, days[2], "3"),
        (FR, days[1], "2"),
    ):
        _change(cast, CostChange(CostKey("MUG-1", store, "EUR", day), Decimal(cost)))
    before = [day - timedelta(days=1) for day in days]
    assert [current(DE, day) for day in (*before, *days)] == [None, 1, 1, 1, 1, 3]
    assert [current(FR, day) for day in (*before, *days)] == [None, 1, 2, 1, 2, 2]


def _change(cast: Cast, *changes: CostChange, from_file: bool = False) -> int:
    return set_costs(
        changes,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
        from_file=from_file,
    )


def test_the_share_of_sales_without_a_cost(cast: Cast) -> None:
    alice = _client(cast.alice.id)
    _set(alice, "MUG-1", "3.00", store="DE")
    page = re.sub(r"<[^>]+>|\s+", " ", alice.get(LIST).content.decode())
    page = re.sub(r" +", " ", page)
    assert "2 products have no current cost" in page  # MUG-1 has none in France
    assert "25.0% of the sales of the last 90 days are without a cost" in page
    missing = alice.get(LIST + "?missing=1&store=DE").content.decode()
    assert "MUG-2" in missing
    assert "MUG-1" not in missing
    assert "No product matches" in alice.get(LIST + "?q=nothing").content.decode()


@pytest.mark.parametrize(
    ("sku", "fields", "text"),
    [
        ("MUG-1", {"unit_cost": "1.234"}, "may be a thousand or a decimal"),
        ("MUG-1", {"unit_cost": "-1"}, "Enter an amount"),
        ("MUG-1", {"unit_cost": "$12.00"}, "“$12.00” is not in EUR"),
        ("MUG-1", {"unit_cost": ""}, "Enter an amount"),
        ("MUG-1", {"unit_cost": "1.00", "valid_from": "1999-01-01"}, "between 2000 and 2199"),
        ("MUG-1", {"unit_cost": "1.00", "valid_from": "soon"}, "Enter a day"),
    ],
)
def test_what_is_no_cost_is_refused_beside_its_field(
    cast: Cast, sku: str, fields: dict[str, str], text: str
) -> None:
    answer = _client(cast.alice.id).post(SET, {"sku": sku, **fields})
    assert answer.status_code == 422
    assert text in answer.content.decode()
    assert _costs(cast) == []


def test_other_currencies_stores_and_products_are_refused(cast: Cast) -> None:
    for key, text in (
        (CostKey("MUG-1", UK, "EUR", BEGINNING), "Amazon.co.uk has GBP"),
        (CostKey("MUG-1", "", "USD", BEGINNING), "No store of this shop has USD"),
        (CostKey("MUG-1", "ATVPDKIKX0DER", "USD", BEGINNING), "no figures in Amazon.com"),
        (CostKey("MUG-9", "", "EUR", BEGINNING), "no product with the SKU “MUG-9”"),
    ):
        with pytest.raises(CostRefusedError, match=text):
            _change(
                cast,
                CostChange(CostKey("MUG-2", "", "EUR", BEGINNING), Decimal(1)),
                CostChange(key, Decimal(1)),
            )
    with pytest.raises(CostRefusedError, match="already deleted"):
        delete_cost(
            CostKey("MUG-1", "", "EUR", BEGINNING),
            tenant=cast.alices_shop,
            actor=cast.alice.actor,
            at=clock.now(),
        )
    assert _costs(cast, "MUG-2") == []
    assert _events(cast) == []


def _upload(client: Client, text: str, store: str = "EUR") -> HttpResponse:
    file = SimpleUploadedFile("costs.csv", text.encode(), "text/csv")
    answer = client.post(FILE, {"file": file, "store": store})
    assert isinstance(answer, HttpResponse)
    return answer


def _confirmed(page: HttpResponse) -> dict[str, str]:
    found = re.search(r'name="changes" value="([^"]+)"', page.content.decode())
    assert found is not None
    return {"changes": found[1], "store": "EUR"}


def test_a_downloaded_file_is_filled_in_checked_and_stored(cast: Cast) -> None:
    alice = _client(cast.alice.id)
    _set(alice, "MUG-1", "1.234,5")
    answer = alice.get(LIST + "?format=csv")
    assert 'filename="theseller-costs-EUR-' in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [(row["SKU"], row["Marketplace"], row["Currency"], row["Unit cost"]) for row in rows] == [
        ("MUG-1", "All", "EUR", "1234.50"),
        ("MUG-2", "All", "EUR", ""),
    ]  # fmt: skip
    assert _upload(alice, answer.content.decode()).content.decode().count("The file changes nothing") == 1  # fmt: skip
    filled = answer.content.decode().replace("MUG-2,,All,EUR,,", "MUG-2,,All,EUR,,0.99").replace("1234.50", "3.00")  # fmt: skip
    page = _upload(alice, filled)
    text = page.content.decode()
    assert "New costs: 1. Changed costs: 1. Unchanged: 0." in re.sub(r"\s+", " ", text)
    assert _costs(cast, "MUG-2") == []
    assert alice.post(FILE, _confirmed(page)).status_code == 302
    assert _costs(cast) + _costs(cast, "MUG-2") == [
        ("", "EUR", BEGINNING, Decimal(3)),
        ("", "EUR", BEGINNING, Decimal("0.99")),
    ]
    assert _events(cast)[-1] == (
        "analytics:cost:changed",
        cast.alice.actor,
        {"periods": 2, "products": 2, "from_file": True},
    )


def test_a_file_with_an_error_or_of_another_state_changes_nothing(cast: Cast) -> None:
    alice = _client(cast.alice.id)
    bad = _upload(alice, "SKU,Unit cost\nMUG-1,1.00\nMUG-8,2.00\n")
    assert bad.status_code == 422
    assert "Line 3: There is no product with the SKU “MUG-8”" in bad.content.decode()
    assert 'name="changes"' not in bad.content.decode()
    page = _upload(alice, "SKU,Unit cost\nMUG-1,1.00\nMUG-2,2.00\n")
    _set(alice, "MUG-2", "5.00")
    late = alice.post(FILE, _confirmed(page))
    assert late.status_code == 422
    assert "changed since you checked the file" in late.content.decode()
    assert _costs(cast) == []
    assert _costs(cast, "MUG-2") == [("", "EUR", BEGINNING, Decimal(5))]
    assert alice.post(FILE, {"changes": "x", "store": "EUR"}).status_code == 422
    assert alice.post(FILE, {"store": "EUR"}).status_code == 422


def test_a_page_number_of_thousands_of_digits_is_no_error(cast: Cast) -> None:
    alice = _client(cast.alice.id)
    for path in (LIST, "/products/", "/traffic/", "/inventory/"):
        assert alice.get(f"{path}?page={'9' * 5000}").status_code == 200, path
    answer = alice.post(SET, {"sku": "MUG-1", "unit_cost": "1.00", "page": "9" * 5000})
    assert answer["Location"] == LIST


def test_numbers_are_written_as_the_language_of_the_page_does(cast: Cast) -> None:
    alice = Client(headers={"accept-language": "de"})
    alice.force_login(User.objects.get(pk=cast.alice.id))
    page = alice.get(FILE).content.decode()
    assert "5.000 Zeilen" in page
    shop = Shop(cast.alices_shop)
    shop.run(
        "insert into ingest_product (tenant_id, connection_id, marketplace_id, sku, asin, title,"
        " updated_at) select %s, %s, %s, 'S-' || n, 'B000000001', '', now()"
        " from generate_series(1, 1200) n",
        [shop.tenant, shop.connection, DE],
    )
    assert "1–50 von 1.202" in re.sub(r"<[^>]+>", "", alice.get(LIST).content.decode())


def test_changes_and_deletions_wait_for_each_other(cast: Cast) -> None:
    """Else a cost that a person saw could be deleted between the check and the write of a file."""
    key = CostKey("MUG-1", "", "EUR", BEGINNING)
    who: dict[str, Any] = {
        "tenant": cast.alices_shop, "actor": cast.alice.actor, "at": clock.now(),
    }  # fmt: skip
    _change(cast, CostChange(key, Decimal(1)))
    lock = "select pg_advisory_xact_lock(hashtextextended('costs:' || %s, 11))"
    for act in (
        lambda: delete_cost(key, **who),
        lambda: set_costs([CostChange(key, Decimal(2))], **who),
    ):
        with psycopg.connect(test_server().superuser_dsn(_DATABASE[0])) as other:
            other.execute(lock, [str(cast.alices_shop)])
            with connections["default"].cursor() as cursor:
                cursor.execute("set lock_timeout = '300ms'")
            with pytest.raises(Error, match="lock timeout"):
                act()
            connections["default"].close()
    assert len(_costs(cast)) == 1


@contextmanager
def _limited(cast: Cast, *marketplaces: str) -> Iterator[Client]:
    limit_member(
        person=cast.bob.id,
        marketplaces=marketplaces,
        tenant=cast.alices_shop,
        owner=cast.alice.id,
        at=clock.now(),
    )
    yield _client(cast.bob.id)


def test_who_reads_and_who_changes_costs(cast: Cast) -> None:
    accountant = create_user(
        email=f"anna.{new_id().hex[-12:]}@example.com",
        name="Anna",
        password=Secret(PASSWORD),
        at=clock.now(),
    )
    add_member(
        person=accountant,
        role=MemberRole.ACCOUNTANT,
        tenant=cast.alices_shop,
        actor="process:test",
        at=clock.now(),
    )
    _set(_client(cast.alice.id), "MUG-1", "3.00")
    _set(_client(cast.alice.id), "TEA", "7.77", store="UK")
    reader = _client(accountant)
    page = reader.get(LIST).content.decode()
    assert "€3.00" in page
    assert SET not in page
    assert FILE not in page
    assert reader.get(LIST + "?format=csv").status_code == 200
    assert REMOVAL not in reader.get(LIST + "product/?sku=MUG-1").content.decode()
    period = {"sku": "MUG-1", "currency": "EUR", "valid_from": "2000-01-01"}
    refused = (
        _set(reader, "MUG-1", "9.00"),
        reader.post(REMOVAL, period),
        reader.get(FILE),
        _upload(reader, "SKU,Unit cost\nMUG-1,9\n"),
    )
    assert [answer.status_code for answer in refused] == [403] * 4
    charlie = _client(cast.charlie.id)
    assert "MUG-1" not in charlie.get(LIST).content.decode()
    assert charlie.get(LIST + "product/?sku=MUG-1").status_code == 404
    assert charlie.post(REMOVAL, period).status_code == 404
    assert len(_costs(cast)) == 1


def test_a_limited_member_reads_costs_of_their_marketplaces_and_changes_none(cast: Cast) -> None:
    alice = _client(cast.alice.id)
    _set(alice, "MUG-1", "3.00")
    _set(alice, "MUG-1", "6.66", store="FR")
    _set(alice, "TEA", "7.77", store="UK")
    # The only store of its currency: it is the cost of all of them.
    assert _costs(cast, "TEA") == [("", "GBP", BEGINNING, Decimal("7.77"))]
    with _limited(cast, DE) as bob:
        seen = "".join(
            bob.get(LIST + part).content.decode()
            for part in ("", "?store=FR", "?store=UK", "?format=csv", "product/?sku=MUG-1")
        )
        assert "3.00" in seen
        assert not [other for other in ("6.66", "7.77", "TEA", "Amazon.fr") if other in seen]
        assert bob.get(LIST + "product/?sku=TEA").status_code == 404
        assert _set(bob, "MUG-1", "9.00", store="DE").status_code == 403
        assert bob.get(FILE).status_code == 403
    assert [cost for *_, cost in _costs(cast)] == [Decimal(3), Decimal("6.66")]


def test_costs_stay_when_the_facts_are_deleted_and_are_in_the_export(cast: Cast) -> None:
    assert "analytics_product_cost" in exported_tables()
    _set(_client(cast.alice.id), "MUG-1", "3.00")
    shop = Shop(cast.alices_shop)
    for table in ("ingest_order_line", "analytics_day", "analytics_day_product"):
        shop.run(f"delete from {table} where tenant_id = %s", [shop.tenant])
    assert len(_costs(cast)) == 1
    assert "No products yet" in _client(cast.alice.id).get(LIST).content.decode()
