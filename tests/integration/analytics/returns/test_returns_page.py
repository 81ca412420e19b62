"""The page of returns through the web's role: one basis, sums, order, search, download, limits."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from tests.cast import Cast, Person, create_cast
from tests.integration.analytics.facts import DE, FR, Shop

from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.models import User
from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import Scope
from theseller.analytics.returns.queries import ReturnQuery, returned_products
from theseller.lib import clock
from theseller.lib.marketplaces import local_day, midnight
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import OtherMarketplaceError, limited_to


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=clock.now() - timedelta(days=100))


def _client(person: Person) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=person.id))
    return client


def _noon(back: int, store: str = DE) -> datetime:
    day = local_day(store, clock.now()) - timedelta(days=back)
    return midnight(store, day) + timedelta(hours=12)


def _csv(client: Client, query: str) -> list[dict[str, str]]:
    answer = client.get(f"/returns/?format=csv&{query}")
    assert answer.status_code == 200
    text = io.StringIO(answer.content.decode("utf-8-sig"), newline="")
    return list(csv.DictReader(text))


def _text(client: Client, query: str = "") -> str:
    page = client.get(f"/returns/?{query}").content.decode()
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def shop(cast: Cast) -> Shop:
    """Two products with returns from the sixth to the second day before today."""
    made = Shop(cast.alices_shop)
    made.product("Blue mug")
    made.returned(_noon(6), "CUSTOMER_DAMAGED", "DEFECTIVE")
    made.returned(_noon(3))
    made.returned(_noon(2), "", "DEFECTIVE", sku="CUP-1", fnsku="X2", asin="B000000002")
    made.returned(_noon(3, FR), store=FR)
    for _ in range(4):
        made.order(_noon(4))
    made.order(_noon(4), fulfilment="merchant")
    made.order(_noon(4), status="cancelled")
    made.order(_noon(20))  # A day of which no return is stored.
    made.money(_noon(3), "-35.50", ChargeType.REFUND_PRINCIPAL)
    made.money(_noon(20), "-99.00", ChargeType.REFUND_PRINCIPAL)
    made.roll_up()
    return made


def test_figures_are_of_the_same_products_stores_and_days(cast: Cast, shop: Shop) -> None:
    client = _client(cast.alice)
    mug, cup = _csv(client, "store=DE&period=28d")
    assert (mug["SKU"], mug["Product"], mug["ASIN"]) == ("MUG-1", "Blue mug", "B000000001")
    figures = ("Units sold", "Units returned", "Return rate", "Sellable", "Refunded", "Currency")
    assert [mug[name] for name in figures] == ["4", "2", "50", "50", "35.5", "EUR"]
    assert mug["Reasons"] == "DEFECTIVE 1; UNWANTED_ITEM 1"
    # Nothing was sold, no condition is stated and no money is posted: unknown, not zero.
    assert [cup[name] for name in figures] == ["0", "1", "", "", "", "EUR"]
    assert (mug["First day"], mug["Last day"]) == (
        str(_noon(6).date()),
        str(_noon(2).date()),
    )
    text = _text(client, "store=DE&period=28d")
    assert "returns of other days of this period are not stored" in text
    assert "€35.50" in text.replace("\u00a0", "")


def test_the_most_refunded_product_is_first_and_the_table_is_ordered_and_searched(
    cast: Cast, shop: Shop
) -> None:
    client = _client(cast.alice)
    assert [row["SKU"] for row in _csv(client, "store=DE")] == ["MUG-1", "CUP-1"]
    fewest = _csv(client, "store=DE&sort=returned&dir=asc")
    assert [row["SKU"] for row in fewest] == ["CUP-1", "MUG-1"]
    assert [row["SKU"] for row in _csv(client, "store=DE&q=blue")] == ["MUG-1"]
    assert "No product matches" in _text(client, "store=DE&q=teapot")
    late = _text(client, "store=DE&page=7")
    assert "Page not found" in late
    assert "No returns in this period" not in late
    both = _csv(client, "store=EUR")
    assert both[0]["Units returned"] == "3"


def test_an_empty_page_says_what_to_do(cast: Cast) -> None:
    client = _client(cast.alice)
    page = client.get("/returns/").content.decode()
    assert "No returns yet" in page
    assert 'href="/imports/"' in page
    made = Shop(cast.alices_shop)
    made.returned(_noon(60))
    assert "No returns in this period" in _text(client, "period=7d")


def test_members_see_returns_of_their_marketplaces_only(cast: Cast, shop: Shop) -> None:
    limit_member(
        person=cast.bob.id, marketplaces=[FR], tenant=shop.tenant, owner=cast.alice.id,
        at=clock.now(),
    )  # fmt: skip
    client = _client(cast.bob)
    assert "CUP-1" not in _text(client)
    assert "CUP-1" not in _text(client, "store=DE")
    day = local_day(DE, clock.now())
    with (
        limited_to(frozenset({FR})),
        tenant_scope(shop.tenant),
        pytest.raises(OtherMarketplaceError),
    ):
        returned_products(Scope((DE,), "EUR"), Span(day, day), ReturnQuery())
