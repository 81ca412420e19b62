"""The page of expenses: what is entered, refused, shown, changed, deleted and downloaded."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from django.db import connections
from django.test import Client
from tests.cast import Cast, create_cast
from tests.database import test_server
from tests.integration.analytics.facts import DE, FR, JP, US, Shop

from theseller.accounts.models import User
from theseller.analytics.expenses.operations import delete_expense, set_expense
from theseller.analytics.expenses.queries import expenses, expenses_by_day
from theseller.analytics.expenses.types import (
    MOST_EXPENSES,
    ExpenseInput,
    ExpenseRefusedError,
    Recurrence,
)
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import Scope
from theseller.lib import clock, sql_execution
from theseller.lib.marketplaces import local_day
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import OtherMarketplaceError, limited_to

TODAY = local_day(US, clock.now())
MONTH = TODAY.replace(day=1)
_DATABASE = [""]


@pytest.fixture(autouse=True)
def _remember(database: str) -> None:
    _DATABASE[:] = [database]


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=clock.now() - timedelta(days=100))


@pytest.fixture
def shop(cast: Cast) -> Shop:
    made = Shop(cast.alices_shop)
    for store in (DE, FR, US, JP):
        made.order(clock.now() - timedelta(days=3), store=store)
    made.roll_up()
    return made


@pytest.fixture
def alice(cast: Cast, shop: Shop) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    return client


def _form(**over: str) -> dict[str, str]:
    return {
        "name": "Warehouse rent",
        "category": "rent",
        "store": "EUR",
        "amount": "1.234,50",
        "recurrence": "monthly",
        "first_day": MONTH.isoformat(),
        "last_day": "",
    } | over


def _stored(cast: Cast) -> list[ExpenseInput]:
    with tenant_scope(cast.alices_shop):
        return [one.entered for one in expenses()]


def _text(client: Client, address: str = "/expenses/") -> str:
    page = client.get(address)
    assert page.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def _tags(cast: Cast) -> list[tuple[str, object]]:
    with psycopg.connect(test_server().superuser_dsn(_DATABASE[0])) as superuser:
        return superuser.execute(
            "select tag, details from audit_event where tenant_id = %s and tag like"
            " 'analytics:expense:%%' order by at",
            [cast.alices_shop],
        ).fetchall()


def test_an_expense_is_added_changed_and_deleted(cast: Cast, alice: Client) -> None:
    assert alice.post("/expenses/set/", _form()).status_code == 302
    assert _stored(cast) == [
        ExpenseInput(
            "Warehouse rent", "rent", "", "EUR", Decimal("1234.5000"), Recurrence.MONTHLY, MONTH
        )
    ]
    page = _text(alice)
    assert "“Warehouse rent” is saved." in page
    assert "Warehouse rent Rent and office All EUR stores €1,234.50 Every month" in page
    assert "All in EUR €1,234.50" in page
    with tenant_scope(cast.alices_shop):
        (one,) = expenses()
    assert 'value="1234.5"' in alice.get(f"/expenses/?edit={one.id}").content.decode()
    change = _form(expense=str(one.id), store="FR", amount="31", name="Rent")
    assert alice.post("/expenses/set/", change).status_code == 302
    assert [(e.name, e.marketplace_id, e.amount) for e in _stored(cast)] == [
        ("Rent", FR, Decimal(31))
    ]
    assert alice.post("/expenses/removal/", {"expense": str(one.id)}).status_code == 302
    assert _stored(cast) == []
    assert "The expense is deleted." in _text(alice)
    alice.post("/expenses/removal/", {"expense": str(one.id)})
    assert "This expense is already deleted." in _text(alice)
    late = alice.post("/expenses/set/", change)
    assert late.status_code == 422
    assert "This expense is already deleted." in late.content.decode()


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"name": "two\nlines"}, "A name has 1 to 100 characters on one line."),
        ({"category": "fun"}, "Select a valid choice."),
        ({"store": "GBP"}, "Select a valid choice."),
        ({"amount": ""}, "Enter an amount, such as 1.50."),
        ({"amount": "rent"}, "Enter an amount, such as 1.50."),
        ({"amount": "$5.00"}, "EUR"),
        ({"amount": "0"}, "An amount is above zero and below 1,000,000,000."),
        ({"amount": "-5"}, "Enter an amount, such as 1.50."),
        ({"amount": "1000000000"}, "An amount is above zero and below 1,000,000,000."),
        ({"amount": "1.2345"}, "Amounts in EUR have at most 2 decimals."),
        ({"amount": "1.50", "store": "JP"}, "Amounts in JPY have at most 0 decimals."),
        ({"recurrence": "daily"}, "Select a valid choice."),
        ({"first_day": ""}, "Enter a day, such as 2026-12-31."),
        ({"first_day": "1999-12-31"}, "Days are between 2000 and 2199."),
        ({"last_day": "2001-01-01"}, "The last day is before the first one."),
        ({"last_day": "31.12.2026"}, "Enter a day, such as 2026-12-31."),
    ],
)
def test_what_is_not_valid_is_refused_and_nothing_is_stored(
    cast: Cast, alice: Client, over: dict[str, str], message: str
) -> None:
    answer = alice.post("/expenses/set/", _form(**over))
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert _stored(cast) == []
    assert _tags(cast) == []


def test_limit_of_expenses(cast: Cast, shop: Shop) -> None:
    values = [cast.alices_shop, MONTH, clock.now(), MOST_EXPENSES]
    with tenant_scope(cast.alices_shop):
        sql_execution.execute(
            connections["default"],
            "insert into analytics_expense (tenant_id, id, name, category, marketplace_id, currency,"
            " amount, recurrence, first_day, written_by, written_at) select %s, gen_random_uuid(),"
            " 'n', 'other', '', 'EUR', 1, 'once', %s, 'user:x', %s from generate_series(1, %s)",
            values,
        )
    entered = ExpenseInput("One more", "other", "", "EUR", Decimal(1), Recurrence.ONCE, MONTH)
    with pytest.raises(ExpenseRefusedError):
        set_expense(
            entered,
            expense=None,
            tenant=cast.alices_shop,
            actor=cast.alice.actor,
            at=clock.now(),
        )


def _add(cast: Cast, name: str, store: str, amount: str, currency: str = "EUR") -> UUID:
    return set_expense(
        ExpenseInput(name, "other", store, currency, Decimal(amount), Recurrence.ONCE, MONTH),
        expense=None,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )


def test_expenses_of_the_whole_shop_count_in_the_total_only(cast: Cast, shop: Shop) -> None:
    for name, store, amount in (("a", "", "5"), ("b", DE, "7"), ("c", FR, "11")):
        _add(cast, name, store, amount)
    _add(cast, "d", "", "13", "USD")
    with tenant_scope(cast.alices_shop):
        span = Span(MONTH, TODAY)
        every = expenses_by_day(Scope((DE, FR), "EUR"), span, whole_shop=True)
        one = expenses_by_day(Scope((DE,), "EUR"), span, whole_shop=False)
        none = expenses_by_day(Scope((JP,), "JPY"), span, whole_shop=True)
    assert every == {MONTH: Decimal(23)}
    assert one == {MONTH: Decimal(7)}
    assert none is None, "no expense entered is not an expense of zero"


def test_a_limited_member_sees_those_of_their_stores(cast: Cast, shop: Shop) -> None:
    _add(cast, "Whole", "", "5")
    german = _add(cast, "Germany", DE, "7")
    _add(cast, "France", FR, "11")
    with tenant_scope(cast.alices_shop), limited_to(frozenset({DE})):
        assert [one.entered.name for one in expenses()] == ["Germany"]
    with limited_to(frozenset({FR})), pytest.raises(OtherMarketplaceError):
        delete_expense(german, tenant=cast.alices_shop, actor=cast.alice.actor, at=clock.now())
    with limited_to(frozenset({DE})), pytest.raises(OtherMarketplaceError):
        _add(cast, "Whole", "", "5")
    assert len(_stored(cast)) == 3


def test_another_shop_can_neither_change_nor_delete_it(cast: Cast, shop: Shop) -> None:
    expense = _add(cast, "Rent", "", "5")
    charlie = Client()
    charlie.force_login(User.objects.get(pk=cast.charlie.id))
    assert charlie.post("/expenses/removal/", {"expense": str(expense)}).status_code == 302
    charlie.post("/expenses/set/", _form(expense=str(expense)))
    assert [(one.name, one.amount) for one in _stored(cast)] == [("Rent", Decimal(5))]


def test_audit_log_has_neither_name_nor_amount(cast: Cast, alice: Client) -> None:
    alice.post("/expenses/set/", _form())
    with tenant_scope(cast.alices_shop):
        (one,) = expenses()
    alice.post("/expenses/set/", _form(expense=str(one.id)))
    alice.post("/expenses/removal/", {"expense": str(one.id)})
    found = _tags(cast)
    assert [tag for tag, _ in found] == ["analytics:expense:changed"] * 2 + [
        "analytics:expense:deleted"
    ]
    assert "Warehouse" not in str(found)
    assert "1234" not in str(found)


def test_file_has_the_rows_of_the_page(cast: Cast, alice: Client) -> None:
    alice.post("/expenses/set/", _form(name="=cmd()"))
    rows = list(
        csv.reader(io.StringIO(alice.get("/expenses/?format=csv").content.decode("utf-8-sig")))
    )
    assert rows[1] == [
        "'=cmd()",
        "Rent and office",
        "All EUR stores",
        "EUR",
        "1234.5",
        "Every month",
        MONTH.isoformat(),
        "",
    ]
