"""Any order, repetition and overlap of documents gives the figures of what really happened.

Every transaction counts exactly once, net proceeds by source add up to the lines that count, and
what is deferred is Amazon's balance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from tests.integration.analytics.documents import BEGIN, US, Event, Facts
from tests.integration.analytics.facts import Shop

from theseller.amazon.decoders.orders import decode_orders_page
from theseller.amazon.decoders.transactions import decode_transactions
from theseller.amazon.reports import Options
from theseller.analytics.pages.order_queries import order_money
from theseller.analytics.rollups.rollup_recount_check import differences
from theseller.connections.operations import connection_for_files
from theseller.ingest.facts.ledger_writer import write_transactions
from theseller.ingest.facts.write_orders import write_api_orders
from theseller.ingest.imports.operations import import_report
from theseller.ingest.imports.types import ImportStatus
from theseller.lib.marketplaces import Region
from theseller.tenancy.tenant_scope import tenant_scope

NOW = BEGIN + timedelta(days=45)
Write = Callable[[Shop], None]


def _finances(body: bytes) -> Write:
    def write(shop: Shop) -> None:
        with tenant_scope(shop.tenant):
            connection = connection_for_files(Region.NA, tenant=shop.tenant, at=NOW)
            write_transactions(
                decode_transactions(body).transactions,
                tenant=shop.tenant,
                connection=connection,
                marketplace_ids=[US],
                at=NOW,
            )

    return write


def _api(body: bytes) -> Write:
    def write(shop: Shop) -> None:
        with tenant_scope(shop.tenant):
            connection = connection_for_files(Region.NA, tenant=shop.tenant, at=NOW)
            write_api_orders(
                decode_orders_page(body).orders, tenant=shop.tenant, connection=connection, at=NOW
            )

    return write


def _file(content: bytes) -> Write:
    def write(shop: Shop) -> None:
        done = import_report([content], Options(), tenant=shop.tenant, actor="process:test", at=NOW)
        assert done.status in {ImportStatus.IMPORTED, ImportStatus.ALREADY}, (
            done.status,
            done.why_not,
        )

    return write


def documents_of(
    facts: Facts, chance: Random, at: datetime, settlements: list[str], *, identifiers: bool
) -> list[Write]:
    """Return the documents of a seller as of `at`, some also as they were before."""
    closed = facts.settlements(at)
    early = BEGIN + timedelta(days=8)
    return [
        _finances(facts.finances_page(early, chance, identifiers=identifiers)),
        _finances(facts.finances_page(at, chance, identifiers=identifiers)),
        _finances(facts.finances_page(at, chance, identifiers=identifiers)),
        *(_file(facts.settlement_file(number, closed[number])) for number in settlements),
        _file(facts.order_file(early, chance, numbered=True)),
        _file(facts.order_file(at, chance, numbered=True)),
        _file(facts.order_file(at, chance, numbered=False)),
        _file(facts.order_file(at, chance, numbered=True, part=True)),
        _api(facts.orders_page(early)),
        _api(facts.orders_page(at)),
    ]


def _figures(shop: Shop) -> list[dict[str, Any]]:
    shop.roll_up()
    assert differences(shop.tenant, days=200, seed=1, using="worker")[0] == ()
    days = shop.select("select * from analytics_day order by local_day, marketplace_id, currency")
    return [
        {name: value for name, value in day.items() if name not in {"tenant_id", "computed_at"}}
        for day in days
    ]


def _net(figures: list[dict[str, Any]]) -> dict[date, Decimal]:
    return {day["local_day"]: day["net_proceeds"] for day in figures if day["net_proceeds"]}


def _orders(shop: Shop) -> dict[str, tuple[Decimal, Decimal, bool]]:
    """Return what pages show of each order: net proceeds, deferred, whether all is settled."""
    ids = [
        row["order_id"]
        for row in shop.select(
            "select distinct order_id from ingest_ledger_line where order_id is not null"
        )
    ]
    with tenant_scope(shop.tenant, using="worker"):
        found = order_money(ids, "USD", using="worker")
    return {
        order: (money.net_proceeds, money.deferred, money.settled_lines == money.posted_lines)
        for order, money in found.items()
    }


def _in_several_orders(seed: int, orders: int) -> None:
    facts, chance = Facts(seed), Random(seed)  # repeatable, not secret  # noqa: S311
    at = BEGIN + timedelta(days=chance.choice((14, 21, 33)))
    closed = sorted(facts.settlements(at))
    stored = closed if seed % 3 == 0 else chance.sample(closed, len(closed) // 2)
    documents = documents_of(facts, chance, at, stored, identifiers=seed % 2 == 0)
    if seed % 4 == 3:
        del documents[
            -2:
        ]  # Without the Orders API: no document says which orders are replacements.
    first: list[dict[str, Any]] | None = None
    for _ in range(orders):
        shop = Shop.open()
        sequence = [*documents, *chance.sample(documents, 3)]  # Some come twice.
        chance.shuffle(sequence)
        for write in sequence:
            write(shop)
            if chance.random() < 0.3:
                # Figures are computed in between: what a later document changes must be computed
                # again.
                shop.roll_up()
        figures = _figures(shop)
        assert _net(figures) == facts.net(at)
        assert sum(day["deferred"] for day in figures) == facts.deferred(at)
        assert _orders(shop) == facts.of_orders(at, set(stored))
        assert (
            sum(day["orders"] for day in figures),
            sum(day["ordered_sales"] for day in figures),
        ) == facts.sales(at)
        assert sum(day["settled_net"] for day in figures) == sum(
            facts.net(at, only=set(stored)).values(), Decimal(0)
        )
        assert first is None or figures == first
        first = figures


@pytest.mark.parametrize("by", ["SETTLEMENT_ID", "FINANCIAL_EVENT_GROUP_ID"])
@pytest.mark.parametrize("settled_first", [False, True])
def test_settlement_contains_its_transactions_of_any_date(by: str, *, settled_first: bool) -> None:
    early, late = BEGIN + timedelta(days=2), BEGIN + timedelta(days=22)
    fee = Event(
        "FEE",
        "ServiceFee",
        "",
        "",
        early,
        early,
        0,
        (("other-transaction", "Storage Fee", Decimal(-3)),),
    )
    sale = Event(
        "SALE",
        "Shipment",
        "111-0000001-0000001",
        "SKU-1",
        late,
        late,
        0,
        (("ItemPrice", "Principal", Decimal(20)),),
    )
    facts, number = Facts(1), "7000001"
    both = [("FINANCIAL_EVENT_GROUP_ID", "G"), ("SETTLEMENT_ID", number)]
    page = facts.transactions_page(
        [(fee, both[:1] if by == "FINANCIAL_EVENT_GROUP_ID" else both[1:]), (sale, both)]
    )
    documents = [
        _finances(page),
        _file(facts.settlement_file(number, [sale, replace(fee, free=late)])),
    ]
    shop = Shop.open()
    for write in reversed(documents) if settled_first else documents:
        write(shop)
        shop.roll_up()
    assert sum(_net(_figures(shop)).values()) == Decimal(17)


@pytest.mark.parametrize("seed", range(2))
def test_figures_do_not_depend_on_the_order_of_documents(seed: int) -> None:
    _in_several_orders(seed, 2)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [2, 3, *range(100, 130)])
def test_figures_do_not_depend_on_the_order_of_documents_for_many_sellers(seed: int) -> None:
    _in_several_orders(seed, 3)
