"""Benchmark: ingest of an all-orders report against plain binary COPY.

In rows a second, of the same rows. Ours, as the worker's role: bytes of the report → decode →
minimize → binary COPY into a temporary table → INSERT … SELECT under FORCE row security into the
partitioned table with its checks and indexes, products and dirty days included, committed. The
baseline, as a superuser: binary COPY of ready-made tuples, the very same rows, into an unprotected
table: a heap of these columns without keys, checks, row security or partitions, committed. `keyed`
is the same into a table with our checks, primary key and index; it is printed beside the ratio and
decides nothing. Runs are interleaved.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import conftest as setting  # sets Django up  # isort: skip

import psycopg
from tests.database import test_server

from theseller.amazon.reports.report_reader import Options, stream_report
from theseller.ingest.facts.fact_row_types import ORDER_COLUMNS
from theseller.ingest.facts.order_row_conversion import OrderMinimizer
from theseller.ingest.facts.write_orders import write_orders
from theseller.lib.ids import new_id
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

ROWS = 60_000
RUNS = 5
BAR = 0.5
_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
_HEADER = (
    "amazon-order-id\tmerchant-order-id\tpurchase-date\tlast-updated-date\torder-status"
    "\tfulfillment-channel\tsales-channel\torder-channel\tship-service-level\tproduct-name\tsku"
    "\tasin\titem-status\tquantity\tcurrency\titem-price\titem-tax\tshipping-price"
    "\tshipping-tax\tgift-wrap-price\tgift-wrap-tax\titem-promotion-discount"
    "\tship-promotion-discount\tship-city\tship-state\tship-postal-code\tship-country"
    "\tpromotion-ids\tis-business-order\tpurchase-order-number\tprice-designation"
)


def report(rows: int, seed: int = 7) -> bytes:
    """Return an all-orders report of 30 days.

    3000 products with a long tail; one line in eleven is in an order with another.
    """
    random = Random(seed)  # realistic data, not security
    products = [
        (
            f"SKU-{n:05d}",
            f"B0{n:08d}",
            f"Product number {n} of a lifelike length, in blue",
            500 + random.randrange(9000),
        )
        for n in range(3000)
    ]
    ranks = random.choices(range(3000), weights=[1 / (n + 1) for n in range(3000)], k=rows)
    out = [_HEADER]
    order, bought = "", _AT
    for number, rank in enumerate(ranks):
        if not order or random.random() > 0.09:
            order = f"{random.randrange(100, 999)}-{number:07d}-{random.randrange(10**7):07d}"
            bought = _AT - timedelta(seconds=random.randrange(86_400, 30 * 86_400))
        sku, asin, title, cents = products[rank]
        price, tax = f"{cents / 100:.2f}", f"{cents * 8 // 100 / 100:.2f}"
        updated = (bought + timedelta(hours=random.randrange(1, 23))).strftime(
            "%Y-%m-%dT%H:%M:%S+00:00"
        )
        discount = "1.50" if random.random() < 0.15 else ""
        out.append(
            f"{order}\t{order}\t{bought.strftime('%Y-%m-%dT%H:%M:%S+00:00')}\t{updated}"
            f"\tShipped\tAmazon\tAmazon.com\tWebsiteOrderChannel"
            f"\tExpedited\t{title}\t{sku}\t{asin}\tShipped\t1\tUSD\t{price}\t{tax}"
            f"\t0.00\t\t\t\t{discount}\t\tSEATTLE\tWA\t98101\tUS"
            f"\t{'PLM-1' if discount else ''}\tfalse\t\t"
        )
    return ("\r\n".join(out) + "\r\n").encode()


def run() -> dict[str, Any]:
    """Measure, and return name, ours, baseline, ratio, unit and bar."""
    # the fixture's own generator
    fixture: Iterator[str] = setting.database.__wrapped__()  # type: ignore[attr-defined]
    database = next(fixture)
    try:
        return _run(database)
    finally:
        next(fixture, None)


def _run(database: str) -> dict[str, Any]:
    document = report(ROWS)
    ready = _minimised(document)
    ours: list[float] = []
    baseline: list[float] = []
    keyed: list[float] = []
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        for _ in range(RUNS):
            keyed.append(ROWS / _plain_copy(superuser, ready, keyed=True))
            ours.append(ROWS / _ingest(document))
            baseline.append(ROWS / _plain_copy(superuser, ready, keyed=False))
    result = {
        "name": "ingest",
        "ours": median(ours),
        "baseline": median(baseline),
        "unit": "rows/s",
        "bar": BAR,
        "keyed": median(keyed),
    }
    return {**result, "ratio": median(ours) / median(baseline)}


def _minimised(document: bytes) -> list[tuple[Any, ...]]:

    tenant, connection = new_id(), new_id()
    batches = OrderMinimizer(_AT).report_orders(
        stream_report([document], Options(as_tuples=True)).batches()
    )
    return [(tenant, connection, "all_orders_report", *row) for batch in batches for row in batch]


def _plain_copy(
    superuser: psycopg.Connection[Any], rows: list[tuple[Any, ...]], *, keyed: bool
) -> float:
    columns = (("tenant_id", "uuid"), ("connection_id", "uuid"), ("source", "text"), *ORDER_COLUMNS)
    superuser.execute("drop table if exists benchmark_plain")
    if keyed:
        superuser.execute(
            "create table benchmark_plain (like ingest_order_line including defaults including"
            " constraints)"
        )
        superuser.execute(
            "alter table benchmark_plain add primary key (tenant_id, local_day, order_id, line_key)"
        )
        superuser.execute("create index on benchmark_plain (tenant_id, order_id)")
    else:
        superuser.execute(
            "create table benchmark_plain"
            f" ({', '.join(f'{name} {kind}' for name, kind in columns)})"
        )
    superuser.commit()
    names = ", ".join(name for name, _ in columns)
    begun = perf_counter()
    with (
        superuser.cursor() as cursor,
        cursor.copy(f"copy benchmark_plain ({names}) from stdin (format binary)") as copy,
    ):
        copy.set_types([kind for _, kind in columns])
        for row in rows:
            copy.write_row(row)
    superuser.commit()
    return perf_counter() - begun


def _ingest(document: bytes) -> float:

    tenant = create_tenant(name="Benchmark", actor="process:benchmark", at=_AT)
    begun = perf_counter()
    with tenant_scope(tenant, using="worker"):
        stream = stream_report([document], Options(as_tuples=True))
        written = write_orders(
            stream.batches(), tenant=tenant, connection=new_id(), at=_AT, using="worker"
        )
    elapsed = perf_counter() - begun
    assert written.rows == ROWS, written
    return elapsed


if __name__ == "__main__":
    print(run())
