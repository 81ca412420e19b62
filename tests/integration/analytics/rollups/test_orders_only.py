"""Days of which only orders changed: their figures equal those computed from nothing.

What was posted is not computed again then (`statements/recompute_orders.sql`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db.utils import Error
from psycopg import errors
from tests.integration.analytics.facts import DE, FR, NOON, UK, Shop

from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.rollups import recompute, rollup_sql_execution
from theseller.analytics.rollups.recompute import recompute_dirty
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.dirty_days import Day, mark_dirty_days

AT = datetime(2026, 10, 5, 12, tzinfo=UTC)
DAY = date(2026, 10, 5)
_MARKS = (
    "select local_day, coalesce(orders_only_at = marked_at, false) as only from ingest_dirty_day"
)


@pytest.fixture
def whole_days(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the number of days of each recomputation from all lines."""
    seen: list[int] = []
    run = rollup_sql_execution.run_on_counted_lines

    def counted(cursor: Any, values: dict[str, Any], *names: str) -> None:  # noqa: ANN401 - Django's
        seen.append(len(values["days"]))
        run(cursor, values, *names)

    monkeypatch.setattr(recompute, "run_on_counted_lines", counted)
    return seen


def mark(shop: Shop, days: set[Day], at: datetime = NOON, *, orders_only: bool = True) -> None:
    with shop.scope():
        mark_dirty_days(Bulk(shop.tenant, "worker"), days, at, orders_only=orders_only)


def figures(shop: Shop) -> list[dict[str, Any]]:
    found = []
    for table in ("analytics_day", "analytics_day_product"):
        rows = [row | {"computed_at": None} for row in shop.select(f"select * from {table}")]
        found += sorted(rows, key=lambda row: [str(row.get(name)) for name in _KEY])
    return found


_KEY = ("local_day", "marketplace_id", "currency", "sku")


def from_nothing(shop: Shop) -> list[dict[str, Any]]:
    """Return the figures of all facts, computed into empty tables."""
    shop.run("delete from analytics_day")
    shop.run("delete from analytics_day_product")
    shop.run(
        "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at) select"
        " tenant_id, marketplace_id, local_day, now() from ingest_ledger_line union select"
        " tenant_id, marketplace_id, local_day, now() from ingest_order_line"
    )
    shop.roll_up()
    return figures(shop)


def _order(shop: Shop, chance: Random) -> None:
    shop.order(
        AT + timedelta(days=chance.randrange(4)),
        chance.choice((None, "20.00", "3.50")),
        store=chance.choice((DE, DE, FR)), sku=chance.choice(("MUG-1", "MUG-2", "PAN")),
        quantity=chance.randrange(3), is_replacement=chance.random() < 0.2,
        asin=chance.choice(("B000000001", "B000000002", "")),
        status=chance.choice(("shipped", "unshipped", "pending", "cancelled")),
        **({"currency": "SEK"} if chance.random() < 0.1 else {}),
    )  # fmt: skip


def _money(shop: Shop, chance: Random) -> None:
    shop.money(
        AT + timedelta(days=chance.randrange(4)), chance.choice(("20.00", "-3.10", "3.10")),
        chance.choice((ChargeType.PRINCIPAL, ChargeType.REFERRAL, ChargeType.TRANSFER)),
        store=chance.choice((DE, DE, FR)), sku=chance.choice(("MUG-1", "PAN", "LID", None)),
        state=chance.choice(("released", "released", "deferred")),
        asin=chance.choice((None, "B000000009")),
    )  # fmt: skip


def _change_orders(shop: Shop, chance: Random) -> set[Day]:
    """Add, change and delete order lines; return their days."""
    known = shop.select("select * from ingest_order_line order by order_id")
    shop.run("delete from ingest_dirty_day")
    for _ in range(chance.randrange(3)):
        _order(shop, chance)
    days = shop.select("select marketplace_id, local_day from ingest_dirty_day")
    shop.run("delete from ingest_dirty_day")
    for row in chance.sample(known, min(len(known), chance.randrange(1, 6))):
        days.append(row)
        shop.run("delete from ingest_order_line where order_id = %s", [row["order_id"]])
        changed = chance.choice((None, {"status": "cancelled"}, {"asin": ""}, {"quantity": 9}))
        if changed is not None:
            shop._insert("ingest_order_line", row | changed)
    return {(row["marketplace_id"], row["local_day"]) for row in days}


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(1, 12))]
)
def test_figures_equal_those_computed_from_nothing(seed: int, whole_days: list[int]) -> None:
    chance, shop = Random(seed), Shop.open()  # repeatable, not secret  # noqa: S311
    for _ in range(10):
        _order(shop, chance)
        _money(shop, chance)
    shop.roll_up()
    whole_days.clear()
    marked = 0
    for turn in range(4):
        days = _change_orders(shop, chance)
        mark(shop, days)
        marked += len(days)
        shop.roll_up()
        found = figures(shop)
        computed = list(whole_days)
        assert found == from_nothing(shop), f"turn {turn}"
        whole_days[:] = computed
    assert sum(whole_days) < marked / 2


def test_the_ledger_is_not_read_for_an_order(whole_days: list[int]) -> None:
    shop = Shop.open()
    shop.order(AT)
    shop.money(AT, "20.00", quantity=1)
    shop.roll_up()
    whole_days.clear()
    shop.order(AT, "5.00", sku="PAN")
    shop.run("delete from ingest_dirty_day")
    mark(shop, {(DE, DAY)})
    assert shop.roll_up() == 1
    day = shop.day(DAY)
    assert (day["ordered_sales"], day["net_proceeds"]) == (Decimal(25), Decimal(20))
    assert whole_days == []


def test_rows_that_are_right_are_not_written_again() -> None:
    shop = Shop.open()
    shop.order(AT)
    shop.order(AT, "5.00", sku="PAN")
    shop.money(AT, "20.00")
    shop.roll_up()
    written = "select sku, xmin::text from analytics_day_product order by sku"
    before = shop.select(written)
    shop.order(AT, "6.00", sku="PAN")
    shop.roll_up()
    after = shop.select(written)
    assert [one["sku"] for one in after] == ["MUG-1", "PAN"]
    assert after[0] == before[0]
    assert after[1] != before[1]


@pytest.mark.parametrize("first", [True, False])
def test_a_day_that_is_marked_for_orders_and_more_is_computed_whole(first: bool) -> None:  # noqa: FBT001
    shop = Shop.open()
    mark(shop, {(DE, DAY)}, orders_only=first)
    mark(shop, {(DE, DAY)}, orders_only=not first)
    assert shop.select(_MARKS) == [{"local_day": DAY, "only": False}]
    mark(shop, {(DE, DAY)})
    assert shop.select(_MARKS) == [{"local_day": DAY, "only": False}]


def test_a_settlement_of_the_same_instant_has_its_days_computed_whole() -> None:
    shop = Shop.open()
    mark(shop, {(DE, DAY)})
    assert shop.select(_MARKS) == [{"local_day": DAY, "only": True}]
    shop.settlement_document(AT, AT)  # recorded at NOON, as the mark
    assert {"local_day": DAY, "only": False} in shop.select(_MARKS)


def test_a_mark_of_the_release_before_has_the_day_computed_whole() -> None:
    shop = Shop.open()
    mark(shop, {(DE, DAY)})
    shop.run("update ingest_dirty_day set marked_at = marked_at + interval '1 second'")
    assert shop.select(_MARKS) == [{"local_day": DAY, "only": False}]


@pytest.mark.parametrize("orders_only", [True, False])
def test_no_recomputation_is_lost_with_its_session(
    monkeypatch: pytest.MonkeyPatch,
    orders_only: bool,  # noqa: FBT001
) -> None:
    shop = Shop.open()
    shop.order(AT, store=UK)
    shop.money(AT, "20.00", store=UK, quantity=1)
    shop.roll_up()
    shop.order(AT, "5.00", store=UK)
    shop.money(AT, "1.00", store=UK, quantity=1)
    shop.run("delete from ingest_dirty_day")
    mark(shop, {(UK, DAY)}, orders_only=orders_only)
    name = "run_on_orders" if orders_only else "run_on_counted_lines"
    run = getattr(recompute, name)

    def end_the_session(cursor: Any, *arguments: Any) -> None:  # noqa: ANN401 - as it is called
        run(cursor, *arguments)
        cursor.execute("select pg_terminate_backend(pg_backend_pid())")

    monkeypatch.setattr(recompute, name, end_the_session)
    with pytest.raises((Error, errors.Error)):
        recompute_dirty(tenant=shop.tenant, at=NOON, using="worker")
    monkeypatch.undo()
    assert shop.day(DAY, UK)["ordered_sales"] == Decimal(20)
    assert shop.roll_up() == 1
    assert shop.day(DAY, UK)["ordered_sales"] == Decimal(25)
    assert shop.day(DAY, UK)["net_proceeds"] == Decimal(20 if orders_only else 21)
