"""Whatever the base rows are, the rollups are their sums, by a recount in Python.

Over days with 23 and 25 hours, several stores, both bases, cancelled, replaced and unpriced lines.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from tests.integration.analytics.facts import DE, JP, UK, US, Shop

from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.rollups.rollup_recount_check import differences

#: Around the changes of clocks: Pacific on 8 March and 1 November, Europe on 29 March and 25
#: October 2026.
WINDOWS = tuple(
    datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 7), (3, 28), (10, 24), (10, 31))
)
STATES = ("released", "released", "released", "deferred", "settled", "estimated", "reversed")


def _fill(shop: Shop, chance: Random, begin: datetime) -> None:
    def moment() -> datetime:
        return begin + timedelta(minutes=chance.randrange(0, 4 * 24 * 60))

    stores = (US, DE, UK, JP)
    skus = ("MUG-1", "MUG-2", "=PAN", "LID-9")
    for _ in range(30):
        store, at = chance.choice(stores), moment()
        price = None if chance.random() < 0.15 else Decimal(chance.randrange(0, 9000)) / 100
        shop.order(
            at, price, store=store, sku=chance.choice(skus), quantity=chance.randrange(0, 4),
            is_replacement=chance.random() < 0.1,
            status=chance.choice(("shipped", "shipped", "unshipped", "pending", "cancelled")),
            promotion_discount=chance.choice((None, None, Decimal("1.50"), Decimal("-0.70"))),
        )  # fmt: skip
    keys: list[str] = []
    for number in range(70):
        store, kind = chance.choice(stores), chance.choice(tuple(ChargeType))
        amount = Decimal(chance.randrange(-5000, 5000)) / 100
        source = chance.choice(("finances", "finances", "settlement"))
        state = "settled" if source == "settlement" else chance.choice(STATES)
        keys.append(shop.money(
            moment(), amount, kind, store=store, source=source, state=state,
            sku=chance.choice((*skus, None, "")), order_id=chance.choice(("303-1", "303-2", None)),
            source_line=number,
            supersedes=chance.choice(keys) if keys and chance.random() < 0.15 else None,
            currency="EUR" if chance.random() < 0.05 else {US: "USD", DE: "EUR", UK: "GBP",
                JP: "JPY"}[store],
        ))  # fmt: skip
    for _ in range(chance.randrange(0, 3)):
        start = moment()
        middle = start + timedelta(hours=chance.randrange(1, 40))
        stores_of = tuple(sorted(chance.sample(stores, 2)))
        shop.settlement(start, middle, stores_of)
        shop.settlement(middle, middle + timedelta(hours=chance.randrange(1, 60)), stores_of)


@pytest.mark.parametrize("seed", range(8))
def test_rollups_are_the_sums_of_their_base_rows(seed: int) -> None:
    chance, shop = Random(seed), Shop.open()  # repeatable, not secret  # noqa: S311
    _fill(shop, chance, WINDOWS[seed % len(WINDOWS)])
    # A superseding line may be on another day than the line it replaces: its writer marks
    # both.
    shop.run(
        "insert into ingest_dirty_day select tenant_id, marketplace_id, local_day, now() from"
        " ingest_ledger_line group by 1, 2, 3 on conflict do nothing"
    )
    assert shop.roll_up() > 8
    found, looked_at = differences(shop.tenant, days=1000, seed=seed, using="worker")
    assert looked_at > 8
    assert found == ()
    books = {
        row["ledger_source"]
        for row in shop.select("select distinct ledger_source from analytics_day")
    }
    assert "finances" in books


def test_the_recount_finds_a_rollup_that_is_wrong_by_a_cent() -> None:
    shop, at = Shop.open(), datetime(2026, 10, 5, 12, tzinfo=UTC)
    shop.order(at)
    shop.money(at, "20.00")
    shop.roll_up()
    assert differences(shop.tenant, days=10, seed=1, using="worker") == ((), 1)
    shop.run(
        "with deleted as (delete from analytics_day_product returning *) insert into"
        " analytics_day_product select (deleted).tenant_id, local_day, marketplace_id, sku, asin,"
        " currency, orders, units, ordered_sales + 0.01, promotions, refunds, refunded_sales, fees,"
        " net_proceeds, product_sales, posted_orders, posted_lines, posted_units from deleted"
    )
    found, _ = differences(shop.tenant, days=10, seed=1, using="worker")
    assert [(one.sku, one.column) for one in found] == [("MUG-1", "ordered_sales")]


def test_the_recount_finds_a_rollup_without_base_rows_and_base_rows_without_a_rollup() -> None:
    shop, at = Shop.open(), datetime(2026, 10, 5, 12, tzinfo=UTC)
    shop.order(at)
    shop.roll_up()
    shop.run("delete from ingest_order_line")
    assert differences(shop.tenant, days=10, seed=1, using="worker")[0]
    shop.mark(DE, at.date())
    shop.roll_up()
    assert differences(shop.tenant, days=10, seed=1, using="worker") == ((), 0)
    shop.order(at)
    shop.run("delete from ingest_dirty_day")
    assert differences(shop.tenant, days=10, seed=1, using="worker")[0]
