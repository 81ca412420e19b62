"""Cover as the emulated Amazon's own stock and orders make it, through streams and rollups."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from fractions import Fraction

from tests.conftest import as_role
from tests.expected_figures import SMALL_SELLER, ExpectedFigures
from tests.integration.ingest.sync.conftest import DE, UK, Worker

from theseller.analytics.inventory.queries import inventory
from theseller.analytics.rollups.recompute import recompute_dirty
from theseller.ingest.facts.history_windows import HISTORY_WINDOWS
from theseller.lib import clock
from theseller.lib.marketplaces import local_day
from theseller.tenancy.tenant_scope import tenant_scope

CODES = {UK: "UK", DE: "DE"}


def test_stock_and_cover_equal_what_amazon_sold_and_has(worker: Worker) -> None:
    """The newest window of the history is fetched: averages are over its whole days."""
    worker.finish("orders_history")
    worker.finish("orders")
    worker.set_cursor("orders_history", pending=list(range(1, HISTORY_WINDOWS)))
    for store in CODES:
        assert worker.run("inventory", store) == 1
    while recompute_dirty(tenant=worker.tenant, at=clock.now()).more:
        pass
    at = clock.now()
    with as_role("web"), tenant_scope(worker.tenant):
        rows = inventory(list(CODES), at)
    assert len(rows) > 10
    known = {row.level.marketplace_id: [one.covered for one in row.windows] for row in rows}
    assert all(days[0] == 7 and 28 <= days[1] == days[2] <= 30 for days in known.values())
    sold = 0
    for store, code in CODES.items():
        truth, today = ExpectedFigures(SMALL_SELLER, code), local_day(store, at)
        first = today - timedelta(days=known[store][1])
        units = truth.units_by_product(first, today - timedelta(days=1), at)
        found = {row.level.sku: row for row in rows if row.level.marketplace_id == store}
        levels = truth.stock(at)
        assert {sku: row.level.fulfillable for sku, row in found.items()} == {
            sku: fulfillable for sku, (fulfillable, _) in levels.items()
        }
        for sku, row in found.items():
            assert row.level.inbound == levels[sku][1], sku
            week, month = (
                sum(
                    (units[today - timedelta(days=back)] for back in range(1, days + 1)), Counter()
                )[sku]
                for days in known[store][:2]
            )
            assert [one.units for one in row.windows] == [week, month, month], sku
            rate = max(Fraction(week, 7), Fraction(month, known[store][1]))
            assert row.cover_days == (Fraction(row.level.fulfillable) / rate if rate else None)
            sold += month
    assert sold > 100
