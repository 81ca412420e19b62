"""Erasing a shop: rows a second, and what another shop's dashboard query feels of it (p95 while it runs, against p95 in peace).

Both shops lie in the same partitions (found by their hash), which is the worst case: every lock that the rewriting takes is in the way.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from tests.integration.governance.deployment import Deployment, deployment

from theseller.lib.ids import new_id
from theseller.postgres.layout import conninfo

BAR, MONTHS, PRODUCTS = 1.2, 18, 100
#: Against the same by hand, without chunks, marks, search or certificate.
RATE_BAR = 0.5
_TABLES = ("ingest_order_line", "analytics_day_product")
_PURGE = (
    "from uuid import UUID; from theseller.retention.operations import purge; from theseller.lib import clock\n"
    "import time; begun = time.monotonic(); done = purge(connection=UUID(sys.argv[1]), tenant=UUID(sys.argv[2]), at=clock.now())\n"
    "print(done.completed, sum(done.deleted.values()), time.monotonic() - begun, done.waiting)"
)


def run() -> list[dict[str, Any]]:
    """Measure; print the longest wait; return rows a second (against a plain DELETE) and the ratio of p95."""
    rows = int(os.environ.get("THESELLER_PURGE_ROWS") or 200_000)
    with deployment(archiving=True) as deployed, _superuser(deployed) as database:
        person = deployed.people()[0]
        other = _neighbour(database, UUID(person["tenant"]))
        for tenant, connection in ((UUID(person["tenant"]), UUID(person["connection"])), (other, new_id())):
            _fill(database, tenant, connection, rows)
        database.execute("analyze")
        database.execute("checkpoint")
        peace = _ask_while(deployed, other, lambda: time.sleep(10))
        database.execute("delete from connections_refresh_token where connection_id = %s", [person["connection"]])
        database.execute(
            "insert into connections_disconnection (tenant_id, connection_id, reason, actor, at)"
            " values (%s, %s, 'seller_request', 'process:test', now())",
            [person["tenant"], person["connection"]],
        )
        told: list[str] = []
        during = _ask_while(deployed, other, lambda: told.append(deployed.ask(_PURGE, person["connection"], person["tenant"])))
        begun = time.monotonic()
        plainly = sum(database.execute(f"delete from {table} where tenant_id = '{other}'".encode()).rowcount for table in _TABLES)
        for table in _TABLES:
            database.execute(f"vacuum (full, analyze) {table}".encode())
        plain = plainly / (time.monotonic() - begun)
    completed, deleted, seconds = told[0].split()[:3]
    assert completed == "True", told[0]
    quiet, busy = _p95(peace), _p95(during)
    print(f"  purge of {deleted} rows: {float(seconds):.1f} s; the other shop: {len(during)} queries, longest {max(during) * 1000:.0f} ms,"
          f" in peace {max(peace) * 1000:.0f} ms", flush=True)  # fmt: skip
    rate = int(deleted) / float(seconds)
    return [
        {"name": "purge: rows a second, rewritten and searched", "ours": rate, "baseline": plain, "ratio": rate / plain, "bar": RATE_BAR,
         "unit": "rows/s; DELETE, VACUUM FULL by hand"},
        {"name": "purge: another shop's dashboard meanwhile", "ours": busy * 1000, "baseline": quiet * 1000, "ratio": busy / quiet,
         "bar": BAR, "better": "lower", "unit": "p95 ms; in peace"},
    ]  # fmt: skip


def _superuser(deployed: Deployment) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(conninfo(deployed.state, "theseller_super", deployed.secret("db-superuser")), autocommit=True)


def _neighbour(database: psycopg.Connection[tuple[Any, ...]], tenant: UUID) -> UUID:
    """Return a new tenant whose rows lie in the same partitions."""
    query = "select r from generate_series(0, 3) r where satisfies_hash_partition('ingest_order_line'::regclass, 4, r, %s::uuid)"
    part = database.execute(query, [tenant]).fetchone()
    while True:
        other = new_id()
        if database.execute(query, [other]).fetchone() == part:
            return other


def _fill(database: psycopg.Connection[tuple[Any, ...]], tenant: UUID, connection: UUID, rows: int) -> None:
    """Give a shop `rows` order lines over the months, and the totals of its days and products."""
    database.execute(
        "insert into ingest_order_line (tenant_id, local_day, order_id, line_key, connection_id, marketplace_id, purchased_at,"
        " last_updated_at, status, fulfilment, is_business, is_replacement, sku, asin, quantity, currency, item_price, source)"
        " select %s, current_date - n %% (30 * %s), 'order-' || n, '1', %s, 'ATVPDKIKX0DER', now(), now(), 'shipped', 'amazon', false, false,"
        " 'SKU-' || n %% %s, 'B0' || n %% %s, 1, 'USD', 19.99, 'orders_api' from generate_series(1, %s) n",
        [tenant, MONTHS, connection, PRODUCTS, PRODUCTS, rows],
    )
    database.execute(
        "insert into analytics_day_product (tenant_id, local_day, marketplace_id, sku, asin, currency, orders, units, ordered_sales,"
        " promotions, refunds, refunded_sales, fees, net_proceeds) select %s, current_date - d, 'ATVPDKIKX0DER', 'SKU-' || p, 'B0' || p,"
        " 'USD', 1, 1, 19.99, 0, 0, 0, -3, 16.99 from generate_series(0, 30 * %s) d, generate_series(1, %s) p",
        [tenant, MONTHS, PRODUCTS],
    )


def _ask_while(deployed: Deployment, tenant: UUID, work: Any) -> list[float]:  # noqa: ANN401  something to call
    """Ask for a month of the dashboard's best products again and again while `work` is done; return the seconds of each answer."""
    seconds: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        with _superuser(deployed) as asking:
            while not ended.is_set():
                begun = time.monotonic()
                asking.execute(
                    "select sku, sum(ordered_sales), sum(units), sum(net_proceeds) from analytics_day_product where tenant_id = %s"
                    " and local_day > current_date - 90 group by sku order by 2 desc limit 50", [tenant],
                ).fetchall()  # fmt: skip
                seconds.append(time.monotonic() - begun)
                time.sleep(0.02)

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        work()
    finally:
        ended.set()
        asker.join()
    return seconds


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[math.ceil(len(seconds) * 0.95) - 1]


if __name__ == "__main__":
    print(run())
