# Django and the test database are set up before our modules are imported; drivers are untyped.
"""Benchmark: the reconciliation of a month and the open balance against plain sums.

A shop with 47,000 orders in 18 months, all of whose transactions are stored twice: of the Finances
API and, up to two weeks ago, in settlements. Ours, as the web's role under row security: the whole
of what the pages read, which matches transactions with settlements. The baseline, as a superuser:
plain sums of the same order lines and ledger lines, with no transaction left out. Runs are
interleaved; medians of milliseconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DAYS = 540
ORDERS = 47_000
#: Days of a settlement, and how many of the last ones are in none yet or deferred.
PERIOD, OPEN, DEFERRED = 14, 14, 7
ROUNDS = 9
BAR_MONTH, BAR_BALANCE = 12.0, 20.0
STORE = "A1PA6795UKMFR9"

_ORDERS = """
insert into ingest_order_line (tenant_id, local_day, order_id, line_key, connection_id,
    marketplace_id, purchased_at, last_updated_at, status, fulfilment, is_business, is_replacement,
    sku, asin, quantity, currency, item_price, source)
select %(tenant)s, day, '303-' || n, '1', %(tenant)s, %(store)s, day + interval '13 hours',
       day + interval '13 hours', 'shipped', 'amazon', false, false, 'SKU-' || n %% 400, 'B0', 1,
       'EUR', 20, 'orders_api'
from (select n, %(last)s::date - (n %% %(days)s)::int as day
      from generate_series(1, %(orders)s) n) o
"""
#: One order in ten is posted two days after it was placed, the others on the day itself.
_LINES = """
insert into ingest_ledger_line (tenant_id, local_day, source, source_key, source_line,
    connection_id, marketplace_id, posted_at, state, kind, transaction_type, breakdown, currency,
    amount, order_id, sku, quantity)
select %(tenant)s, day, source,
       case source when 'finances' then 'T-' || n else 'S-' || age / %(period)s end,
       case source when 'finances' then line else 4 * n + line end, %(tenant)s, %(store)s,
       day + interval '13 hours' + (n %% 3600) * interval '1 second',
       case when source = 'settlement' then 'settled' when age < %(deferred)s then 'deferred'
            else 'released' end,
       kind, 'Shipment', kind, 'EUR', amount, '303-' || n, 'SKU-' || n %% 400,
       case when line = 1 then 1 end
from (select n, %(last)s::date - age as day, age
      from (select n, greatest((n %% %(days)s)::int - case when n %% 10 = 0 then 2 else 0 end, 0)
                as age
            from generate_series(1, %(orders)s) n) placed) o
cross join (values (1, 'principal', 20.00), (2, 'referral', -3.00), (3, 'fba_fulfilment', -4.10),
                   (4, 'item_tax', 3.80)) charge (line, kind, amount)
cross join (values ('finances'), ('settlement')) book (source)
where source = 'finances' or age >= %(open)s
"""
_DOCUMENTS = """
insert into ingest_document (tenant_id, id, connection_id, origin, report_type, source_key,
    content_sha256, marketplace_ids, covers_from, covers_until, rows_kept, recorded_at)
select %(tenant)s, gen_random_uuid(), %(tenant)s, 'imported', %(report)s, 'S-' || n, sha256(''),
       array[%(store)s], %(last)s::date + 1 - (n + 1) * %(period)s,
       %(last)s::date + 1 - n * %(period)s, 1, now()
from generate_series(1, %(days)s / %(period)s) n
"""
_HEADS = """
insert into ingest_settlement (tenant_id, settlement_id, connection_id, currency, total_amount,
    starts_at, ends_at, deposited_at, recorded_at)
select d.tenant_id, d.source_key, d.connection_id, 'EUR', coalesce(sum(l.amount), 0),
       d.covers_from, d.covers_until, d.covers_until, now()
from ingest_document d
left join ingest_ledger_line l
  on l.tenant_id = d.tenant_id and l.source = 'settlement' and l.source_key = d.source_key
where d.tenant_id = %(tenant)s
group by 1, 2, 3, 6, 7
"""
_MARK = """
insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)
select %(tenant)s, %(store)s, %(last)s::date - n, now() from generate_series(0, %(days)s - 1) n
"""
_PLAIN_MONTH = (
    """
    select order_id, sum(item_price) from ingest_order_line
    where tenant_id = %(tenant)s and local_day between %(begin)s and %(end)s group by 1
    """,
    """
    select order_id, kind, source, sum(amount) from ingest_ledger_line
    where tenant_id = %(tenant)s and local_day between %(begin)s and %(end)s group by 1, 2, 3
    """,
    """
    select source_key, kind, sum(amount) from ingest_ledger_line
    where tenant_id = %(tenant)s and source = 'settlement' and source_key = any (%(touching)s)
    group by 1, 2
    """,
)
_PLAIN_BALANCE = (
    """
    select local_day, state, kind, sum(amount) from ingest_ledger_line
    where tenant_id = %(tenant)s and local_day >= %(since)s group by 1, 2, 3
    """,
    """
    select source_key, kind, sum(amount) from ingest_ledger_line
    where tenant_id = %(tenant)s and source = 'settlement' and source_key = any (%(newest)s)
    group by 1, 2
    """,
)


def run() -> list[dict[str, Any]]:
    """Measure, and return name, ours, baseline, ratio, unit and bar of each."""
    from tests import conftest as setting

    # the fixture's own generator
    fixture: Iterator[str] = setting.database.__wrapped__()  # type: ignore[attr-defined]
    database = next(fixture)
    try:
        return _measure(database)
    finally:
        next(fixture, None)


def _measure(database: str) -> list[dict[str, Any]]:
    import psycopg
    from tests.database import test_server
    from tests.integration.analytics.facts import NOON, Shop

    from theseller.analytics.pages.open_balance import open_balances
    from theseller.analytics.pages.periods import Span
    from theseller.analytics.pages.reconciliation import reconcile
    from theseller.analytics.rollups.column_charge_types import SETTLEMENT_REPORTS

    shop, last = Shop.open(), NOON.date()
    month = Span(date(2026, 9, 1), date(2026, 9, 30))
    # Settlement n ended n periods before the last day.
    near = [(last - day).days // PERIOD for day in (month.last, month.first)]
    values = {
        "tenant": shop.tenant,
        "store": STORE,
        "last": last,
        "days": DAYS,
        "orders": ORDERS,
        "period": PERIOD,
        "open": OPEN,
        "deferred": DEFERRED,
        "report": SETTLEMENT_REPORTS[0],
        "begin": month.first,
        "end": month.last,
        "touching": [f"S-{number}" for number in range(near[0], near[1] + 1)],
        "since": last - timedelta(days=OPEN + 3),
        "newest": [f"S-{number}" for number in range(1, 5)],
    }
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        _load(superuser, shop, values)

        def reconciled() -> None:
            found = reconcile(STORE, "EUR", month, NOON, using="web")
            assert found.sales.unexplained is not None
            assert found.settled is not None
            assert found.settled.unexplained is not None
            assert not found.sales.unexplained.amount
            assert not found.settled.unexplained.amount

        def balanced() -> None:
            [found] = open_balances(NOON, using="web")
            assert found.newest
            assert found.deferred_total

        return [
            _compare(superuser, shop, name, ours, plain, values, bar)
            for name, ours, plain, bar in (
                ("reconciliation of a month", reconciled, _PLAIN_MONTH, BAR_MONTH),
                ("open balance", balanced, _PLAIN_BALANCE, BAR_BALANCE),
            )
        ]


def _load(superuser: Any, shop: Any, values: dict[str, Any]) -> None:  # noqa: ANN401
    """Write the shop, and compute its figures."""
    last: date = values["last"]
    superuser.execute("select guard.ensure_months(%s::date - %s, %s)", [last, DAYS + 31, last])
    superuser.execute("set session_replication_role = replica")
    for statement in (_ORDERS, _LINES, _DOCUMENTS, _HEADS, _MARK):
        superuser.execute(statement, values)
    superuser.commit()
    superuser.autocommit = True
    superuser.execute("vacuum analyze")
    superuser.autocommit = False
    shop.roll_up()


def _compare(
    superuser: Any,  # noqa: ANN401
    shop: Any,  # noqa: ANN401
    name: str,
    page: Callable[[], None],
    plain: tuple[str, ...],
    values: dict[str, Any],
    bar: float,
) -> dict[str, Any]:
    from theseller.tenancy.tenant_scope import tenant_scope

    ours: list[float] = []
    baseline: list[float] = []
    for round_ in range(ROUNDS + 1):
        for mine in (True, False) if round_ % 2 else (False, True):
            begun = perf_counter()
            if mine:
                with tenant_scope(shop.tenant, using="web"):
                    page()
            else:
                for statement in plain:
                    superuser.execute(statement, values).fetchall()
                superuser.commit()
            if round_:  # The first warms the cache.
                (ours if mine else baseline).append((perf_counter() - begun) * 1000)
    return {
        "name": f"{name} / plain sums, {ORDERS:,} orders",
        "ours": median(ours),
        "baseline": median(baseline),
        "ratio": median(mine / other for mine, other in zip(ours, baseline, strict=True)),
        "unit": "ms",
        "bar": bar,
        "better": "lower",
    }


if __name__ == "__main__":
    for result in run():
        print(result)
