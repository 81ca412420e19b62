"""Two recomputations at once, and a write in the middle of one: nothing doubled, no mark lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connections
from tests.integration.analytics.facts import DE, NOON, Shop

from theseller.analytics import tasks
from theseller.analytics.rollups import recompute
from theseller.analytics.rollups.recompute import recompute_dirty
from theseller.analytics.rollups.rollup_recount_check import differences
from theseller.analytics.tasks import dirty_tenants

AT = datetime(2026, 10, 5, 12, tzinfo=UTC)


def test_two_workers_share_the_days_and_none_is_recomputed_twice_or_lost() -> None:
    shop = Shop.open()
    for number in range(12):
        shop.order(AT + timedelta(days=number))
    together = Barrier(2)

    def work() -> int:
        together.wait()
        done = 0
        try:
            while (
                batch := recompute_dirty(tenant=shop.tenant, at=NOON, limit=2, using="worker")
            ).days:
                done += batch.days
        finally:
            connections["worker"].close()
        return done

    with ThreadPoolExecutor(2) as pool:
        done = sum(future.result() for future in [pool.submit(work), pool.submit(work)])
    # A worker stops when it finds nothing free, which may be while the other holds the last days.
    done += shop.roll_up()
    assert done == 12
    assert shop.select("select count(*) as n from ingest_dirty_day") == [{"n": 0}]
    assert differences(shop.tenant, days=100, seed=1, using="worker") == ((), 12)


def test_a_day_that_is_marked_again_while_it_is_recomputed_is_recomputed_again() -> None:
    shop = Shop.open()
    shop.order(AT)
    claim = recompute._claim

    def claim_and_be_overtaken(cursor: object, tenant: UUID, limit: int) -> object:
        found = claim(cursor, tenant, limit)  # type: ignore[arg-type]
        # The writer's mark waits for this transaction; here it comes before, as if the row lock had
        # not been there.
        later = "update ingest_dirty_day set marked_at = marked_at + interval '1 second'"
        cursor.execute(later)  # type: ignore[attr-defined]
        return found

    recompute._claim = claim_and_be_overtaken  # type: ignore[assignment]
    try:
        recompute_dirty(tenant=shop.tenant, at=NOON, using="worker")
    finally:
        recompute._claim = claim
    assert shop.select("select count(*) as n from ingest_dirty_day") == [{"n": 1}]
    assert shop.roll_up() == 1


def test_a_day_without_base_rows_left_has_no_rollup() -> None:
    shop = Shop.open()
    shop.order(AT)
    shop.money(AT, "20.00")
    shop.roll_up()
    assert shop.day(date(2026, 10, 5))["ordered_sales"] == Decimal(20)
    shop.run("delete from ingest_order_line")
    shop.run("delete from ingest_ledger_line")
    shop.mark(DE, date(2026, 10, 5))
    shop.roll_up()
    assert shop.day(date(2026, 10, 5)) == {}
    assert shop.select("select * from analytics_day_product") == []


def test_recomputing_again_changes_nothing() -> None:
    shop = Shop.open()
    shop.order(AT)
    shop.roll_up()
    first = shop.day(date(2026, 10, 5))
    shop.mark(DE, date(2026, 10, 5))
    assert recompute_dirty(tenant=shop.tenant, at=NOON, using="worker").days == 1
    assert shop.day(date(2026, 10, 5)) == first
    assert recompute_dirty(tenant=shop.tenant, at=NOON, using="worker").days == 0


def test_one_shop_s_recomputation_leaves_the_other_s_figures_and_marks_alone() -> None:
    alice, charlie = Shop.open(), Shop.open("Charlie's shop")
    alice.order(AT)
    charlie.order(AT, "99.00")
    alice.roll_up()
    assert charlie.day(date(2026, 10, 5)) == {}
    assert charlie.roll_up() == 1
    assert alice.day(date(2026, 10, 5))["ordered_sales"] == Decimal(20)
    assert charlie.day(date(2026, 10, 5))["ordered_sales"] == Decimal(99)


def test_tenants_with_dirty_days_are_found_by_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_TENANTS", 10_000)  # the marks that other tests left are older
    shop = Shop.open()
    shop.order(AT)
    assert dirty_tenants_as_worker().count(shop.tenant) == 1
    shop.roll_up()
    assert shop.tenant not in dirty_tenants_as_worker()


def dirty_tenants_as_worker() -> list[UUID]:
    return dirty_tenants(using="worker")
