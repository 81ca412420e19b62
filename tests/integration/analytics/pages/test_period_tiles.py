"""Each tile of a period equals the dashboard of that period, and says what it does not know."""

from __future__ import annotations

import html
import random
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.cast import Cast, create_cast
from tests.integration.analytics.facts import DE, FR, US, Shop

from theseller.accounts.models import User
from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages import queries
from theseller.analytics.pages.dashboard_tiles_and_chart import tiles
from theseller.analytics.pages.metric_coverage import metric_coverage
from theseller.analytics.pages.page_filters import select, store_options
from theseller.analytics.pages.period_tiles import PeriodTile, days_of_tiles, period_tiles
from theseller.analytics.profit.operations import set_costs
from theseller.analytics.profit.types import BEGINNING, CostChange, CostKey
from theseller.lib import clock
from theseller.lib.marketplaces import local_day, midnight
from theseller.lib.money import Money
from theseller.tenancy.tenant_scope import tenant_scope

#: A Thursday, in the middle of a day of Germany.
AT = datetime(2026, 11, 19, 13, 0, tzinfo=UTC)
PERIODS = ("today", "yesterday", "month", "last-month")


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=datetime(2026, 6, 1, tzinfo=UTC))


def _at(day: date, hour: float = 12, store: str = DE) -> datetime:
    return midnight(store, day) + timedelta(hours=hour)


def _tiles(shop: Shop, at: datetime = AT, address: str = "") -> dict[str, PeriodTile]:
    with tenant_scope(shop.tenant):
        selection = select(QueryDict(address), store_options(queries.stores()), at)
        beside = days_of_tiles(selection.choice.today)
        known = metric_coverage(selection, at, also=[beside])
        return {tile.key: tile for tile in period_tiles(selection, known, at)}


def _shown(tile: PeriodTile) -> dict[str, Money | int | None]:
    return {figure.metric.key: figure.now for figure in tile.figures}


def _before(tile: PeriodTile) -> dict[str, Money | int | None]:
    return {figure.metric.key: figure.before for figure in tile.figures}


def _dashboard(
    shop: Shop, period: str, at: datetime, store: str
) -> tuple[dict[str, Money | int | None], dict[str, Money | int | None], dict[str, str]]:
    """Return the dashboard's own figures of a period, what they are compared with, and marks."""
    with tenant_scope(shop.tenant):
        selection = select(
            QueryDict(f"period={period}&store={store}"), store_options(queries.stores()), at
        )
        series = queries.load_series(selection, at)
        shown = tiles(selection, series, series, metric_coverage(selection, at))
    return (
        {tile.metric.key: tile.now for tile in shown},
        {tile.metric.key: tile.before for tile in shown},
        {tile.metric.key: tile.mark for tile in shown},
    )


def _busy(shop: Shop, first: date, last: date) -> None:
    """Add orders and money of every kind on each day of three stores, at odd hours and cents."""
    chance = random.Random(20261119)  # noqa: S311 - sample data
    day = first
    while day <= last:
        for store in (DE, FR, US):
            hours = chance.sample(range(23), 2)
            cents = [Decimal(chance.randrange(100, 9999)) / 100 for _ in range(4)]
            sku = chance.choice(["MUG-1", "PAN-1"])
            shop.order(_at(day, hours[0] + 0.5, store), cents[0], store=store, sku=sku)
            shop.order(
                _at(day, hours[1], store), cents[1], store=store, sku=sku,
                quantity=chance.randrange(1, 4), status=chance.choice(["shipped", "cancelled"]),
            )  # fmt: skip
            for amount, kind in (
                (cents[2], ChargeType.PRINCIPAL),
                (-cents[3] / 4, ChargeType.REFERRAL),
                (-cents[1] / 3, ChargeType.REFUND_PRINCIPAL),
            ):
                shop.money(
                    _at(day, hours[1] + 0.25, store), amount.quantize(Decimal("0.01")), kind,
                    store=store, sku=sku, order_id=f"o-{day}-{store}",
                    quantity=1 if kind is ChargeType.PRINCIPAL else None,
                )  # fmt: skip
        day += timedelta(days=1)


def test_each_tile_equals_the_dashboard_of_its_period_to_the_cent(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    _busy(shop, date(2026, 8, 20), date(2026, 12, 1))
    end = datetime(2026, 12, 3, tzinfo=UTC)
    shop.cover(datetime(2026, 8, 19, tzinfo=UTC), end, (DE, FR, US))
    for sku, cost, currency in (("MUG-1", "1.11", "EUR"), ("PAN-1", "2.22", "USD")):
        set_costs(
            [CostChange(CostKey(sku, "", currency, BEGINNING), Decimal(cost))],
            tenant=cast.alices_shop, actor=cast.alice.actor, at=AT,
        )  # fmt: skip
    compared = 0
    for at in (
        AT,
        datetime(2026, 10, 31, 23, 30, tzinfo=UTC),  # November in Germany, October in the US
        datetime(2026, 12, 1, 5, 0, tzinfo=UTC),  # the first of December, November in the US
        datetime(2026, 11, 30, 20, 0, tzinfo=UTC),  # the last day of a month that is not over
    ):
        for store in ("EUR", "DE", "FR", "US"):
            shown = _tiles(shop, at, f"store={store}")
            assert list(shown) == ["today", "yesterday", "month", "forecast", "last-month"]
            for period in PERIODS:
                now, before, marks = _dashboard(shop, period, at, store)
                assert _shown(shown[period]) == now, (at, store, period)
                assert now["sales"] is not None
                if period in {"month", "last-month"}:
                    assert _before(shown[period]) == before, (at, store, period)
                    compared += before["units"] is not None
                said = " ".join(remark.text for remark in shown[period].remarks)
                assert all(mark in said for key, mark in marks.items() if now[key] is None)
    assert compared >= 24, "the months are compared"


def test_days_are_those_of_the_store_on_both_sides_of_a_month_s_end(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    first = date(2026, 11, 1)
    shop.order(midnight(US, first), "3.00", store=US)
    shop.order(midnight(US, first) - timedelta(seconds=1), "50.00", store=US)
    shop.order(midnight(US, date(2026, 10, 1)), "700.00", store=US)
    shop.order(midnight(US, date(2026, 10, 1)) - timedelta(seconds=1), "9000.00", store=US)
    shop.cover(midnight(US, date(2026, 8, 1)), AT, (US,))
    # In the evening of October 31 in the US: UTC has November already.
    evening = _tiles(shop, midnight(US, first) - timedelta(hours=1))
    assert _shown(evening["today"])["sales"] == Money(Decimal("50.00"), "USD")
    assert _shown(evening["month"])["sales"] == Money(Decimal("750.00"), "USD")
    assert _shown(evening["last-month"])["sales"] == Money(Decimal("9000.00"), "USD")
    after = _tiles(shop, midnight(US, first) + timedelta(hours=1))
    assert _shown(after["today"])["sales"] == Money(Decimal("3.00"), "USD")
    assert _shown(after["yesterday"])["sales"] == Money(Decimal("50.00"), "USD")
    assert _shown(after["month"])["sales"] == Money(Decimal("3.00"), "USD")
    assert _shown(after["last-month"])["sales"] == Money(Decimal("750.00"), "USD")


def test_days_are_compared_with_the_same_weekday_and_today_with_the_same_hours(cast: Cast) -> None:
    shop, today = Shop(cast.alices_shop), local_day(DE, AT)
    week = today - timedelta(days=7)
    shop.order(_at(today, 1), "30.00")
    shop.order(_at(week, 13.9), "20.00")  # before 14:00, which it is now
    shop.order(_at(week, 14.1), "500.00")
    shop.order(_at(today - timedelta(days=1)), "11.00")
    shop.order(_at(today - timedelta(days=8)), "10.00")
    shop.order(_at(today - timedelta(days=2)), "9.00")
    shop.order(_at(date(2026, 9, 1)), "1.00")
    shop.order(_at(date(2026, 10, 19), 13.9), "4.00")
    shop.order(_at(date(2026, 10, 19), 14.1), "40.00")
    shop.order(_at(date(2026, 10, 20)), "400.00")
    shop.money(_at(today, 1), "8.00")
    shop.cover(_at(date(2026, 9, 1), 0), AT)
    shown = _tiles(shop)
    assert _before(shown["today"])["sales"] == Money(Decimal("20.00"), "EUR")
    assert _before(shown["today"])["net"] is None, "money of a part of a day is not compared"
    assert shown["today"].compared == "Compared with Thu, Nov 12, 2026 to the same time of day"
    assert _before(shown["yesterday"])["sales"] == Money(Decimal("10.00"), "EUR")
    assert shown["yesterday"].compared == "Compared with Wed, Nov 11, 2026"
    assert _before(shown["month"])["sales"] == Money(Decimal("4.00"), "EUR")
    assert "Oct 1 \u2013 Oct 19, 2026, orders of the last day" in shown["month"].compared


def test_a_day_that_has_not_been_read_is_unknown_and_says_so(cast: Cast) -> None:
    shop, today = Shop(cast.alices_shop), local_day(DE, AT)
    shop.order(_at(today - timedelta(days=2)), "10.00")
    shop.money(_at(today - timedelta(days=2)), "9.00")
    shop.cover(_at(date(2026, 8, 1), 0), _at(today - timedelta(days=1), 0) - timedelta(seconds=1))
    shown = _tiles(shop)
    for key in ("today", "yesterday"):
        assert set(_shown(shown[key]).values()) == {None}
        assert {remark.text for remark in shown[key].remarks} >= {
            "Orders: no data",
            "Money: no data",
        }
        assert all(remark.warn for remark in shown[key].remarks)
    month = {remark.text for remark in shown["month"].remarks}
    assert "Orders: 2 of 19 days missing" in month
    assert set(_before(shown["month"]).values()) == {None}, "whole days are not compared with parts"
    assert _shown(shown["last-month"])["sales"] == Money(Decimal(0), "EUR"), "read, without sales"
    assert set(_shown(shown["forecast"]).values()) == {None}
    (remark,) = shown["forecast"].remarks
    assert remark.warn


def test_a_cost_that_is_not_known_leaves_the_profit_unknown(cast: Cast) -> None:
    shop, today = Shop(cast.alices_shop), local_day(DE, AT)
    yesterday = today - timedelta(days=1)
    shop.order(_at(yesterday), "10.00")
    shop.money(_at(yesterday), "9.00", quantity=1, order_id="o-1", sku="PAN-1")
    shop.cover(_at(date(2026, 8, 1), 0), AT)
    none = _tiles(shop)["yesterday"]
    assert _shown(none)["profit"] is None
    assert "Profit: no costs entered" in {remark.text for remark in none.remarks}
    change = CostChange(CostKey("MUG-1", "", "EUR", BEGINNING), Decimal("1.50"))
    set_costs([change], tenant=cast.alices_shop, actor=cast.alice.actor, at=AT)
    missing = _tiles(shop)["yesterday"]
    assert _shown(missing)["profit"] is None
    assert "Profit: costs missing" in {remark.text for remark in missing.remarks}
    change = CostChange(CostKey("PAN-1", "", "EUR", BEGINNING), Decimal("1.50"))
    set_costs([change], tenant=cast.alices_shop, actor=cast.alice.actor, at=AT)
    assert _shown(_tiles(shop)["yesterday"])["profit"] == Money(Decimal("7.50"), "EUR")


def test_the_forecast_is_of_what_is_read_and_absent_without_28_days(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    for day, price in (
        (date(2026, 10, 22), "100.01"), (date(2026, 11, 5), "0.02"), (date(2026, 11, 18), "8.00"),
        (date(2026, 11, 19), "3.00"), (date(2026, 10, 21), "5000.00"),
    ):  # fmt: skip
        shop.order(_at(day, 1), price)
    shop.cover(_at(date(2026, 10, 21), 0), AT)
    tile = _tiles(shop)["forecast"]
    # Over: 8.02. Two Thursdays (today, Nov 26) of a mean of 25.0075; one Wednesday of 2.00.
    assert _shown(tile) == {
        "sales": Money(Decimal("60.04"), "EUR"),  # 60.035, half to even
        "units": 4,  # 2 are over, 1 today, 0.5 next Thursday, 0.25 next Wednesday
        "orders": 4,
    }
    assert set(_before(tile).values()) == {None}, "the last month is not whole"
    remark, later = tile.remarks
    assert not remark.warn
    assert later.text == "Amazon posts refunds, fees and proceeds later"
    assert remark.text == (
        "Estimate: Nov 1 \u2013 Nov 18, 2026 as ordered, and for Nov 19 \u2013 Nov 30, 2026 the"
        " mean of each weekday in Oct 22 \u2013 Nov 18, 2026"
    )
    other = Shop(cast.charlies_shop)
    other.order(_at(date(2026, 10, 23)), "1.00")
    other.cover(_at(date(2026, 10, 1), 0), AT)
    (remark,) = _tiles(other)["forecast"].remarks
    assert remark.text.startswith(
        "No forecast: it needs 28 whole days, and figures begin on Oct 23"
    )


def test_tiles_need_few_statements_whatever_the_number_of_stores(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    _busy(shop, date(2026, 9, 1), date(2026, 9, 3))
    shop.cover(_at(date(2026, 9, 1), 0), AT, (DE, FR, US))
    with tenant_scope(shop.tenant):
        selection = select(QueryDict(""), store_options(queries.stores()), AT)
        assert len(selection.scope.marketplace_ids) == 2
        with CaptureQueriesContext(connection) as read:
            known = metric_coverage(selection, AT, also=[days_of_tiles(selection.choice.today)])
        assert len(read) <= 3, "streams, documents and waiting days of all periods at once"
        with CaptureQueriesContext(connection) as read:
            assert len(period_tiles(selection, known, AT)) == 5
    # The days of all tiles, whether there are costs, and two days to the same time.
    assert len(read) <= 4


def test_tiles_are_links_that_keep_the_store_and_the_metric(cast: Cast) -> None:
    shop, at = Shop(cast.alices_shop), clock.now()
    shop.order(at - timedelta(days=1), "1234.56")
    shop.order(at - timedelta(days=1), "7.00", store=FR)
    shop.cover(at - timedelta(days=100), at, (DE, FR))
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    page = client.get("/?store=DE&metric=units&period=yesterday").content.decode()
    found = {
        key: (html.unescape(address), "aria-current" in rest)
        for key, address, rest in re.findall(
            r'id="period-tile-([a-z-]+)"\s+href="([^"]+)"\s*([^>]*)>', page
        )
    }
    assert found == {
        "today": ("?period=today&store=DE&metric=units", False),
        "yesterday": ("?period=yesterday&store=DE&metric=units", True),
        "month": ("?period=month&store=DE&metric=units", False),
        "forecast": ("?period=month&store=DE&metric=units", False),
        "last-month": ("?period=last-month&store=DE&metric=units", False),
    }
    assert "style=" not in page.partition('class="periods"')[2].partition("</ul>")[0]


def test_a_shop_whose_figures_are_long_past_has_no_tiles(cast: Cast) -> None:
    shop, at = Shop(cast.alices_shop), clock.now()
    shop.order(at - timedelta(days=200), "10.00")
    shop.cover(at - timedelta(days=210), at - timedelta(days=190))
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    page = client.get("/")
    assert page.status_code == 200
    assert "period-tile-today" not in page.content.decode()
