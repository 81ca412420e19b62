"""Deferred money is the emulated Amazon's balance, and net proceeds what it released.

To the cent, from its raw answers.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.expected_figures import ALICE, ExpectedFigures
from tests.integration.analytics.facts import Shop
from tests.unit.emulator.support import Amazon, amazon_with

from theseller.amazon.decoders.transactions import decode_transactions
from theseller.amazon.reports import Options
from theseller.analytics.pages.open_balance import open_balances
from theseller.analytics.pages.order_queries import order_money
from theseller.connections.operations import connection_for_files
from theseller.ingest.facts.ledger_writer import write_transactions
from theseller.ingest.imports.operations import import_report
from theseller.ingest.imports.types import ImportStatus
from theseller.lib.marketplaces import Region
from theseller.tenancy.tenant_scope import tenant_scope

_SINCE = timedelta(days=75)


@pytest.fixture
def amazon(tmp_path: Path) -> Amazon:
    return amazon_with(tmp_path / "state")


def _whole_instant(truth: ExpectedFigures, at: datetime) -> datetime:
    """Return an instant from `at` on at which listTransactions shows all that was posted.

    It lags up to 48 hours behind the balance.
    """
    while any(
        event.posted <= at < event.visible for event in truth.events(at - timedelta(days=4), at)
    ):
        at += timedelta(hours=1)
    return at


def _pull(amazon: Amazon, shop: Shop, access: str, store: str, begin: datetime) -> None:
    token = ""
    while True:
        query = f"postedAfter={begin:%Y-%m-%dT%H:%M:%SZ}&marketplaceId={store}" + (
            f"&nextToken={token}" if token else ""
        )
        amazon.clock.pass_(milliseconds=20)  # The bucket of calls is filled again.
        answer = amazon.call(ALICE, access, f"/finances/2024-06-19/transactions?{query}")
        assert answer.status_code == 200, answer.text
        page = decode_transactions(answer.content)
        with tenant_scope(shop.tenant):
            connection = connection_for_files(Region.NA, tenant=shop.tenant, at=amazon.clock())
            write_transactions(
                page.transactions,
                tenant=shop.tenant,
                connection=connection,
                marketplace_ids=[store],
                at=amazon.clock(),
            )
        if page.next_token is None:
            return
        token = page.next_token


def _deferred_balance(amazon: Amazon, access: str, store: str) -> Decimal:
    body = amazon.call(
        ALICE, access, f"/finances/2024-06-19/balances?marketplaceIds={store}"
    ).json()
    reserved = next(
        part for part in body["balances"][0]["balances"] if part["balanceType"] == "RESERVED"
    )
    return next(
        Decimal(str(part["amount"]["currencyAmount"]))
        for part in reserved["balances"]
        if part["balanceType"] == "DEFERRED"
    )


def test_deferred_equals_the_balance_and_net_proceeds_the_released_money(amazon: Amazon) -> None:
    truth, shop = ExpectedFigures(ALICE, "CA"), Shop.open()
    at = _whole_instant(truth, amazon.clock())
    for days in (0, 12):  # And again after a settlement has closed, with releases and late refunds.
        amazon.clock.at = at = _whole_instant(truth, at + timedelta(days=days))
        access = amazon.connect(ALICE)["access_token"]
        _pull(amazon, shop, access, truth.marketplace, at - _SINCE)
        for text in truth.settlement_files(at - timedelta(days=40), at):
            done = import_report(
                [text.encode()], Options(), tenant=shop.tenant, actor="process:test", at=at
            )
            assert done.status in {ImportStatus.IMPORTED, ImportStatus.ALREADY}, done.why_not
        shop.roll_up()
        shop.transactions_read(at - _SINCE, at, Region.NA)
        [found] = shop.select(
            "select sum(deferred) as deferred from analytics_day where currency = 'CAD'"
        )
        assert found["deferred"] == _deferred_balance(amazon, access, truth.marketplace)
        first, last = (at - timedelta(days=28)).date(), (at - timedelta(days=1)).date()
        rows = shop.select(
            "select local_day, sum(net_proceeds) as net from analytics_day where currency = 'CAD'"
            " and local_day between %s and %s group by 1",
            [first, last],
        )
        net = defaultdict(Decimal, {row["local_day"]: row["net"] for row in rows})
        assert {day: net[day] for day in truth.earned(first, last, at)} == {
            day: one.net for day, one in truth.earned(first, last, at).items()
        }
        assert_orders(truth, shop, at)
        assert_open_balance(truth, shop, at)


def assert_orders(truth: ExpectedFigures, shop: Shop, at: datetime) -> None:
    """Compare what pages show of each order with what moved money for it."""
    begin = at - _SINCE + timedelta(days=1)
    expected = truth.orders(begin, at)
    with tenant_scope(shop.tenant, using="worker"):
        found = order_money(list(expected), "CAD", using="worker")
    assert len(expected) > 50
    assert {
        order: (money.net_proceeds, money.deferred) for order, money in found.items()
    } == expected


def assert_open_balance(truth: ExpectedFigures, shop: Shop, at: datetime) -> None:
    """Compare the open balance with what the emulated Amazon released and what it defers."""
    with tenant_scope(shop.tenant, using="worker"):
        [found] = [
            one
            for one in open_balances(at, using="worker")
            if truth.marketplace in one.marketplace_ids
        ]
    [newest] = found.newest
    assert {part.on: part.amount for part in found.deferred} == truth.deferred(at)
    assert found.released == truth.released(newest.ends_at, at)
    assert found.older == 0
