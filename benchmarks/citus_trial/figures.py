"""Figures: the same statements on one plain PostgreSQL and on the cluster, in turns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

from benchmarks.citus_trial.cluster import COORDINATOR, PLAIN, Cluster
from benchmarks.citus_trial.deployment import product_on
from benchmarks.citus_trial.report import Figure

#: A tenant's rows: order lines, and ledger lines of half as many orders.
ORDER_LINES, LEDGER_LINES = 2_000, 3_000
DAYS, ROUNDS, SHOPS, BULK = 120, 5, 5, 20_000
LAST = date(2026, 11, 22)
STORE = "A1PA6795UKMFR9"
_TENANTS = "insert into tenancy_tenant select unnest(%(tenants)s::uuid[]), 'A shop', now()"
_LINES = """
insert into ingest_order_line (tenant_id, local_day, order_id, line_key, connection_id,
    marketplace_id, purchased_at, last_updated_at, status, fulfilment, is_business, is_replacement,
    sku, asin, quantity, currency, item_price, source)
select tenant, day, '303-' || n, '1', tenant, %(store)s, day + interval '13 hours',
       day + interval '13 hours', 'shipped', 'amazon', false, false, 'SKU-' || n %% 60,
       'B0' || n %% 60, 1, 'EUR', 5 + n %% 40, 'orders_api'
from unnest(%(tenants)s::uuid[]) tenant,
     lateral (select n, %(last)s::date - (n %% %(days)s)::int as day
              from generate_series(1, %(lines)s) n) line
"""
_MONEY = """
insert into ingest_ledger_line (tenant_id, local_day, source, source_key, source_line,
    connection_id, marketplace_id, posted_at, state, kind, transaction_type, breakdown, currency,
    amount, order_id, sku)
select tenant, day, 'finances', 'T-' || n, line, tenant, %(store)s, day + interval '14 hours',
       'released', kind, 'Shipment', kind, 'EUR', amount, '303-' || n, 'SKU-' || n %% 60
from unnest(%(tenants)s::uuid[]) tenant,
     lateral (select n, %(last)s::date - (n %% %(days)s)::int as day
              from generate_series(1, %(money)s / 3) n) o,
     (values (1, 'principal', 20.00), (2, 'referral', -3.00), (3, 'fba_fulfilment', -4.10))
         charge (line, kind, amount)
"""
_COPIED = (
    "tenancy_tenant",
    "ingest_order_line",
    "ingest_ledger_line",
    "analytics_day",
    "analytics_day_product",
)
_COLUMNS = (
    ("local_day", "date"),
    ("order_id", "text"),
    ("line_key", "text"),
    ("purchased_at", "timestamptz"),
    ("sku", "text"),
    ("item_price", "numeric"),
)


def load(cluster: Cluster, count: int) -> list[UUID]:
    """Write the tenants' rows on the plain server and copy them to the cluster, with rollups."""
    from theseller.lib.ids import new_id

    tenants = [new_id() for _ in range(count)]
    values = {
        "tenants": tenants, "store": STORE, "last": LAST, "days": DAYS, "lines": ORDER_LINES,
        "money": LEDGER_LINES,
    }  # fmt: skip
    with (
        cluster.connect(PLAIN, autocommit=True) as plain,
        cluster.connect(COORDINATOR, autocommit=True) as coordinator,
    ):
        plain.execute("select guard.ensure_months(%s, %s)", [LAST - timedelta(days=330), LAST])
        for statement in (_TENANTS, _LINES, _MONEY):
            plain.execute(statement, values)
        with product_on(cluster, PLAIN):
            for tenant in tenants[: (ROUNDS + 1) * SHOPS]:
                _mark(tenant)
                _roll_up(tenant)
        for table in _COPIED:
            columns = ", ".join(
                name
                for (name,) in plain.execute(
                    "select quote_ident(attname) from pg_attribute where attrelid = %s::regclass"
                    " and attnum > 0 and not attisdropped order by attnum",
                    [table],
                ).fetchall()
            )
            with (
                plain.cursor().copy(
                    f"copy (select {columns} from {table} where"
                    f" {'id' if table == 'tenancy_tenant' else 'tenant_id'} = any (%s)) to stdout"
                    " (format binary)",
                    [tenants],
                ) as source,
                coordinator.cursor().copy(
                    f"copy {table} ({columns}) from stdin (format binary)"
                ) as target,
            ):
                for block in source:
                    target.write(block)
        plain.execute("vacuum analyze")
        coordinator.execute("vacuum analyze ingest_order_line, ingest_ledger_line")
    return tenants


def run(cluster: Cluster, tenants: list[UUID], form: str) -> list[Figure]:
    """Measure in rounds, the plain server and the cluster in turns.

    Args:
        cluster: the servers.
        tenants: those that `load` made.
        form: the name of the form that the cluster has now.
    """
    values: dict[str, dict[str, list[float]]] = {}
    for round_ in range(ROUNDS + 1):
        shops = tenants[round_ * SHOPS : (round_ + 1) * SHOPS]
        turns = ((PLAIN, PLAIN), (form, COORDINATOR))
        for variant, server in turns if round_ % 2 else reversed(turns):
            with product_on(cluster, server):
                found = _round(shops, f"{form}-{server}-{round_}")
            for name, value in found.items():
                if round_:  # The first warms caches up.
                    values.setdefault(name, {}).setdefault(variant, []).append(value)
    return [
        Figure(name, "rows/s" if "rows" in name else "ms", found) for name, found in values.items()
    ]


def _round(tenants: list[UUID], mark: str) -> dict[str, float]:
    from django.db import NotSupportedError

    times: dict[str, list[float]] = {}

    def timed(name: str, act: Callable[[], object]) -> None:
        begun = perf_counter()
        try:
            act()
        except NotSupportedError:  # Citus refuses the statement: there is no figure.
            return
        times.setdefault(name, []).append((perf_counter() - begun) * 1000)

    for tenant in tenants:
        _mark(tenant)
        timed(f"rollups of {DAYS} days of a tenant", lambda tenant=tenant: _roll_up(tenant))
        timed("dashboard, 28 days", lambda tenant=tenant: _dashboard(tenant))
        timed("entries and orders of a day", lambda tenant=tenant: _day(tenant))
        timed("a scope with one row read", lambda tenant=tenant: _scope(tenant))
    written = f"bulk write of {BULK:,} rows"
    rows = _rows(mark)
    timed(written, lambda: _bulk(tenants[0], rows))
    found = {name: median(each) for name, each in times.items()}
    if written in found:
        found[written] = BULK / found[written] * 1000
    return found


def _mark(tenant: UUID) -> None:
    from theseller.ingest.facts.bulk_writer import Bulk
    from theseller.ingest.facts.dirty_days import mark_dirty_days
    from theseller.lib import clock
    from theseller.tenancy.tenant_scope import tenant_scope

    days = [(STORE, LAST - timedelta(days=number)) for number in range(DAYS)]
    with tenant_scope(tenant, using="worker"):
        mark_dirty_days(Bulk(tenant, "worker"), days, clock.now())


def _roll_up(tenant: UUID) -> None:
    from theseller.analytics.rollups.recompute import recompute_dirty
    from theseller.lib import clock

    done = recompute_dirty(tenant=tenant, at=clock.now(), limit=DAYS, using="worker")
    assert done.days == DAYS, done


def _dashboard(tenant: UUID) -> None:
    from theseller.analytics.pages import queries
    from theseller.analytics.pages.page_filters import store_options
    from theseller.analytics.pages.periods import Span
    from theseller.analytics.pages.product_queries import ProductQuery, product_page
    from theseller.tenancy.tenant_scope import tenant_scope

    with tenant_scope(tenant, using="web"):
        scope = store_options(queries.stores(using="web"))[0].scope
        span = Span(LAST - timedelta(days=27), LAST)
        before = span.shifted(-28)
        assert queries.day_series(scope, span, before, using="web").total.order_items
        assert product_page(scope, span, before, ProductQuery(most=10), using="web").rows


def _day(tenant: UUID) -> None:
    from theseller.analytics.pages import queries
    from theseller.tenancy.tenant_scope import tenant_scope

    with tenant_scope(tenant, using="web"):
        queries.day_entries(STORE, LAST, most=400, using="web")
        queries.day_orders(STORE, LAST, most=400, using="web")


def _scope(tenant: UUID) -> None:
    from django.db import connections

    from theseller.tenancy.tenant_scope import tenant_scope

    with tenant_scope(tenant, using="web"), connections["web"].cursor() as cursor:
        cursor.execute("select name from tenancy_tenant where id = %s", [tenant])
        assert cursor.fetchall()


def _rows(mark: str) -> list[tuple[Any, ...]]:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    return [
        (LAST, f"{mark}-{number}", "1", at, f"SKU-{number % 60}", Decimal("12.50"))
        for number in range(BULK)
    ]


def _bulk(tenant: UUID, rows: list[tuple[Any, ...]]) -> None:
    from theseller.ingest.facts.bulk_writer import Bulk
    from theseller.tenancy.tenant_scope import tenant_scope

    names = ", ".join(name for name, _ in _COLUMNS)
    with tenant_scope(tenant, using="worker"):
        bulk = Bulk(tenant, "worker")
        bulk.create_stage("incoming_trial", _COLUMNS)
        bulk.copy("incoming_trial", _COLUMNS, [rows])
        written = bulk.run(
            "insert into ingest_order_line (tenant_id, connection_id, marketplace_id,"
            " last_updated_at, status, fulfilment, is_business, is_replacement, asin, quantity,"
            f" source, {names}) select %(tenant)s, %(tenant)s, 'US', purchased_at, 'shipped',"
            f" 'amazon', false, false, 'B', 1, 'orders_api', {names} from pg_temp.incoming_trial"
        )
    assert written == BULK, written
