"""The open balance: each reserve once, each stream, and nothing where something is not known."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from tests.cast import Cast, create_cast
from tests.integration.analytics.facts import DE, FR, UK, Shop

from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.models import User
from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages.open_balance import OpenBalance, open_balances
from theseller.analytics.pages.settlement_queries import settlement, settlement_before, settlements
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import limited_to

AT = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)


def _ago(days: float) -> datetime:
    return AT - timedelta(days=days)


@pytest.fixture
def cast(database: str) -> Cast:
    return create_cast(at=_ago(100))


def _text(cast: Cast, address: str = "/settlements/", name: str = "alice") -> str:
    client = Client()
    client.force_login(User.objects.get(pk=getattr(cast, name).id))
    answer = client.get(address)
    assert answer.status_code == 200, address
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def _settle(
    shop: Shop,
    number: str,
    begin: float,
    end: float,
    *,
    stores: tuple[str, ...] = (DE,),
    lines: tuple[str, ...] | None = None,
    reserve: str = "0",
    opening: str = "0",
    currency: str = "EUR",
) -> None:
    """Store a settlement from `begin` to `end` days ago.

    It has a line of each store, and its reserves.
    """
    shop.settlement_document(_ago(begin), _ago(end), stores, number)
    of = stores if lines is None else lines
    amounts = [
        *((store, "10.00", ChargeType.PRINCIPAL, "Principal") for store in of),
        (of[0], f"-{reserve}", ChargeType.RESERVE, "other-transaction/Current Reserve Amount"),
        (of[0], opening, ChargeType.RESERVE, "other-transaction/Previous Reserve Amount Balance"),
    ]
    for line, (store, amount, kind, breakdown) in enumerate(amounts):
        shop.money(_ago(end + 1), amount, kind, store=store, source="settlement", state="settled",
                   source_key=number, source_line=line, breakdown=breakdown,
                   currency=currency)  # fmt: skip


def _balances(shop: Shop, *visible: str) -> list[OpenBalance]:
    shop.roll_up()
    with limited_to(frozenset(visible) or None), tenant_scope(shop.tenant, using="worker"):
        return list(open_balances(AT, using="worker"))


def test_settlements_of_fees_alone_have_an_open_balance(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    _settle(shop, "111", 20, 6, stores=(), lines=("",), reserve="30.00")
    shop.roll_up()
    text = _text(cast)
    assert "Open balance of Whole account, EUR" in text
    assert "Reserve carried over from settlement 111 €30.00" in text


def test_a_settlement_is_one_of_the_stores_of_its_lines(cast: Cast) -> None:
    """Its file may name no store, if it is of fees alone: they are attributed to one."""
    shop = Shop(cast.alices_shop)
    _settle(shop, "111", 34, 20)
    _settle(shop, "222", 20, 6, stores=(), lines=(DE,))
    _settle(shop, "333", 20, 6, stores=(FR,))
    shop.roll_up()
    text = _text(cast, "/settlements/?store=DE")
    assert "222 Amazon.de" in text
    assert "333" not in text
    limit_member(person=cast.bob.id, marketplaces=(DE,), tenant=cast.alices_shop,
                 owner=cast.alice.id, at=AT)  # fmt: skip
    assert "222 Amazon.de" in _text(cast, "/settlements/222/", "bob").replace(
        "Settlement 222 ", "222 "
    )
    with tenant_scope(shop.tenant):
        assert {one.number for one in settlements(store=DE)} == {"111", "222"}
        later = settlement("222")
        assert later is not None
        before = settlement_before(later)
    assert before is not None
    assert before.number == "111"


def test_a_reserve_of_several_stores_is_shown_once(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    _settle(shop, "111", 20, 6, stores=(DE, FR), reserve="100.00")
    shop.money(_ago(2), "7.00", store=FR)
    shop.transactions_read(_ago(80), AT)
    [found] = _balances(shop)
    assert set(found.marketplace_ids) == {DE, FR}
    assert [amount for _, amount in found.reserves] == [Decimal(100)]
    assert found.available == Decimal(107)
    text = _text(cast)
    balances = text.partition("Open balance of")[2]
    assert balances.count("€100.00") == balances.count("€107.00") == 1
    assert "Open balance of" not in balances
    assert "€107.00" in _text(cast, "/settlements/?store=FR")


def test_every_stream_of_a_store_has_its_reserve_and_its_transactions(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    _settle(shop, "111", 34, 20, reserve="1.00")
    _settle(shop, "112", 20, 6, opening="1.00", reserve="2.00")
    _settle(shop, "221", 40, 26, reserve="4.00")
    _settle(shop, "222", 26, 12, opening="4.00", reserve="8.00")
    # Over: nothing came after it for more than two months.
    _settle(shop, "331", 95, 80, reserve="16.00")
    # After the end of the second stream's last settlement, long before that of the first one's.
    shop.money(_ago(11), "32.00")
    shop.transactions_read(_ago(80), AT)
    [found] = _balances(shop)
    assert {one.number: amount for one, amount in found.reserves} == {
        "112": Decimal(2),
        "222": Decimal(8),
    }
    assert found.available == Decimal(42)


def test_a_settlement_that_is_not_stored_leaves_no_reserve_of_the_one_before(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    _settle(shop, "111", 48, 34, reserve="1.00")
    _settle(shop, "113", 20, 6, opening="2.00", reserve="4.00")
    [found] = _balances(shop)
    assert [one.number for one, _ in found.reserves] == ["113"]


def test_settlements_of_other_currencies_hide_none(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    _settle(shop, "111", 40, 26, stores=(), lines=("",), reserve="5.00")
    for number in range(6):
        end = 12.0 - number * 2
        _settle(shop, f"22{number}", end + 2, end, stores=(UK,), currency="GBP")
    found = {one.currency: one for one in _balances(shop)}
    assert [(one.number, amount) for one, amount in found["EUR"].reserves] == [("111", Decimal(5))]


def test_an_older_settlement_is_not_shown_as_the_newest_to_a_limited_member(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    _settle(shop, "111", 34, 20, reserve="1.00")
    _settle(shop, "112", 20, 6, stores=(DE, FR), opening="1.00", reserve="2.00")
    shop.transactions_read(_ago(80), AT)
    [found] = _balances(shop, DE)
    assert found.marketplace_ids == (DE,)
    assert (found.newest, found.hidden, found.available) == ((), True, None)
    limit_member(person=cast.bob.id, marketplaces=(DE,), tenant=cast.alices_shop,
                 owner=cast.alice.id, at=AT)  # fmt: skip
    text = _text(cast, name="bob")
    assert "lines of stores that you may not see" in text
    assert "112" not in text
    assert "Reserve carried over" not in text


def test_released_money_is_unknown_where_transactions_are_not_stored(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    _settle(shop, "111", 20, 6, reserve="3.00")
    [found] = _balances(shop)
    assert (found.released, found.available) == (None, None)
    text = _text(cast)
    assert "not known: not all of Amazon’s transactions since" in text
    assert "€0.00" not in text.partition("Open balance")[2]
    # Read, but not up to now: a week is missing.
    shop.transactions_read(_ago(80), _ago(7))
    assert _balances(shop)[0].released is None
    shop.transactions_read(_ago(80), AT)
    assert _balances(shop)[0].available == Decimal(3)


def test_deferred_money_is_released_on_a_day_of_the_store(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    matures = datetime(2026, 7, 14, 22, 30, tzinfo=UTC)  # Half an hour after midnight in Berlin.
    for number, at in enumerate((matures, matures + timedelta(hours=3))):
        shop.money(_ago(3), "5.00", source_key=f"T{number}", state="deferred", matures_at=at)
    [found] = _balances(shop)
    assert [(str(one.on), one.transactions, one.amount) for one in found.deferred] == [
        ("2026-07-15", 2, Decimal(10))
    ]


def test_more_stores_take_no_more_statements(cast: Cast) -> None:
    shop, counts = Shop(cast.alices_shop), []
    for number, (store, currency) in enumerate(((DE, "EUR"), (FR, "EUR"), (UK, "GBP"))):
        _settle(shop, f"11{number}", 20, 6, stores=(store,), currency=currency)
        shop.roll_up()
        seen: list[str] = []

        def catch(execute: Any, sql: str, *more: Any, seen: list[str] = seen) -> Any:  # noqa: ANN401
            seen.append(sql)
            return execute(sql, *more)

        with (
            tenant_scope(shop.tenant, using="worker"),
            connections["worker"].execute_wrapper(catch),
        ):
            assert len(open_balances(AT, using="worker")) == number + 1
        counts.append(len(seen))
    assert counts[0] == counts[1] == counts[2]
