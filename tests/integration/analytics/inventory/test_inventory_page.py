"""The inventory page through the web's role: figures, settings, downloads, limits."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date, datetime, timedelta

import psycopg
import pytest
from django.test import Client
from tests.cast import Cast, Person, create_cast
from tests.database import test_server
from tests.integration.analytics.facts import DE, FR, US, Shop

from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.members.operations import change_role
from theseller.accounts.models import User
from theseller.accounts.types import MemberRole
from theseller.analytics.inventory.operations import set_replenishment
from theseller.analytics.inventory.queries import inventory, replenishments
from theseller.analytics.inventory.types import Replenishment
from theseller.analytics.inventory.views import REPLENISHMENT_RATES
from theseller.edge.rate_limits import Rate, by_account
from theseller.lib import clock
from theseller.lib.marketplaces import local_day, midnight
from theseller.privacy.data_inventory.shop_facts_export import exported_tables
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import OtherMarketplaceError, limited_to

DEFAULT = {"sku": "", "lead_time_days": "30", "safety_days": "7", "target_cover_days": "60"}


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=clock.now() - timedelta(days=100))


def _client(person: Person) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=person.id))
    return client


def _day(back: int, store: str = DE) -> date:
    return local_day(store, clock.now()) - timedelta(days=back)


def _noon(back: int, store: str = DE) -> datetime:
    return midnight(store, _day(back, store)) + timedelta(hours=12)


def _covered(shop: Shop, days: int, store: str = DE) -> None:
    shop.cover(midnight(store, _day(days, store)), clock.now(), (store,))


def _rows(client: Client, query: str = "") -> dict[tuple[str, str], dict[str, str]]:
    answer = client.get(f"/inventory/?format=csv&{query}")
    assert answer.status_code == 200
    text = io.StringIO(answer.content.decode("utf-8-sig"), newline="")
    return {(row["Store"], row["SKU"]): row for row in csv.DictReader(text)}


def _text(client: Client, query: str = "") -> str:
    page = client.get(f"/inventory/?{query}").content.decode()
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def shop(cast: Cast) -> Shop:
    """A mug that sells twice a day in Germany, a hat that does not sell, and a mug in France."""
    made = Shop(cast.alices_shop)
    _covered(made, 95)
    _covered(made, 10, FR)
    made.product("Blue mug")
    made.stock(20, inbound=10, reserved=3, unfulfillable=2, total=36, as_of=clock.now())
    made.stock(5, sku="HAT-1", asin="B000000002", as_of=clock.now())
    made.stock(100, store=FR, as_of=clock.now())
    for back in range(1, 8):
        made.order(_noon(back), "40.00", quantity=2)
    made.order(_noon(0), "99.00", quantity=99)  # today is not over
    made.order(_noon(20), "40.00", quantity=6)
    made.order(_noon(20), "0.00", quantity=50, status="cancelled")
    made.order(_noon(60), "40.00", quantity=160)
    made.order(_noon(91), "40.00", quantity=999)
    made.order(_noon(5, FR), "10.00", store=FR, quantity=5)
    made.order(_noon(20, FR), "10.00", store=FR, quantity=500)  # a day whose orders are not stored
    made.roll_up()
    return made


def test_the_figures_of_each_row_are_those_counted_by_hand(cast: Cast, shop: Shop) -> None:
    client = _client(cast.alice)
    set_replenishment(
        sku="", inputs=Replenishment(30, 7, 60), tenant=shop.tenant, actor="user:x", at=clock.now()
    )
    rows = _rows(client)
    assert set(rows) == {("Amazon.de", "MUG-1"), ("Amazon.de", "HAT-1"), ("Amazon.fr", "MUG-1")}
    mug = rows["Amazon.de", "MUG-1"]
    names = ("Fulfillable", "Inbound", "Reserved", "Unfulfillable", "Total", "Product", "ASIN")
    assert [mug[name] for name in names] == ["20", "10", "3", "2", "36", "Blue mug", "B000000001"]
    # 14 in 7 days, 20 in 30, 180 in 90: two a day is the highest average, and 20 units last 10 days.
    averages = [mug[f"Units a day, {days} days"] for days in (7, 30, 90)]
    assert averages == ["2", "0.6667", "2"]
    assert (mug["Days of cover"], mug["Status"]) == ("10", "At risk")
    # 30 units with the inbound ones last 15 days; lead time and safety are 37.
    assert (mug["Order by"], mug["Days late"]) == (str(_day(22)), "22")
    assert mug["Quantity to order"] == str(2 * 97 - 30)
    hat = rows["Amazon.de", "HAT-1"]
    assert (hat["Days of cover"], hat["Status"], hat["Order by"]) == ("", "No sales", "")
    # Of France ten days are stored: 5 units in 7 of them, 5 in 10.
    france = rows["Amazon.fr", "MUG-1"]
    averages = [france[f"Units a day, {days} days"] for days in (7, 30, 90)]
    assert averages == ["0.7143", "0.5", "0.5"]
    assert (france["Days of cover"], france["Status"]) == ("140", "Healthy")
    text = _text(client)
    assert "late by 22 days" in text
    assert "Amazon.fr: orders of 10 of the last 90 days are stored" in text
    assert "Amazon.de: orders of" not in text


def test_rows_are_found_filtered_and_ordered(cast: Cast, shop: Shop) -> None:
    client = _client(cast.alice)
    assert [sku for _, sku in _rows(client)] == ["MUG-1", "MUG-1", "HAT-1"]
    assert [store for store, _ in _rows(client, "sort=cover&dir=desc")] == [
        "Amazon.fr", "Amazon.de", "Amazon.de",
    ]  # fmt: skip
    assert set(_rows(client, "store=FR")) == {("Amazon.fr", "MUG-1")}
    assert set(_rows(client, "band=no-sales")) == {("Amazon.de", "HAT-1")}
    assert set(_rows(client, "q=blue")) == {("Amazon.de", "MUG-1")}
    assert set(_rows(client, "q=b000000002&store=XX&band=x&sort=x&page=x")) == {
        ("Amazon.de", "HAT-1")
    }
    assert "No product matches" in _text(client, "q=nothing")
    assert "Page" not in _text(client, "page=99")


def test_owner_and_analyst_enter_what_others_only_read(cast: Cast, shop: Shop) -> None:
    alice, bob = _client(cast.alice), _client(cast.bob)
    assert alice.post("/inventory/replenishment/?store=DE", DEFAULT)["Location"] == (
        "/inventory/?store=DE"
    )
    assert bob.post("/inventory/replenishment/", {"sku": "MUG-1", "carton_size": "24"}).status_code
    with tenant_scope(shop.tenant):
        assert replenishments() == {
            "": Replenishment(30, 7, 60),
            "MUG-1": Replenishment(carton_size=24),
        }
    assert _rows(alice)["Amazon.de", "MUG-1"]["Quantity to order"] == "168"
    assert 'value="24"' in alice.get("/inventory/?edit=MUG-1").content.decode()
    # Blank fields: the default applies again.
    bob.post("/inventory/replenishment/", {"sku": "MUG-1"})
    with tenant_scope(shop.tenant):
        assert set(replenishments()) == {""}
    for role in (MemberRole.ACCOUNTANT, MemberRole.VIEWER):
        change_role(
            person=cast.bob.id, role=role, tenant=shop.tenant, actor=cast.alice.actor,
            at=clock.now(), owner=cast.alice.id,
        )  # fmt: skip
        bob = _client(cast.bob)
        assert bob.post("/inventory/replenishment/", DEFAULT).status_code == 403
        assert "lead time 30 days" in _text(bob)
        assert "Edit" not in _text(bob, "edit=MUG-1")
    assert bob.get("/inventory/?format=csv").status_code == 403


@pytest.mark.parametrize(
    ("entered", "message"),
    [
        ({"sku": "MUG-1", "lead_time_days": "731"}, "less than or equal to 730"),
        ({"sku": "MUG-1", "carton_size": "0"}, "greater than or equal to 1"),
        ({"sku": "MUG-1", "carton_size": "many"}, "whole number"),
        ({"sku": "", "lead_time_days": "3"}, "required"),
    ],
)
def test_what_is_no_valid_entry_is_shown_again_and_not_stored(
    cast: Cast, shop: Shop, entered: dict[str, str], message: str
) -> None:
    answer = _client(cast.alice).post("/inventory/replenishment/?q=mug", entered)
    assert answer.status_code == 422
    assert message in html.unescape(answer.content.decode())
    assert 'value="mug"' in answer.content.decode()
    with tenant_scope(shop.tenant):
        assert replenishments() == {}
    with pytest.raises(ValueError, match="lead_time_days"):
        set_replenishment(
            sku="", inputs=Replenishment(-1), tenant=shop.tenant, actor="user:x", at=clock.now()
        )


def test_entries_are_limited_in_their_rate(
    cast: Cast, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REPLENISHMENT_RATES, by_account, Rate.per_minute(1, burst=1))
    client = _client(cast.alice)
    answers = [client.post("/inventory/replenishment/", DEFAULT).status_code for _ in range(2)]
    assert answers == [302, 429]


def test_a_product_that_the_shop_does_not_have_is_not_found(cast: Cast, shop: Shop) -> None:
    Shop(cast.charlies_shop).stock(1, sku="CHARLIES-1")
    client = _client(cast.alice)
    for sku in ("CHARLIES-1", "NO-SUCH"):
        entered = {"sku": sku, "carton_size": "6"}
        assert client.post("/inventory/replenishment/", entered).status_code == 404
    assert "CHARLIES-1" not in _text(client)
    assert set(_rows(_client(cast.charlie))) == {("Amazon.de", "CHARLIES-1")}


def test_each_change_is_in_the_audit_log_without_names_of_products(
    cast: Cast, shop: Shop, database: str
) -> None:
    client = _client(cast.alice)
    for entered in (DEFAULT, DEFAULT, {"sku": "MUG-1", "carton_size": "24"}):
        client.post("/inventory/replenishment/", entered)
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        events = superuser.execute(
            "select actor, details::text from audit_event where tag ="
            " 'analytics:replenishment:changed' and tenant_id = %s order by at",
            [shop.tenant],
        ).fetchall()
    assert events == [
        (cast.alice.actor, '{"what": "default"}'),
        (cast.alice.actor, '{"what": "product"}'),
    ]


def test_a_limited_member_sees_the_stock_of_their_marketplaces_only(cast: Cast, shop: Shop) -> None:
    limit_member(
        person=cast.bob.id, marketplaces=[FR], tenant=shop.tenant, owner=cast.alice.id,
        at=clock.now(),
    )  # fmt: skip
    bob = _client(cast.bob)
    for query in ("", "store=DE", "q=hat", "edit=HAT-1"):
        assert "HAT-1" not in _text(bob, query), query
        assert "Amazon.de" not in _text(bob, query), query
    assert set(_rows(bob, "store=DE")) == {("Amazon.fr", "MUG-1")}
    assert bob.post("/inventory/replenishment/", DEFAULT).status_code == 403
    with (
        limited_to(frozenset({FR})),
        tenant_scope(shop.tenant),
        pytest.raises(OtherMarketplaceError),
    ):
        inventory([DE], clock.now())


def test_a_shop_without_stock_reads_why(cast: Cast) -> None:
    text = _text(_client(cast.alice))
    assert "Stock is not fetched" in text
    assert "Choose what to connect" in text
    assert "Choose what to connect" not in _text(_client(cast.bob))


def test_days_are_those_of_each_store(cast: Cast) -> None:
    """An order of the evening in the west is of a day that is over later than in Europe."""
    shop = Shop(cast.alices_shop)
    _covered(shop, 10, US)
    shop.stock(10, store=US)
    shop.order(midnight(US, _day(0, US)) - timedelta(minutes=1), "10.00", store=US, quantity=3)
    shop.order(midnight(US, _day(0, US)), "10.00", store=US, quantity=7)
    shop.roll_up()
    [row] = _rows(_client(cast.alice)).values()
    assert row["Units a day, 7 days"] == "0.4286"


def test_the_export_of_a_shop_has_what_its_people_entered() -> None:
    assert "analytics_replenishment" in exported_tables()
