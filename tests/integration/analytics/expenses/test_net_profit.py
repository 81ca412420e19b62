"""Net profit on the dashboard: profit less expenses, and only where both are of the same sales."""

from __future__ import annotations

import csv
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
from theseller.analytics.expenses.operations import set_expense
from theseller.analytics.expenses.types import ExpenseInput, Recurrence
from theseller.analytics.profit.operations import set_costs
from theseller.analytics.profit.types import BEGINNING, CostChange, CostKey
from theseller.lib import clock
from theseller.lib.marketplaces import local_day, midnight

TODAY = local_day(DE, clock.now())


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=clock.now() - timedelta(days=100))


@pytest.fixture
def alice(cast: Cast) -> Client:
    """Alice of a shop with 28 days: two sales of 20.00 in Germany and 30.00 in France."""
    shop = Shop(cast.alices_shop)
    for back, amount, sku, store in ((10, "20.00", "MUG-1", DE), (5, "30.00", "MUG-2", FR)):
        shop.order(_noon(back), amount, sku=sku, store=store)
        shop.money(
            _noon(back), amount, ChargeType.PRINCIPAL, quantity=1, sku=sku, order_id=f"o-{back}",
            store=store,
        )  # fmt: skip
    shop.cover(_noon(60), clock.now(), (DE, FR))
    shop.roll_up()
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    return client


def _noon(back: int) -> datetime:
    return midnight(DE, TODAY - timedelta(days=back)) + timedelta(hours=12)


def _cost(cast: Cast, sku: str, cost: str) -> None:
    set_costs(
        [CostChange(CostKey(sku, "", "EUR", BEGINNING), Decimal(cost))],
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )


def _expense(cast: Cast, amount: str, back: int, store: str = "") -> None:
    set_expense(
        ExpenseInput(
            "Samples",
            "products",
            store,
            "EUR",
            Decimal(amount),
            Recurrence.ONCE,
            TODAY - timedelta(days=back),
        ),
        expense=None,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )


def _lines(alice: Client, query: str = "") -> str:
    page = alice.get(f"/{query}").content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    return text[text.index("Profit and loss ") :]


def test_net_profit_is_profit_less_the_expenses_of_the_period(cast: Cast, alice: Client) -> None:
    for sku in ("MUG-1", "MUG-2"):
        _cost(cast, sku, "4.00")
    assert "Net profit" not in _lines(alice).partition("Sales count by")[0]
    _expense(cast, "7.50", 5)
    _expense(cast, "1000", 40)  # before the period
    found = _lines(alice)
    assert "Profit €42.00" in found
    assert "Expenses −€7.50" in found
    assert "Net profit €34.50" in found


def test_expenses_of_all_stores_are_in_no_single_store(cast: Cast, alice: Client) -> None:
    for sku in ("MUG-1", "MUG-2"):
        _cost(cast, sku, "4.00")
    _expense(cast, "7.50", 5)
    _expense(cast, "2.00", 5, FR)
    assert "Net profit €32.50" in _lines(alice)
    assert "Net profit €24.00" in _lines(alice, "?store=FR")
    assert "Net profit" not in _lines(alice, "?store=DE").partition("Sales count by")[0]


def test_where_the_cost_of_a_sale_is_missing_net_profit_is_not_known(
    cast: Cast, alice: Client
) -> None:
    _cost(cast, "MUG-1", "4.00")
    _expense(cast, "7.50", 5)
    found = _lines(alice).partition("Sales count by")[0]
    assert "Profit of 40% of sales" in found
    assert "Net profit" not in found


def test_where_days_have_no_data_of_money_net_profit_is_not_known(
    cast: Cast, alice: Client
) -> None:
    for sku in ("MUG-1", "MUG-2"):
        _cost(cast, sku, "4.00")
    _expense(cast, "7.50", 5)
    assert "Net profit €34.50" in _lines(alice, "?period=28d")
    assert "Net profit" not in _lines(alice, "?period=90d").partition("Sales count by")[0]


def test_statement_by_month_and_its_file_have_expenses_and_net_profit(
    cast: Cast, alice: Client
) -> None:
    for sku in ("MUG-1", "MUG-2"):
        _cost(cast, sku, "4.00")
    assert ",Expenses" not in alice.get("/profit-and-loss/?format=csv").content.decode()
    _expense(cast, "7.50", 5)
    rows = {
        row[0]: row
        for row in csv.reader(
            io.StringIO(alice.get("/profit-and-loss/?format=csv").content.decode("utf-8-sig"))
        )
    }
    month = rows["Line"].index(f"{TODAY - timedelta(days=5):%Y-%m}")
    assert rows["Expenses"][month] == "-7.5"
    assert "Net profit" in rows
