"""The traffic page through the web's role: weighted figures, missing days, downloads, limits."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from tests.cast import Cast, Person, create_cast
from tests.integration.analytics.facts import DE, FR, Shop

from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.models import User
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import Scope
from theseller.analytics.traffic.queries import ProductQuery, traffic_days, traffic_products
from theseller.lib import clock
from theseller.lib.marketplaces import local_day
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import OtherMarketplaceError, limited_to


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=clock.now() - timedelta(days=100))


def _client(person: Person) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=person.id))
    return client


def _day(back: int, store: str = DE) -> date:
    return local_day(store, clock.now()) - timedelta(days=back)


def _csv(client: Client, query: str) -> list[dict[str, str]]:
    answer = client.get(f"/traffic/?format=csv&{query}")
    assert answer.status_code == 200
    text = io.StringIO(answer.content.decode("utf-8-sig"), newline="")
    return list(csv.DictReader(text))


def _text(client: Client, query: str = "") -> str:
    page = client.get(f"/traffic/?{query}").content.decode()
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def shop(cast: Cast) -> Shop:
    """Three days of Germany and one of France, with two products; day 4 has no data."""
    made = Shop(cast.alices_shop)
    made.product("Blue mug")
    for back, sessions, views, units, share in (
        (2, 10, 20, 30, "50"),  # more units than sessions
        (3, 90, 180, 3, "90"),
        (6, 0, 0, 0, None),  # Amazon says that no one came
    ):
        made.traffic(_day(back), sessions, views, units, share)
    made.traffic(_day(3), 60, 120, 2, "80", asin="B000000001")
    made.traffic(_day(3), 40, 60, 1, None, asin="B000000002")
    made.traffic(_day(2), 10, 20, 30, "50", asin="B000000001")
    made.traffic(_day(3, FR), 7, 7, 7, "100", store=FR)
    return made


def test_percentages_are_weighted_and_never_averaged(cast: Cast, shop: Shop) -> None:
    client = _client(cast.alice)
    days = {row["Day"]: row for row in _csv(client, "store=DE&period=7d")}
    assert len(days) == 7
    figures = ("Sessions", "Page views", "Units ordered", "Unit session percentage")
    assert [days[str(_day(2))][name] for name in figures] == ["10", "20", "30", "300"]
    assert [days[str(_day(3))][name] for name in figures] == ["90", "180", "3", "3.33"]
    # No one came, which Amazon stated; of day 4 nothing is stored.
    assert [days[str(_day(6))][name] for name in figures] == ["0", "0", "0", ""]
    assert [days[str(_day(4))][name] for name in figures] == ["", "", "", ""]
    text = _text(client, "store=DE&period=7d")
    # 33 units in 100 sessions, not the average of 300 % and 3.33 %.
    assert "33.00%" in text.replace("\u00a0", "").replace(" %", "%")
    # 10 of 20 and 162 of 180 page views, not the average of 50 % and 90 %.
    assert "86.00%" in text.replace("\u00a0", "").replace(" %", "%")


def test_products_are_summed_over_their_days(cast: Cast, shop: Shop) -> None:
    client = _client(cast.alice)
    rows = _csv(client, "store=DE&period=7d&rows=products")
    assert [(row["ASIN"], row["Product"], row["Sessions"]) for row in rows] == [
        ("B000000001", "Blue mug", "70"),
        ("B000000002", "", "40"),
    ]
    # 96 of 120 and 10 of 20 page views; of the other product Amazon stated no share.
    assert [row["Featured offer percentage"] for row in rows] == ["75.71", ""]
    assert rows[0]["Unit session percentage"] == "45.71"
    assert len(_csv(client, "store=DE&period=7d&rows=products&q=mug")) == 1
    reverse = _csv(client, "store=DE&period=7d&rows=products&sort=conversion&dir=asc")
    assert [row["ASIN"] for row in reverse] == ["B000000002", "B000000001"]


def test_missing_and_preliminary_days_are_said(cast: Cast, shop: Shop) -> None:
    text = _text(_client(cast.alice), "store=DE&period=7d")
    # The seven days before the current one: two, three and six days ago have data.
    assert "4 of 7 days lack data of a store" in text
    with tenant_scope(shop.tenant):
        found = traffic_days(Scope((DE,), "EUR"), Span(_day(7), _day(0)), clock.now())
    assert {back: found[_day(back)].preliminary for back in (2, 3, 6)} == {
        2: True,
        3: True,
        6: False,
    }
    both = _text(_client(cast.alice), "period=7d")
    assert "1 of 2 stores" in both


def test_products_are_of_the_days_that_have_reports_by_product(shop: Shop) -> None:
    with tenant_scope(shop.tenant):
        products = traffic_products(
            Scope((DE,), "EUR"), Span(_day(3), _day(3)), None, ProductQuery()
        )
    assert (products.count, products.days) == (2, 1)
    assert products.total.rated_views == 120
    assert products.total.featured_views == Decimal(96)


def test_a_limited_member_sees_the_traffic_of_their_marketplaces_only(
    cast: Cast, shop: Shop
) -> None:
    limit_member(
        person=cast.bob.id, marketplaces=[FR], tenant=shop.tenant, owner=cast.alice.id,
        at=clock.now(),
    )  # fmt: skip
    bob = _client(cast.bob)
    for query in ("", "store=DE", "store=EUR", "q=B000000001"):
        assert "Blue mug" not in _text(bob, query)
        assert "Amazon.de" not in _text(bob, query)
    with limited_to(frozenset({FR})), tenant_scope(shop.tenant):
        for scope in (Scope((DE,), "EUR"), Scope((DE, FR), "EUR")):
            with pytest.raises(OtherMarketplaceError):
                traffic_days(scope, Span(_day(3), _day(3)), clock.now())
            with pytest.raises(OtherMarketplaceError):
                traffic_products(scope, Span(_day(3), _day(3)), None, ProductQuery())


def test_shops_see_their_own_traffic_and_a_shop_without_any_reads_why(
    cast: Cast, shop: Shop
) -> None:
    text = _text(_client(cast.charlie))
    assert "No traffic data yet" in text
    assert "Import a report" in text
    assert "Blue mug" not in text
