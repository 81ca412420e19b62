"""Every difference between a month's figures has a name, to the cent, in any order of documents."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from django.test import Client
from tests.cast import create_cast
from tests.integration.analytics.documents import BEGIN, US, Event, Facts, Sold
from tests.integration.analytics.facts import DE, FR, Shop
from tests.integration.analytics.rollups.test_documents_in_any_order import documents_of

from theseller.accounts.models import User
from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages.open_balance import open_balances
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.reconciliation import Statement, reconcile
from theseller.lib import clock
from theseller.lib.marketplaces import MARKETPLACES, Region
from theseller.tenancy.tenant_scope import tenant_scope

ZERO = Decimal(0)
#: Days of which orders were placed and money was posted before, in and after.
DAYS = Span(date(2026, 10, 8), date(2026, 10, 14))
OCTOBER = Span(date(2026, 10, 1), date(2026, 10, 31))
#: When all of October's documents are stored.
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _differences(statement: Statement) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for step in statement.steps:
        if not step.total and step.amount is not None:
            found[f"{step.label}"] += step.amount.amount
    return {label: amount for label, amount in found.items() if amount}


def _ends(statement: Statement) -> tuple[Decimal, Decimal]:
    first, last = statement.steps[0].amount, statement.steps[-1].amount
    assert first is not None
    assert last is not None
    return first.amount, last.amount


def _rest(statement: Statement) -> Decimal:
    assert statement.unexplained is not None
    return statement.unexplained.amount


def _day(at: datetime) -> date:
    return MARKETPLACES[US].local_day(at)


def _inside(at: datetime) -> bool:
    return DAYS.first <= _day(at) <= DAYS.last


def _principal(event: Event) -> Decimal:
    return sum((amount for _, name, amount in event.charges if name == "Principal"), ZERO)


Expected = tuple[tuple[Decimal, Decimal], dict[str, Decimal]]


def _expected_sales(facts: Facts, at: datetime) -> Expected:
    """Work out from what happened: where the sales of an order placed in these days are."""
    newest: dict[str, Sold] = {}
    for order in facts.orders:
        if order.updated <= at:
            newest[order.id] = order
    found: dict[str, Decimal] = defaultdict(Decimal)
    shipments = [one for one in facts.events if one.kind == "Shipment" and one.posted <= at]
    for event in shipments:
        place = _place(event, newest[event.order], at)
        found[place] += _principal(event) * (1 if place.startswith("Ordered") else -1)
    posted = {event.order for event in shipments}
    start = ZERO
    for one in newest.values():
        if _inside(one.bought) and one.status != "Cancelled" and not one.replaces:
            start += (amount := sum((price for *_, price in one.lines), ZERO))
            if one.id not in posted:
                assert one.status == "Unshipped"
                found["Not shipped yet"] -= amount
    end = sum((_principal(one) for one in shipments if one.free <= at and _inside(one.free)), ZERO)
    found.pop("", None)
    return (start, end), {label: amount for label, amount in found.items() if amount}


def _place(event: Event, order: Sold, at: datetime) -> str:
    """Return what a sale is a difference by; empty if it is in both sums, or in none."""
    mine, free = _inside(order.bought), event.free <= at
    if mine and not free:
        return "Deferred"
    if mine and not _inside(event.free):
        return "Posted after the month"
    if not mine and free and _inside(event.free):
        assert _day(order.bought) < DAYS.first
        return "Ordered before the month"
    return ""


def _expected_settled(facts: Facts, at: datetime, stored: list[str]) -> Expected:
    contents = {number: facts.settlements(at)[number] for number in stored}
    begin = datetime(2026, 10, 8, 7, tzinfo=UTC)  # Midnight in Pacific daylight time.
    touching = {
        number
        for number, events in contents.items()
        if BEGIN + timedelta(days=10 * facts.period(events[0])) < begin + timedelta(days=7)
        and BEGIN + timedelta(days=10 * facts.period(events[0]) + 10) > begin
    }
    found: dict[str, Decimal] = defaultdict(Decimal)
    net = ZERO
    for event in facts.events:
        if event.free <= at and _inside(event.free):
            net += event.net
            if facts.number(event) not in stored or facts.number(event) not in contents:
                found["In no stored settlement"] -= event.net
            elif facts.number(event) not in touching:
                found["In a settlement of another period"] -= event.net
    for number in touching:
        for event in contents[number]:
            found["Taxes collected and withheld"] += event.total - event.net
            if not _inside(event.free):
                early = _day(event.free) < DAYS.first
                found["Posted before the month" if early else "Posted after the month"] += event.net
    payouts = sum((event.total for number in touching for event in contents[number]), ZERO)
    return (net, payouts), {label: amount for label, amount in found.items() if amount}


def _check(seed: int) -> None:
    facts, chance = Facts(seed), Random(seed)  # repeatable, not secret  # noqa: S311
    at = BEGIN + timedelta(days=chance.choice((14, 21, 33)))
    closed = sorted(facts.settlements(at))
    stored = closed if seed % 2 else closed[::2]
    sequence = documents_of(facts, chance, at, stored, identifiers=seed % 3 == 0)
    chance.shuffle(sequence)
    shop = Shop.open()
    for write in sequence:
        write(shop)
    shop.roll_up()
    shop.transactions_read(BEGIN, at, Region.NA)
    with tenant_scope(shop.tenant, using="worker"):
        found = reconcile(US, "USD", DAYS, at, using="worker")
        balances = open_balances(at, using="worker")
    assert (_ends(found.sales), _differences(found.sales)) == _expected_sales(facts, at)
    expected = _expected_settled(facts, at, stored)
    if found.settled is None:
        assert not expected[0][1]
    else:
        assert (_ends(found.settled), _differences(found.settled)) == expected
    assert sum(one.deferred_total for one in balances) == facts.deferred(at)
    if stored == closed:
        released = sum(
            (
                event.total
                for event in facts.events
                if event.free <= at and facts.number(event) not in stored
            ),
            ZERO,
        )
        assert sum(one.released or ZERO for one in balances) == released
        assert not any(one.older for one in balances)


@pytest.mark.parametrize("seed", [13, 32])
def test_each_difference_has_its_name_in_any_order_of_documents(seed: int) -> None:
    _check(seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(200, 230))
def test_each_difference_has_its_name_for_many_sellers(seed: int) -> None:
    _check(seed)


def _shop_of_october() -> Shop:
    """A shop with one of every difference: each amount is a power of two, so that sums tell it."""
    shop = Shop.open()
    at, early, late = (datetime(2026, month, 15, 12, tzinfo=UTC) for month in (10, 9, 11))
    plain = shop.order(at, "1.00")
    shop.money(at, "1.00", order_id=plain)
    later = shop.order(at, "2.00")
    shop.money(late, "2.00", order_id=later)
    deferred = shop.order(at, "4.00")
    shop.money(at, "4.00", order_id=deferred, state="deferred")
    shop.order(at, "8.00", status="unshipped")
    shop.order(at, "16.00")
    partly = shop.order(at, "96.00")
    shop.money(at, "64.00", order_id=partly)
    canceled = shop.order(at, "128.00", status="cancelled")
    shop.money(at, "128.00", order_id=canceled)
    replacement = shop.order(at, "0.00", is_replacement=True)
    shop.money(at, "256.00", order_id=replacement)
    shop.order(at, None, status="pending", quantity=3)
    before = shop.order(early, "512.00")
    shop.money(at, "512.00", order_id=before)
    abroad = shop.order(at, "1024.00", store=FR)
    shop.money(at, "1024.00", order_id=abroad)
    shop.money(at, "2048.00", order_id="303-0000000-0000000")
    shop.money(at, "4096.00", ChargeType.LIQUIDATION)
    shop.money(at, "-0.50", ChargeType.UNCLASSIFIED)
    shop.roll_up()
    return shop


def test_each_kind_of_difference_is_a_line_of_its_own() -> None:
    shop = _shop_of_october()
    with tenant_scope(shop.tenant, using="worker"):
        found = reconcile(DE, "EUR", OCTOBER, NOVEMBER, using="worker")
    assert _differences(found.sales) == {
        "Posted after the month": Decimal(-2),
        "Deferred": Decimal(-4),
        "Not shipped yet": Decimal(-8),
        "Not posted yet": Decimal(-16),
        "Posted with another amount": Decimal(-32),
        "Canceled orders that were posted": Decimal(128),
        "Replacements that were posted": Decimal(256),
        "Ordered before the month": Decimal(512),
        "Ordered after the month, or in another store": Decimal(1024),
        "Orders that are not stored": Decimal(2048),
        "Sales without an order": Decimal(4096),
    }
    assert _ends(found.sales) == (Decimal(127), Decimal(8129))
    assert _rest(found.sales) == 0
    assert found.settled is None
    facts = {
        fact.label.partition(",")[0]: (fact.count, fact.amount and fact.amount.amount)
        for fact in found.facts
    }
    assert facts["Canceled orders"] == ("1", Decimal(128))
    assert facts["Replacement orders"] == ("1", None)
    assert facts["Units that have no price yet"] == ("3", None)
    assert facts["Deferred transactions posted in the month"] == ("", Decimal(4))
    assert facts["Not classified"] == ("", Decimal("-0.50"))


def test_what_is_not_explained_is_a_line_of_its_own() -> None:
    shop = _shop_of_october()
    # Posted, and not in the dashboard's figures yet.
    shop.money(datetime(2026, 10, 16, 12, tzinfo=UTC), "7.00")
    with tenant_scope(shop.tenant, using="worker"):
        found = reconcile(DE, "EUR", OCTOBER, NOVEMBER, using="worker")
    assert _rest(found.sales) == -7
    assert _differences(found.sales)["Not explained"] == -7


def test_the_page_says_the_same_and_its_address_names_month_and_store() -> None:
    cast = create_cast(at=clock.now() - timedelta(days=100))
    shop = Shop(cast.alices_shop)
    at = datetime(2026, 10, 15, 12, tzinfo=UTC)
    order = shop.order(at, "10.00")
    shop.money(at, "10.00", order_id=order, source="settlement", state="settled", source_key="77")
    shop.money(at, "1.90", ChargeType.ITEM_TAX, order_id=order, source="settlement",
               state="settled", source_key="77", source_line=2)  # fmt: skip
    shop.settlement_document(at - timedelta(days=9), at, (DE,), "77")
    shop.payout("77", "11.90", at - timedelta(days=9), at)
    shop.cover(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC))
    shop.order(at, "5.00")
    shop.order(at, "7.00", store=FR)
    shop.roll_up()
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    address = "/reconciliation/?store=DE&month=2026-10"
    text = " ".join(re.sub(r"<[^>]*>", " ", client.get(address).content.decode()).split())
    assert "Ordered sales orders placed in the month €15.00" in text
    assert "Not posted yet shipped, but Amazon has posted no sale −€5.00" in text
    assert "Taxes collected and withheld in no net proceeds +€1.90" in text
    assert text.count("Adds up to the cent") == 2
    assert "Payouts of the settlements that touch the month €11.90" in text
    rows = list(csv.DictReader(
        io.StringIO(client.get(f"{address}&format=csv").content.decode("utf-8-sig"), newline="")
    ))  # fmt: skip
    assert [row["Amount"] for row in rows if row["Statement"] == "Sales"] == ["15", "-5", "10", ""]
    assert [row["Note"] for row in rows if row["Line"] == "Check"] == ["Adds up to the cent"] * 2
    heading = "In none of these sums, or inside of them"
    assert heading in text
    assert [row["Statement"] for row in rows].count(heading) == 6
    for odd in ("month=2026-13", "month=x", "store=XX", "month=2099-01", "month=2000-01"):
        assert client.get(f"/reconciliation/?{odd}").status_code == 200, odd
    client.force_login(User.objects.get(pk=cast.charlie.id))
    assert "€15.00" not in client.get(address).content.decode()
