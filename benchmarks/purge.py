"""Benchmark: erasure of a shop, and its effect on another shop.

Rows a second, and the p95 of the other shop's page queries meanwhile, against that without an
erasure. Both shops are in the same partitions (found by their hash), which is the worst case: every
lock that the vacuum takes blocks the other. Blocks without and blocks with an erasure, at the pace
at which the service erases, take turns; each erasure is of a shop of its own. The load is the same
in both: a query is due every 40 ms, whether or not the one before was answered, and its time counts
from when it was due. What counts is the median of the blocks' p95.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from tests.integration.deployment import Deployment, deployment

from theseller.lib.ids import new_id
from theseller.postgres.server_folders import conninfo

BAR, MONTHS, PRODUCTS = 1.2, 18, 100
#: Against the same by hand, without chunks, marks, search or certificate.
RATE_BAR = 0.5
#: How often a query is due, in seconds, and how many ask: an answer that takes long must not keep
#: the next from being taken.
EVERY, ASKERS = 0.04, 4
#: How long a block in peace lasts, in seconds: 1 500 queries.
PEACE = 60.0
_TABLES = ("ingest_order_line", "analytics_day_product")
#: A worker that is up already, as it is in the service: it says so, waits for a line, and erases at
#: the pace that is named.
_PURGE = (
    "import django, sys, time; django.setup()\nfrom uuid import UUID; from theseller.erasure import"
    " work_pacing; from theseller.erasure.connection_erasure import erase_connection; from"
    " theseller.lib import clock\nfrom theseller.erasure.queries import due_connections;"
    " due_connections(at=clock.now()); print('ready', flush=True)\nsys.stdin.readline(); begun ="
    " time.monotonic()\ndone = erase_connection(connection=UUID(sys.argv[1]),"
    " tenant=UUID(sys.argv[2]), at=clock.now(), throttle=getattr(work_pacing,"
    " sys.argv[3]))\nprint(done.completed, sum(done.deleted.values()), time.monotonic() - begun,"
    " done.waiting, flush=True)"
)
#: Queries of the dashboard and of the page of a day.
_BEST = """
select sku, sum(ordered_sales), sum(units), sum(net_proceeds) from analytics_day_product
where tenant_id = %(shop)s and local_day > current_date - 90 group by sku order by 2 desc limit 50
"""
_DAY = """
select order_id, purchased_at, status, sku, quantity, item_price from ingest_order_line
where tenant_id = %(shop)s and marketplace_id = 'ATVPDKIKX0DER' and local_day = current_date - 7
order by purchased_at, order_id limit 400
"""


def run() -> list[dict[str, Any]]:
    """Measure, and print every block.

    Returns:
        Rows a second (against a plain DELETE) and the ratio of p95.
    """
    rows = int(os.environ.get("THESELLER_PURGE_ROWS") or 200_000)
    blocks = int(os.environ.get("THESELLER_PURGE_BLOCKS") or 5)
    with deployment(archiving=True) as deployed, _superuser(deployed) as database:
        first = UUID(deployed.people()[0]["tenant"])
        other = _neighbour(database, first)
        _fill(database, other, new_id(), rows)
        peace, during, rates = [], [], []
        for number in range(blocks):
            tenant, connection = _ended_shop(database, first, rows)
            with _worker(deployed, connection, tenant) as worker:
                turns = (
                    ("peace", "erase_connection") if number % 2 else ("erase_connection", "peace")
                )
                for turn in turns:
                    if turn == "peace":
                        peace.append(_ask_while(deployed, other, lambda: time.sleep(PEACE)))
                    else:
                        messages: list[str] = []
                        during.append(
                            _ask_while(
                                deployed,
                                other,
                                lambda: messages.append(_go(worker)),  # noqa: B023
                            )
                        )
                        completed, deleted, seconds = messages[0].split()[:3]
                        assert completed == "True", messages[0]
                        rates.append(int(deleted) / float(seconds))
            print(
                f"  block {number + 1}: {deleted} rows in {float(seconds):.1f} s; the other "
                f"shop: {_summary(during[-1])}; in peace: {_summary(peace[-1])}",
                flush=True,
            )
        at_once, plain = _rates_at_once(deployed, database, first, rows, blocks)
    quiet, busy = median(map(_p95, peace)), median(map(_p95, during))
    gently, rate = median(rates), median(at_once)
    print(
        f"  rows a second: {gently:,.0f} at the service's pace, {rate:,.0f} at once,"
        f" {median(plain):,.0f} by hand",
        flush=True,
    )
    return [
        {
            "name": "erase_connection: rows a second at once, rewritten and searched",
            "ours": rate,
            "baseline": median(plain),
            "ratio": rate / median(plain),
            "bar": RATE_BAR,
            "unit": "rows/s; DELETE, VACUUM FULL by hand",
            "at_the_services_pace": gently,
        },
        {
            "name": "erase_connection: another shop's queries meanwhile",
            "ours": busy * 1000,
            "baseline": quiet * 1000,
            "ratio": busy / quiet,
            "bar": BAR,
            "better": "lower",
            "unit": "median p95 ms; in peace",
            "blocks_ms": [[_p95(one) * 1000 for one in kind] for kind in (peace, during)],
        },
    ]


def _rates_at_once(
    deployed: Deployment,
    database: psycopg.Connection[tuple[Any, ...]],
    first: UUID,
    rows: int,
    blocks: int,
) -> tuple[list[float], list[float]]:
    """Return rows a second of unthrottled erasures and of plain DELETEs.

    Each block measures both, one after the other.
    """
    at_once, plain = [], []
    for _ in range(blocks):
        tenant, connection = _ended_shop(database, first, rows)
        with _worker(deployed, connection, tenant, "UNTHROTTLED") as worker:
            completed, deleted, seconds = _go(worker).split()[:3]
        assert completed == "True"
        at_once.append(int(deleted) / float(seconds))
        plain.append(_by_hand(database, _ended_shop(database, first, rows)[0]))
    return at_once, plain


def _summary(seconds: list[float]) -> str:
    return (
        f"p50 {median(seconds) * 1000:.1f}, p95 {_p95(seconds) * 1000:.1f}, longest"
        f" {max(seconds) * 1000:.0f} ms of {len(seconds)}"
    )


def _by_hand(database: psycopg.Connection[tuple[Any, ...]], tenant: UUID) -> float:
    """Return the rows a second of a plain deletion of a shop.

    With VACUUM FULL of its tables, and nothing else running.
    """
    begun = time.monotonic()
    deleted = sum(
        database.execute(f"delete from {table} where tenant_id = '{tenant}'".encode()).rowcount
        for table in _TABLES
    )
    for table in _TABLES:
        database.execute(f"vacuum (full, analyze) {table}".encode())
    return deleted / (time.monotonic() - begun)


def _ended_shop(
    database: psycopg.Connection[tuple[Any, ...]], like: UUID, rows: int
) -> tuple[UUID, UUID]:
    """Create a disconnected shop with rows in the same partitions.

    Its only connection was disconnected when all its rows were there.

    Returns:
        (shop, connection).
    """
    tenant, connection = _neighbour(database, like), new_id()
    database.execute(
        "insert into tenancy_tenant (id, name, created_at) values (%s, 'A shop', now())", [tenant]
    )
    database.execute(
        "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
        " marketplace_ids, features, roles, created_at) values (%s, %s, 'files', 'na', '',"
        " '{ATVPDKIKX0DER}', '{}', '{}', now())",
        [tenant, connection],
    )
    _fill(database, tenant, connection, rows)
    database.execute(
        "insert into connections_disconnection (tenant_id, connection_id, reason, actor, at)"
        " values (%s, %s, 'seller_request', 'process:test', now())",
        [tenant, connection],
    )
    database.execute("analyze")
    database.execute("checkpoint")
    return tenant, connection


def _worker(
    deployed: Deployment, connection: UUID, tenant: UUID, pace: str = "BACKGROUND"
) -> subprocess.Popen[str]:
    """Start a process that will erase, and return when it is ready to."""
    worker = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _PURGE, str(connection), str(tenant), pace],
        env=deployed.environ | {"THESELLER_ROLE": "worker"},
        text=True,
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def _go(worker: subprocess.Popen[str]) -> str:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return worker.stdout.readline()


def _superuser(deployed: Deployment) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(
        conninfo(deployed.state, "theseller_super", deployed.secret("db-superuser")),
        autocommit=True,
    )


def _neighbour(database: psycopg.Connection[tuple[Any, ...]], tenant: UUID) -> UUID:
    """Return a new tenant whose rows are in the same partitions.

    The same of 32 parts is also the same of 4.
    """
    query = (
        "select r from generate_series(0, 31) r where"
        " satisfies_hash_partition('analytics_day_product'::regclass, 32, r, %s::uuid)"
    )
    part = database.execute(query, [tenant]).fetchone()
    while True:
        other = new_id()
        if database.execute(query, [other]).fetchone() == part:
            return other


def _fill(
    database: psycopg.Connection[tuple[Any, ...]], tenant: UUID, connection: UUID, rows: int
) -> None:
    """Give a shop `rows` order lines, and totals by day and product."""
    database.execute(
        "insert into ingest_order_line (tenant_id, local_day, order_id, line_key, connection_id,"
        " marketplace_id, purchased_at, last_updated_at, status, fulfilment, is_business,"
        " is_replacement, sku, asin, quantity, currency, item_price, source) select %s,"
        " current_date - n %% (30 * %s), 'order-' || n, '1', %s, 'ATVPDKIKX0DER', now(), now(),"
        " 'shipped', 'amazon', false, false, 'SKU-' || n %% %s, 'B0' || n %% %s, 1, 'USD', 19.99,"
        " 'orders_api' from generate_series(1, %s) n",
        [tenant, MONTHS, connection, PRODUCTS, PRODUCTS, rows],
    )
    database.execute(
        "insert into analytics_day_product (tenant_id, local_day, marketplace_id, sku, asin,"
        " currency, orders, units, ordered_sales, promotions, refunds, refunded_sales, fees,"
        " net_proceeds) select %s, current_date - d, 'ATVPDKIKX0DER', 'SKU-' || p, 'B0' || p,"
        " 'USD', 1, 1, 19.99, 0, 0, 0, -3, 16.99 from generate_series(0, 30 * %s) d,"
        " generate_series(1, %s) p",
        [tenant, MONTHS, PRODUCTS],
    )


def _ask_while(deployed: Deployment, tenant: UUID, work: Callable[[], object]) -> list[float]:
    """Request the two pages in turns while `work` is done.

    One is due every `EVERY` seconds.

    Returns:
        The seconds of each answer since it was due.
    """
    seconds: list[float] = []
    ended, begun, turn = threading.Event(), time.monotonic(), threading.Lock()
    taken = 0

    def ask() -> None:
        nonlocal taken
        with _superuser(deployed) as asking:
            while not ended.is_set():
                with turn:
                    number, taken = taken, taken + 1
                due = begun + number * EVERY
                if (early := due - time.monotonic()) > 0 and ended.wait(early):
                    return
                asking.execute(
                    (_BEST if number % 2 else _DAY).encode(), {"shop": tenant}
                ).fetchall()
                seconds.append(time.monotonic() - due)

    askers = [threading.Thread(target=ask) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    try:
        work()
    finally:
        ended.set()
        for asker in askers:
            asker.join()
    return seconds


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[math.ceil(len(seconds) * 0.95) - 1]


if __name__ == "__main__":
    print(run())
