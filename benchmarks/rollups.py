"""Benchmark: recomputation of all days of a shop against plain sums.

Two plain sums of the same lines, by day and by product. Ours, as the worker's role under row
security: `recompute_dirty` of 200 days, which matches every transaction of the Finances API with
the stored settlements and fills both rollup tables. The baseline, as a superuser: `insert … select
sum(amount) … group by` over the very same lines, once by day and charge type and once by day,
product and charge type, with no transaction left out. Runs are interleaved; medians of
milliseconds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DAYS = 200
ORDERS = 30_000
#: Of ten orders, two are in no stored settlement yet.
UNSETTLED = 2
ROUNDS = 5
BAR = 35.0
STORE = "A1PA6795UKMFR9"

_LINES = """
insert into ingest_ledger_line (tenant_id, local_day, source, source_key, source_line,
    connection_id, marketplace_id, posted_at, state, kind, transaction_type, breakdown, currency,
    amount, order_id, sku)
select %(tenant)s, day, source,
       case source when 'finances' then 'T-' || n else 'S-' || (n %% %(days)s) / 14 end,
       case source when 'finances' then line else 3 * n + line end, %(tenant)s, %(store)s,
       day + interval '13 hours' + (n %% 3600) * interval '1 second',
       case source when 'finances' then 'released' else 'settled' end, kind, 'Shipment', kind,
       'EUR', amount, '303-' || n, 'SKU-' || n %% 400
from (select n, %(last)s::date - (n %% %(days)s)::int as day
      from generate_series(1, %(orders)s) n) o
cross join (values (1, 'principal', 20.00), (2, 'referral', -3.00), (3, 'fba_fulfilment', -4.10))
    charge (line, kind, amount)
cross join (values ('finances'), ('settlement')) book (source)
where source = 'finances' or n %% 10 >= %(unsettled)s
"""
_MARK = """
insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)
select %(tenant)s, %(store)s, %(last)s::date - n, now() from generate_series(0, %(days)s - 1) n
on conflict (tenant_id, marketplace_id, local_day) do update set marked_at = excluded.marked_at
"""
_PLAIN = (
    (
        "create temp table plain_day on commit drop as select local_day, kind, sum(amount) from"
        " ingest_ledger_line where tenant_id = %(tenant)s group by 1, 2"
    ),
    (
        "create temp table plain_product on commit drop as select local_day, sku, kind, sum(amount)"
        " from ingest_ledger_line where tenant_id = %(tenant)s group by 1, 2, 3"
    ),
)


def run() -> dict[str, Any]:
    """Measure, and return name, ours, baseline, ratio, unit and bar."""
    from tests import conftest as setting

    # the fixture's own generator
    fixture: Iterator[str] = setting.database.__wrapped__()  # type: ignore[attr-defined]
    database = next(fixture)
    try:
        return _measure(database)
    finally:
        next(fixture, None)


# drivers are imported late
def _load(superuser: Any, values: dict[str, Any]) -> int:  # noqa: ANN401
    """Write the lines of the shop; return how many."""
    superuser.execute("set session_replication_role = replica")
    superuser.execute(_LINES, values)
    superuser.commit()
    superuser.autocommit = True
    superuser.execute("vacuum analyze")
    superuser.autocommit = False
    counted = superuser.execute(
        "select count(*) from ingest_ledger_line where tenant_id = %(tenant)s", values
    ).fetchone()
    superuser.commit()
    assert counted is not None
    return int(counted[0])


def _measure(database: str) -> dict[str, Any]:
    import psycopg
    from tests.database import test_server
    from tests.integration.analytics.facts import NOON, Shop

    from theseller.analytics.rollups.recompute import recompute_dirty

    shop = Shop.open()
    values = {
        "tenant": shop.tenant,
        "store": STORE,
        "last": NOON.date(),
        "days": DAYS,
        "orders": ORDERS,
        "unsettled": UNSETTLED,
    }
    ours: list[float] = []
    baseline: list[float] = []
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        superuser.execute(
            "select guard.ensure_months(%s::date - %s, %s)", [NOON.date(), DAYS + 31, NOON.date()]
        )
        counted = _load(superuser, values)
        for round_ in range(ROUNDS):
            for mine in (True, False) if round_ % 2 else (False, True):
                if mine:
                    superuser.execute(_MARK, values)
                    superuser.commit()
                begun = perf_counter()
                if mine:
                    done = recompute_dirty(tenant=shop.tenant, at=NOON, limit=DAYS, using="worker")
                    assert done.days == DAYS
                else:
                    for statement in _PLAIN:
                        superuser.execute(statement, values)
                    superuser.commit()
                (ours if mine else baseline).append((perf_counter() - begun) * 1000)
        # The baseline counts both books; ours must have counted each order once.
        found = superuser.execute(
            "select sum(net_proceeds) from analytics_day where tenant_id = %(tenant)s", values
        ).fetchone()
    assert found is not None
    assert found[0] == ORDERS * 129 / 10, f"counted {found[0]}"
    return {
        "name": f"{DAYS} days recounted / plain sums, {counted:,} lines",
        "ours": median(ours),
        "baseline": median(baseline),
        "ratio": median(mine / plain for mine, plain in zip(ours, baseline, strict=True)),
        "unit": "ms",
        "bar": BAR,
        "better": "lower",
    }


if __name__ == "__main__":
    print(run())
