"""What members see who are limited to some of the shop's marketplaces.

Whatever they request: pages, filters, downloads and addresses of others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from tests.cast import Cast, create_cast
from tests.integration.analytics.facts import DE, FR, UK, Shop

from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.models import User
from theseller.accounts.types import LIMITED_PERMISSIONS, PERMISSIONS, MemberRole, Permission
from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages import csv_rows, queries
from theseller.analytics.pages.order_queries import OrderQuery, order_page
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.product_queries import ProductQuery, product_page
from theseller.analytics.pages.reconciliation import reconcile
from theseller.analytics.pages.types import Scope
from theseller.connections.queries import all_connections
from theseller.ingest.sync.queries import freshness, progress
from theseller.lib import clock, sql_execution
from theseller.lib.marketplaces import local_day, midnight
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import OtherMarketplaceError, limited_to

#: Amounts of France, of the United Kingdom, and of the whole account; Germany's is MINE.
MINE, OTHERS = "1234.56", ("777.77", "555.55", "99.37")
DAY = local_day(DE, clock.now()) - timedelta(days=3)
PAGES = ("/", "/products/", f"/days/{DAY}/", "/orders/", "/profit-and-loss/")
#: Every way to widen what a page shows.
WIDER = (
    "",
    "?store=FR",
    "?store=UK",
    "?store=EUR",
    "?store=GBP",
    "?store=DE&store=FR",
    "?store=FR&format=csv",
    "?store=EUR&format=csv",
    "?format=csv",
    "?period=12m&compare=year",
    "?q=B0FRANCE01",
    "?q=FRENCH",
)


@pytest.fixture(scope="module")
def cast(database: str) -> Cast:
    """A shop with figures in three marketplaces; Bob is limited to Germany."""
    made = create_cast(at=clock.now() - timedelta(days=100))
    shop, noon = Shop(made.alices_shop), midnight(DE, DAY) + timedelta(hours=12)
    shop.order(noon, MINE)
    shop.order(noon, "777.77", store=FR, asin="B0FRANCE01")
    shop.order(noon, "1.00", store=FR, sku="FRENCH-1", asin="B0FRANCE02")
    shop.order(noon, "555.55", store=UK)
    shop.money(noon, "20.00")
    shop.money(noon, "-99.37", ChargeType.SUBSCRIPTION, store="", local_day=DAY)
    shop.roll_up()
    shop.cover(noon - timedelta(days=20), noon, (FR,))
    _limit(made, DE)
    return made


def _limit(cast: Cast, *marketplaces: str) -> None:
    limit_member(
        person=cast.bob.id,
        marketplaces=marketplaces,
        tenant=cast.alices_shop,
        owner=cast.alice.id,
        at=clock.now(),
    )


def _text(cast: Cast, address: str, *, owner: bool = False) -> str:
    client = Client()
    client.force_login(User.objects.get(pk=(cast.alice if owner else cast.bob).id))
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode().replace(",", "")


def test_an_owner_is_unlimited(cast: Cast) -> None:
    """The test's own check: what Bob must not see is there."""
    seen = "".join(_text(cast, f"/days/{DAY}/?store={one}", owner=True) for one in ("EUR", "UK"))
    assert all(amount in seen for amount in (MINE, *OTHERS))
    assert "FRENCH-1" in _text(cast, "/products/?store=FR", owner=True)


@pytest.mark.parametrize("page", PAGES)
def test_a_limited_member_sees_their_marketplaces_whatever_they_request(
    cast: Cast, page: str
) -> None:
    for wider in WIDER:
        text = _text(cast, page + wider)
        assert not [amount for amount in OTHERS if amount in text], page + wider
        assert "B0FRANCE02" not in text, page + wider
        assert "q=" in wider or "B0FRANCE01" not in text, page + wider
        assert "FRENCH-1" not in text, page + wider
        assert "Amazon.fr" not in text, page + wider
        assert "q=" in wider or MINE in text, page + wider


def test_settlements_and_months_are_of_the_visible_marketplaces(cast: Cast) -> None:
    month = f"month={DAY:%Y-%m}"
    assert MINE in _text(cast, f"/reconciliation/?store=DE&{month}")
    assert OTHERS[1] in _text(cast, f"/reconciliation/?store=UK&{month}", owner=True)
    for page in ("/settlements/", "/reconciliation/"):
        for wider in (*WIDER, f"?store=FR&{month}", f"?store=UK&{month}&format=csv"):
            text = _text(cast, page + wider)
            assert not [amount for amount in OTHERS if amount in text], page + wider
            assert "Amazon.fr" not in text, page + wider


def test_an_order_of_another_marketplace_is_not_found(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    found = shop.select(
        "select order_id, marketplace_id from ingest_order_line where local_day = %s", [DAY]
    )
    bob, alice = Client(), Client()
    bob.force_login(User.objects.get(pk=cast.bob.id))
    alice.force_login(User.objects.get(pk=cast.alice.id))
    for row in found:
        address = f"/orders/{row['order_id']}/"
        assert alice.get(address).status_code == 200
        seen = 200 if row["marketplace_id"] == DE else 404
        assert bob.get(address).status_code == seen
        assert bob.get(f"{address}?format=csv").status_code == seen
        # A whole number opens the order: one of another marketplace is not found.
        searched = bob.get(f"/orders/?q={row['order_id']}")
        assert searched.status_code == (302 if row["marketplace_id"] == DE else 200)
    mixed = next(row["order_id"] for row in found if row["marketplace_id"] == DE)
    shop.money(clock.now(), "55.55", store=FR, order_id=mixed)
    assert "55.55" in alice.get(f"/orders/{mixed}/").content.decode()
    text = bob.get(f"/orders/{mixed}/").content.decode()
    assert "55.55" not in text
    shop.run("delete from ingest_ledger_line where order_id = %s", [mixed])


def test_sums_are_of_the_visible_marketplaces_only(cast: Cast) -> None:
    span = Span(DAY, DAY)
    with limited_to(frozenset({DE, UK})), tenant_scope(cast.alices_shop):
        assert {one.marketplace_id for one in queries.stores()} == {DE, UK}
        total = queries.day_series(Scope((DE,), "EUR"), span, None).total
        assert (total.ordered_sales, total.net_proceeds) == (Decimal(MINE), Decimal(20))
        for scope in (Scope((DE, FR), "EUR"), Scope((FR,), "EUR"), Scope((DE, ""), "EUR")):
            for read in (
                lambda scope=scope: queries.day_series(scope, span, None),
                lambda scope=scope: product_page(scope, span, None, ProductQuery()),
                lambda scope=scope: order_page(scope, span, OrderQuery()),
                lambda scope=scope: reconcile(scope.marketplace_ids[-1], "EUR", span, clock.now()),
                lambda scope=scope: queries.ordered_so_far(scope, DAY, [clock.now()] * 2),
                lambda scope=scope: queries.day_entries(scope.marketplace_ids[-1], DAY, most=9),
                lambda scope=scope: queries.day_orders(scope.marketplace_ids[-1], DAY, most=9),
            ):
                with pytest.raises(OtherMarketplaceError):
                    read()


def test_an_answer_that_is_read_after_the_view_is_not_sent(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit ends with the view; what a streamed answer reads later would be without it."""
    monkeypatch.setattr(
        csv_rows, "days_csv", lambda *_arguments: StreamingHttpResponse(iter([b"days"]))
    )
    client = Client()
    client.force_login(User.objects.get(pk=cast.bob.id))
    with pytest.raises(RuntimeError, match="can't be streamed"):
        client.get("/?format=csv")
    client.force_login(User.objects.get(pk=cast.alice.id))
    assert client.get("/?format=csv").getvalue() == b"days"


def test_a_limit_takes_effect_at_the_next_request(cast: Cast) -> None:
    _limit(cast, UK)
    text = _text(cast, "/")
    assert "555.55" in text
    assert MINE not in text
    _limit(cast)
    assert "777.77" in _text(cast, f"/days/{DAY}/?store=FR")
    _limit(cast, DE)


def test_state_of_imports_is_of_the_visible_marketplaces(cast: Cast) -> None:
    with tenant_scope(cast.alices_shop):
        sql_execution.execute(
            connections["default"],
            "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
            " marketplace_ids, features, roles, created_at) values (%s, gen_random_uuid(), 'files',"
            " 'eu', '', %s, '{}', '{}', now())",
            [cast.alices_shop, [FR]],
        )
    for limit, seen in ((None, True), (frozenset({FR}), True), (frozenset({DE}), False)):
        with limited_to(limit), tenant_scope(cast.alices_shop):
            assert (freshness().orders_until is not None) is seen
            assert bool(all_connections()) is seen
            assert progress() == ()


def test_pages_about_the_whole_shop_are_refused_to_a_limited_member(cast: Cast) -> None:
    client = Client()
    client.force_login(User.objects.get(pk=cast.bob.id))
    for address in ("/imports/", "/connections/", "/data/", "/packing-slips/", "/members/"):
        assert client.get(address).status_code == 403, address
    menu = client.get("/").content.decode()
    assert 'href="/connections/"' not in menu
    assert 'href="/imports/"' not in menu


def test_a_limit_allows_no_more_than_reading_and_downloading_figures() -> None:
    assert set(LIMITED_PERMISSIONS) == {Permission.DASHBOARD_READ, Permission.DASHBOARD_EXPORT}
    assert PERMISSIONS[MemberRole.VIEWER] >= {Permission.DASHBOARD_READ}


def test_each_page_that_a_limited_member_may_open_was_reviewed() -> None:
    """A page that is added with such a permission must apply the limit, and is listed here then."""
    found = {
        view.__name__
        for view in _views(get_resolver())
        if getattr(view, "theseller_permission", None) in LIMITED_PERMISSIONS
    }
    # `start` shows the dashboard to people who are signed in.
    assert found == {
        "products",
        "costs",
        "cost_history",
        "day",
        "orders",
        "order",
        "expenses_page",
        "inventory_page",
        "settlements_list",
        "settlement",
        "reconciliation",
        "returns_page",
        "traffic_page",
        "profit_and_loss",
        "progress",
    }


def _views(resolver: URLResolver) -> list[Callable[..., Any]]:
    views: list[Callable[..., Any]] = []
    for one in resolver.url_patterns:
        views += [one.callback] if isinstance(one, URLPattern) else _views(one)
    return views
