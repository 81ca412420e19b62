# Django and the test database are set up before our modules are imported; drivers are untyped.
"""Benchmark: the dashboard's queries with and without row-level security.

Over a million order items. Ours: the web's role, a transaction with its signed ticket, every policy
in force. Baseline: the very same statements, which filter by tenant anyway, by a superuser, whom no
policy binds. Interleaved over many shops, from a fifth of all items down to a handful; medians. The
absolute times are those of the server on this machine, cache warm, without the drawing of the page.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ITEMS = 1_000_000
TENANTS = 40
DAYS = 540
ROUNDS = 120
BAR = 1.2
LAST = date(2026, 11, 22)
STORES = ("A1PA6795UKMFR9", "A13V1IB3VIYZZH")
Statement = tuple[str, Any]

#: One shop's order lines: weighted towards few products, spread over all days. `%(rank)s` makes
#: small shops have few products.
LOAD = """
insert into ingest_order_line (tenant_id, local_day, order_id, line_key, connection_id,
    marketplace_id, purchased_at, last_updated_at, status, fulfilment, is_business, is_replacement,
    sku, asin, quantity, currency, item_price, source)
select %(tenant)s, day, '303-' || n, '1', %(tenant)s, (%(stores)s::text[])[1 + n %% 2],
       day + interval '13 hours', day + interval '13 hours', 'shipped', 'amazon', false, false,
       'SKU-' || product, 'B0' || product, 1, 'EUR', 5 + product %% 40, 'orders_api'
from (
    select n, %(last)s::date - (n %% %(days)s)::int as day,
        floor(%(products)s ^ random())::int as product
    from generate_series(1, %(items)s) n
) line
"""
DAY = """
insert into analytics_day
select tenant_id, local_day, marketplace_id, currency, count(distinct order_id), 0, 0, count(*),
       sum(quantity), 0, sum(item_price), 0, 0, sum(item_price), 0, 0, 0, -sum(item_price) * 0.3,
       0, 0, 0, sum(item_price) * 0.7, -sum(item_price) * 0.15, -sum(item_price) * 0.15, 0, 0,
       'finances', now()
from ingest_order_line group by tenant_id, local_day, marketplace_id, currency order by 1, 2, 3
"""
DAY_PRODUCT = """
insert into analytics_day_product
select tenant_id, local_day, marketplace_id, sku, max(asin), currency, count(distinct order_id),
       sum(quantity), sum(item_price), 0, 0, 0, -sum(item_price) * 0.3, sum(item_price) * 0.7
from ingest_order_line group by tenant_id, local_day, marketplace_id, sku, currency
order by 1, 2, 3, 4
"""


def run() -> list[dict[str, Any]]:
    """Measure a page of 28 days, one of a year, and the rows behind a day.

    Returns:
        name, ours, baseline, ratio, unit and bar of each.
    """
    from tests import conftest as setting

    # the fixture's own generator
    fixture: Iterator[str] = setting.database.__wrapped__()  # type: ignore[attr-defined]
    database = next(fixture)
    try:
        shops = load(database)
        return [
            _measure(database, shops, name, days)
            for name, days in (
                ("dashboard, 28 days", 28),
                ("dashboard, 12 months", 365),
                ("rows behind a day", 0),
            )
        ]
    finally:
        next(fixture, None)


def load(database: str) -> list[UUID]:
    """Load a million order items and their rollups.

    Returns:
        The shops, largest first.
    """
    import psycopg
    from tests.database import test_server

    from theseller.lib.ids import new_id

    shops = [new_id() for _ in range(TENANTS)]
    share = ITEMS / sum(1 / (rank + 1) for rank in range(TENANTS))
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "set session_replication_role = replica; set synchronous_commit = off; select"
            " setseed(0.5)"
        )
        superuser.execute(
            "select guard.ensure_months(%s, %s)", [LAST - timedelta(days=DAYS + 31), LAST]
        )
        for rank, shop in enumerate(shops):
            superuser.execute(
                LOAD,
                {
                    "tenant": shop,
                    "stores": list(STORES),
                    "last": LAST,
                    "days": DAYS,
                    "items": round(share / (rank + 1)),
                    "products": 40 + 3000 // (rank + 1),
                },
            )
        superuser.execute(DAY)
        superuser.execute(DAY_PRODUCT)
        superuser.execute("vacuum analyze")
        found = superuser.execute("select count(*) from ingest_order_line").fetchone()
    assert found is not None
    assert abs(found[0] - ITEMS) < ITEMS / 100, found
    return shops


def statements(shop: UUID, days: int) -> list[Statement]:
    """Return what the page really asks, caught on its way to the database."""
    from django.db import connections

    from theseller.analytics.pages import queries
    from theseller.analytics.pages.page_filters import store_options
    from theseller.analytics.pages.periods import Span
    from theseller.analytics.pages.product_queries import ProductQuery, product_page
    from theseller.ingest.sync.queries import freshness, progress
    from theseller.tenancy.tenant_scope import tenant_scope

    caught: list[Statement] = []

    def catch(
        execute: Any,  # noqa: ANN401
        sql: str,
        params: Any,  # noqa: ANN401
        many: bool,  # noqa: FBT001
        context: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        caught.append((sql, params))
        return execute(sql, params, many, context)

    with tenant_scope(shop, using="web"), connections["web"].execute_wrapper(catch):
        if days:
            scope = store_options(queries.stores(using="web"))[0].scope
            span = Span(LAST - timedelta(days=days - 1), LAST)
            before = span.shifted(-min(days, DAYS - days))
            assert queries.day_series(scope, span, before, using="web").total.order_items
            assert product_page(scope, span, before, ProductQuery(most=10), using="web").rows
            freshness(using="web")
            progress(using="web")
        else:
            for store in STORES:
                queries.day_entries(store, LAST, most=400, using="web")
                queries.day_orders(store, LAST, most=400, using="web")
    return caught


def _measure(database: str, shops: list[UUID], name: str, days: int) -> dict[str, Any]:
    import psycopg
    from tests.database import role_dsn, test_server

    chance = random.Random(7)  # repeatable, not secret
    weights = [1 / (rank + 1) for rank in range(len(shops))]
    measured = {shop: statements(shop, days) for shop in shops}
    ours: list[float] = []
    baseline: list[float] = []
    with (
        psycopg.connect(role_dsn("web", database), cursor_factory=psycopg.ClientCursor) as web,
        psycopg.connect(
            test_server().superuser_dsn(database), cursor_factory=psycopg.ClientCursor
        ) as superuser,
    ):
        from theseller.tenancy.tenant_scope import read_session

        session = read_session(web)
        for round_ in range(ROUNDS):
            shop = chance.choices(shops, weights)[0]
            for mine in (True, False) if round_ % 2 else (False, True):
                connection, times = (web, ours) if mine else (superuser, baseline)
                begun = perf_counter()
                with connection.cursor() as cursor:
                    if mine:
                        open_scope(cursor, session, shop)
                    for sql, params in measured[shop]:
                        cursor.execute(sql, params)
                        cursor.fetchall()
                connection.commit()
                times.append((perf_counter() - begun) * 1000)
    print(
        f"  {name}: ours p50 {median(ours):.1f} ms, p95 {quantiles(ours, n=20)[-1]:.1f} ms;"
        f" baseline p50 {median(baseline):.1f} ms, p95 {quantiles(baseline, n=20)[-1]:.1f} ms"
    )
    return {
        "name": f"{name}: row security / plain filter, 1 M items",
        "ours": median(ours),
        "baseline": median(baseline),
        "ratio": median(mine / plain for mine, plain in zip(ours, baseline, strict=True)),
        "unit": "ms",
        "bar": BAR,
        "better": "lower",
        "p50_ms": median(ours),
        "p95_ms": quantiles(ours, n=20)[-1],
    }


def open_scope(cursor: Any, session: Any, shop: UUID) -> None:  # noqa: ANN401
    """Give the transaction of `cursor` a ticket for `shop`."""
    from django.conf import settings

    from theseller.crypto.hmac_and_tenant_ticket import tenant_ticket

    ticket = tenant_ticket(
        settings.TENANT_TICKET_KEY(),
        shop,
        session,
        datetime.now(UTC) + timedelta(minutes=5),  # noqa: TID251
    )  # the machine's own
    cursor.execute("select set_config('theseller.ticket', %s, true)", [ticket])


if __name__ == "__main__":
    for result in run():
        print(result)
