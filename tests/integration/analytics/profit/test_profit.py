"""Profit: net proceeds less the cost of the units whose sale was posted; unknown, never zero."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from tests.cast import Cast, create_cast
from tests.integration.analytics.facts import DE, FR, Shop

from theseller.accounts.models import User
from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.product_queries import ProductQuery, Sort, product_page
from theseller.analytics.pages.queries import day_series
from theseller.analytics.pages.types import Scope
from theseller.analytics.profit.operations import set_costs
from theseller.analytics.profit.types import BEGINNING, CostChange, CostKey
from theseller.analytics.rollups.recompute import mark_days_without_units
from theseller.analytics.rollups.rollup_recount_check import differences
from theseller.analytics.rollups.types import Figures
from theseller.lib import clock
from theseller.lib.marketplaces import local_day, midnight
from theseller.tenancy.tenant_scope import tenant_scope

TODAY = local_day(DE, clock.now())
SPAN = Span(TODAY - timedelta(days=28), TODAY - timedelta(days=1))
EUR = Scope((DE, FR), "EUR")


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=clock.now() - timedelta(days=100))


def _noon(back: int) -> datetime:
    return midnight(DE, TODAY - timedelta(days=back)) + timedelta(hours=12)


def _cost(cast: Cast, sku: str, cost: str, *, back: int | None = None, store: str = "") -> None:
    day = BEGINNING if back is None else TODAY - timedelta(days=back)
    set_costs(
        [CostChange(CostKey(sku, store, "EUR", day), Decimal(cost))],
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )


def _total(cast: Cast) -> Figures:
    with tenant_scope(cast.alices_shop):
        return day_series(EUR, SPAN, None).total


def _sell(shop: Shop, back: int, amount: str, units: int | None, sku: str, order: str, **more: str) -> None:  # fmt: skip
    shop.money(
        _noon(back), amount, ChargeType.PRINCIPAL, quantity=units, sku=sku, order_id=order, **more
    )


@pytest.fixture
def shop(cast: Cast) -> Shop:
    """MUG-1 sold 2 and 3 units, MUG-2 one; a fee, a refund, and a subscription."""
    made = Shop(cast.alices_shop)
    _sell(made, 10, "20.00", 2, "MUG-1", "o-1")
    _sell(made, 5, "30.00", 3, "MUG-1", "o-2")
    _sell(made, 5, "10.00", 1, "MUG-2", "o-3", store=FR)
    made.money(_noon(5), "-4.00", ChargeType.REFERRAL, sku="MUG-1", quantity=None)
    made.money(_noon(4), "-10.00", ChargeType.REFUND_PRINCIPAL, sku="MUG-1", quantity=1)
    made.money(_noon(4), "-5.00", ChargeType.SUBSCRIPTION, sku=None)
    made.cover(_noon(60), clock.now(), (DE, FR))
    made.roll_up()
    return made


def test_without_any_cost_there_is_no_profit(cast: Cast, shop: Shop) -> None:
    total = _total(cast)
    assert (total.net_proceeds, total.profit) == (Decimal(41), None)
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/").content.decode()))
    assert "no costs entered" in page
    assert "Profit is not known; 2 products without a cost: enter costs" in page
    products = re.sub(r"<[^>]+>", "", client.get("/products/").content.decode())
    assert "The profit of 2 products is not known" in products


def test_profit_is_net_proceeds_less_the_cost_valid_on_each_day(cast: Cast, shop: Shop) -> None:
    _cost(cast, "MUG-1", "3.50")
    _cost(cast, "MUG-1", "4.00", back=5)
    _cost(cast, "MUG-2", "1.25", store=FR)
    total = _total(cast)
    # The cost of the refunded unit is not given back.
    assert total.cost_of_goods == 2 * Decimal("3.50") + 3 * Decimal(4) + Decimal("1.25")
    assert total.profit == Decimal(41) - Decimal("20.25")
    assert (total.costed_share, total.uncosted_sales) == (Decimal(1), Decimal(0))
    assert total.profit_margin == total.profit / 60
    assert total.roi == total.profit / Decimal("20.25")
    with tenant_scope(cast.alices_shop):
        page = product_page(EUR, SPAN, None, ProductQuery(sort=Sort.PROFIT))
        figures = day_series(EUR, SPAN, None).by_day
    assert [(one.sku, one.posted_units, one.profit) for one in page.rows] == [
        ("MUG-1", 5, Decimal(36) - Decimal(19)),
        ("MUG-2", 1, Decimal("8.75")),
    ]
    assert (page.profit, page.cost_of_goods) == (Decimal("25.75"), Decimal("20.25"))
    assert sum(one.profit or 0 for one in figures.values()) == total.profit


def test_a_product_without_a_cost_is_left_out_and_named(cast: Cast, shop: Shop) -> None:
    _cost(cast, "MUG-1", "3.50")
    total = _total(cast)
    assert total.profit == Decimal(41) - 10 - 5 * Decimal("3.50")
    assert total.costed_share == Decimal(50) / 60
    with tenant_scope(cast.alices_shop):
        page = product_page(EUR, SPAN, None, ProductQuery())
    assert {one.sku: one.profit for one in page.rows} == {
        "MUG-1": Decimal("18.50"),
        "MUG-2": None,
    }
    assert page.without_cost == 1
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/").content.decode()))
    assert "Profit of 83% of sales; 1 product without a cost: enter costs" in text
    assert "of 83% of sales" in text
    assert "€13.50" in text
    assert "\u2212€17.50" in text
    days = client.get("/?format=csv").content.decode("utf-8-sig")
    rows = {row["day"]: row for row in csv.DictReader(io.StringIO(days, newline=""))}
    row = rows[str(TODAY - timedelta(days=5))]
    assert (row["Cost of goods"], row["Profit"], row["Sales without a cost"]) == ("10.5", "15.5", "10")  # fmt: skip
    file = client.get("/products/?format=csv").content.decode("utf-8-sig")
    found = {row["sku"]: row for row in csv.DictReader(io.StringIO(file, newline=""))}
    assert [found[sku]["Profit"] for sku in ("MUG-1", "MUG-2")] == ["18.5", ""]


def test_a_cost_that_begins_after_a_sale_leaves_the_profit_of_the_product_unknown(
    cast: Cast, shop: Shop
) -> None:
    _cost(cast, "MUG-1", "3.50", back=9)
    with tenant_scope(cast.alices_shop):
        page = product_page(EUR, SPAN, None, ProductQuery())
    assert [one.profit for one in page.rows if one.sku == "MUG-1"] == [None]
    assert _total(cast).uncosted_sales == Decimal(30)


def test_refunds_and_fees_of_a_product_without_a_cost_are_left_out_with_its_sales(
    cast: Cast, shop: Shop
) -> None:
    _cost(cast, "MUG-1", "3.50")
    before = _total(cast)
    shop.money(_noon(3), "-10.00", ChargeType.REFUND_PRINCIPAL, sku="MUG-2", store=FR)
    shop.money(_noon(2), "-1.50", ChargeType.REFERRAL, sku="MUG-2", store=FR)
    shop.roll_up()
    total = _total(cast)
    assert total.net_proceeds == before.net_proceeds - Decimal("11.50")
    assert total.profit == before.profit
    with tenant_scope(cast.alices_shop):
        days = day_series(EUR, SPAN, None).by_day
        refunded = product_page(EUR, Span(SPAN.last - timedelta(days=2), SPAN.last), None, ProductQuery())  # fmt: skip
    # A day on which nothing else was posted has no profit; one of zero would be wrong.
    assert [days[TODAY - timedelta(days=back)].profit for back in (3, 2)] == [None, None]
    assert [(one.sku, one.profit) for one in refunded.rows] == [("MUG-2", None)]
    assert refunded.without_cost == 1


def test_a_refund_of_a_product_with_a_cost_is_in_profit_on_a_day_without_sales(
    cast: Cast, shop: Shop
) -> None:
    _cost(cast, "MUG-1", "3.50")
    with tenant_scope(cast.alices_shop):
        figures = day_series(EUR, SPAN, None).by_day[TODAY - timedelta(days=4)]
    assert (figures.profit, figures.uncosted_lines) == (Decimal(-15), 0)


def test_only_refunds_without_a_cost_are_named(cast: Cast, shop: Shop) -> None:
    _cost(cast, "MUG-1", "3.50")
    shop.money(_noon(4), "-10.00", ChargeType.REFUND_PRINCIPAL, sku="MUG-2", store=FR)
    shop.roll_up()
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    day = TODAY - timedelta(days=4)
    page = client.get(f"/?period=custom&from={day}&to={day}").content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "Profit is without the fees and refunds of 1 product without a cost: enter costs" in text
    assert "without products that have no cost" in text


def test_units_that_amazon_does_not_state_leave_the_cost_unknown(cast: Cast, shop: Shop) -> None:
    _cost(cast, "MUG-1", "3.50")
    _sell(shop, 5, "30.00", None, "MUG-1", "o-9")
    _sell(shop, 5, "30.00", None, "MUG-1", "o-10")
    _sell(shop, 5, "30.00", None, "MUG-1", "o-11")
    shop.roll_up()
    assert _total(cast).costed_sales == Decimal(20)


def test_one_sale_without_a_quantity_leaves_the_cost_of_its_day_unknown(
    cast: Cast, shop: Shop
) -> None:
    _cost(cast, "MUG-1", "3.50")
    _sell(shop, 5, "30.00", None, "MUG-1", "o-9")
    # A second line of an item with a quantity: its units are counted once.
    _sell(shop, 10, "1.00", None, "MUG-1", "o-1", source_key="one", source_line="1")
    _sell(shop, 10, "20.00", 2, "MUG-1", "o-1", source_key="one", source_line="2")
    shop.roll_up()
    total = _total(cast)
    assert (total.costed_sales, total.uncosted_sales) == (Decimal(41), Decimal(70))
    assert total.cost_of_goods == 4 * Decimal("3.50")
    with tenant_scope(cast.alices_shop):
        page = product_page(EUR, SPAN, None, ProductQuery())
    assert {one.sku: one.posted_units for one in page.rows} == {"MUG-1": None, "MUG-2": 1}
    assert differences(cast.alices_shop, days=99, seed=1, using="worker")[0] == ()
    # They stay unknown: computing them each night again would change nothing.
    assert mark_days_without_units(tenant=cast.alices_shop, at=clock.now(), using="worker") == 0
    shop.order(_noon(5), sku="MUG-1")
    shop.roll_up()
    assert _total(cast).costed_sales == Decimal(41)


def test_the_link_lists_the_products_whose_cost_is_missing_in_the_period(
    cast: Cast, shop: Shop
) -> None:
    """Not those whose cost is missing today: MUG-1 has one now, and had none on its sales."""
    _cost(cast, "MUG-1", "3.50", back=0)
    _sell(shop, 40, "20.00", 2, "LAMP", "o-8")
    shop.product("A lamp", sku="LAMP")
    _cost(cast, "LAMP", "3.50", back=0)
    shop.product("A pan, not sold", sku="PAN")
    shop.roll_up()
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))

    def listed(path: str) -> set[str]:
        page = client.get(path).content.decode()
        plain = re.sub(r"</?span[^>]*>", "", page)
        [(count, link)] = re.findall(r'(\d) products? without a cost:\s*<a href="([^"]+)"', plain)
        found = client.get(html.unescape(link)).content.decode()
        skus = set(re.findall(r'name="sku" value="([^"]+)"', found))
        assert len(skus) == int(count)
        assert client.get(html.unescape(link) + "&format=csv").content.decode().count(",,\r\n") == len(skus)  # fmt: skip
        return skus

    assert listed("/") == {"MUG-1", "MUG-2"}
    day = TODAY - timedelta(days=4)
    assert listed(f"/?period=custom&from={day}&to={day}") == {"MUG-1"}
    assert listed("/?period=12m") == {"MUG-1", "MUG-2", "LAMP"}
    page = client.get("/products/costs/?missing=1").content.decode()
    assert set(re.findall(r'name="sku" value="([^"]+)"', page)) == {"MUG-2", "PAN"}


def test_a_product_with_a_cost_and_a_sale_without_a_quantity_is_named_apart(
    cast: Cast, shop: Shop
) -> None:
    _cost(cast, "MUG-1", "3.50")
    _cost(cast, "MUG-2", "3.50")
    _sell(shop, 5, "30.00", None, "MUG-1", "o-9")
    shop.roll_up()
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get("/").content.decode()))
    assert (
        "Profit is without days of 1 product with a sale of which Amazon states no quantity" in page
    )
    assert "product without a cost" not in page
    page = re.sub(r"<[^>]+>", "", client.get("/products/").content.decode())
    assert "Amazon states no quantity of one of its sales" in page
    assert "enter costs" not in page


def test_rows_of_the_release_before_have_no_profit_until_their_day_is_computed(
    cast: Cast, shop: Shop
) -> None:
    _cost(cast, "MUG-1", "3.50")
    known = _total(cast)
    shop.run(
        "with d as (delete from analytics_day_product where sku = 'MUG-1' returning *)"
        " insert into analytics_day_product (tenant_id, local_day, marketplace_id, sku, asin,"
        " currency, orders, units, ordered_sales, promotions, refunds, refunded_sales, fees,"
        " net_proceeds, product_sales, posted_orders, posted_lines) select tenant_id, local_day,"
        " marketplace_id, sku, asin, currency, orders, units, ordered_sales, promotions, refunds,"
        " refunded_sales, fees, net_proceeds, product_sales, posted_orders, posted_lines from d"
    )
    assert _total(cast).profit is None
    shop.order(_noon(5), sku="MUG-1")
    # As if only orders of the day had changed: it is computed from all its lines all the same.
    shop.run("update ingest_dirty_day set orders_only_at = marked_at")
    shop.roll_up()
    assert _total(cast).costed_sales == Decimal(30)
    assert mark_days_without_units(tenant=cast.alices_shop, at=clock.now(), using="worker") == 2
    shop.roll_up()
    after = _total(cast)
    assert (after.profit, after.costed_sales) == (known.profit, known.costed_sales)
