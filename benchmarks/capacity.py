# Django and the test database are set up before our modules are imported; drivers are untyped.
"""Benchmark: what an order and a poll of Amazon cost, on disk and in processor time.

The inputs of docs/operate/scale.md. Two sellers of the emulated Amazon are pulled by the product's
own streams: a history of 30 days, then hours in which each stream runs whenever it is due and the
figures are recomputed after it. One seller has eight times the orders of the other: most polls of
the quiet one find nothing new. Measured are the worker's processor time (of the thread that
runs the streams), the database's (of all its processes), the WAL, and the bytes of tables with
their indexes. The emulated Amazon runs in a thread of its own, which is not counted. The queue's
part is measured by jobs that find nothing to do.

The first ratio is that of an order's bytes in PostgreSQL with indexes to those without. The second
is that of the database's time for reading the transactions of three days again, with the digests
by which they are recognized, to that without.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import conftest as setting  # sets Django up  # isort: skip

import psycopg
from benchmarks._processes import cpu_seconds, parent
from tests.cast import create_cast
from tests.conftest import as_role
from tests.database import test_server
from tests.emulated_amazon import ALICE, CHARLIE, EmulatedAmazon, emulated_amazon
from tests.integration.analytics.recomputation.shop import Clock, Shop

from theseller.analytics.tasks import recompute_all
from theseller.emulator.world.sellers import SELLERS
from theseller.ingest.sync.stream_creation_and_due_streams import due_streams
from theseller.ingest.sync.stream_runner import run_stream
from theseller.ingest.tasks import pull
from theseller.ingest.types import StreamKey

FACTOR, HISTORY_DAYS, HOURS = 3, 30, 2
STEP_MINUTES, JOBS = 3, 300
BAR = 3.0
ROUNDS, RECOGNIZED_BAR = 3, 0.7
_UK, _US = "A1F83G8C2ARO7P", "ATVPDKIKX0DER"
#: Partitions are summed under their parent.
_SIZES = """
select coalesce(p.inhparent::regclass::text, c.relname), sum(pg_total_relation_size(c.oid))::bigint,
       sum(pg_relation_size(c.oid))::bigint
from pg_class c
    left join (select inhrelid, coalesce(pg_partition_root(inhrelid)::oid, inhparent) as inhparent
               from pg_inherits) p on p.inhrelid = c.oid
where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
group by 1
"""


#: Those of which rows are written for each order or each day.
_TABLES = (
    "ingest_order_line",
    "ingest_ledger_line",
    "analytics_day",
    "analytics_day_product",
    "ingest_product",
)
#: Lines of a thousand orders that are old enough to be settled.
_LINES = """
select count(line.order_id) * 1000 / count(distinct bought.order_id)
from (select distinct order_id from ingest_order_line where tenant_id = %s
      and local_day <= (select min(local_day) + 8 from ingest_order_line where tenant_id = %s)
      and status = 'shipped') bought
    left join ingest_ledger_line line on line.order_id = bought.order_id
"""


@dataclass(slots=True)
class Cost:
    """Processor seconds of the worker and the database, bytes of WAL, and how many orders."""

    worker: float = 0.0
    database: float = 0.0
    wal: int = 0
    orders: float = 0.0
    polls: int = 0


class Meter:
    """Measures what happens inside of a block."""

    def __init__(self, database: str) -> None:
        self.superuser = psycopg.connect(test_server().superuser_dsn(database), autocommit=True)
        # A server of tests writes no full pages; one that has to survive a crash does.
        self.superuser.execute("alter system set full_page_writes = on")
        self.superuser.execute("select pg_reload_conf()")
        self.postgres = parent(self.superuser.info.backend_pid)

    def number(self, query: str, *parameters: object) -> int:
        """Return the one number of a query."""
        row = self.superuser.execute(query.encode(), parameters or None).fetchone()
        assert row is not None
        return int(row[0])

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Return bytes with and without indexes, by table."""
        self.superuser.execute("vacuum analyze")
        return {str(name): (whole, heap) for name, whole, heap in self.superuser.execute(_SIZES)}

    @contextmanager
    def measuring(self, cost: Cost) -> Iterator[None]:
        """Add what the block costs to `cost`."""
        wal = self.number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
        database, worker = cpu_seconds(self.postgres), time.thread_time()
        yield
        cost.worker += time.thread_time() - worker
        cost.database += cpu_seconds(self.postgres) - database
        cost.wal += self.number("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')") - wal


#: A worker that ends when its queue is empty, and runs no recurring jobs.
_WORKER = """
import asyncio, os, resource, sys
from theseller.cli.django_setup import setup_django
setup_django("worker")
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params

async def work():
    with app.replace_connector(PsycopgConnector(kwargs=connector_params())) as working:
        async with working.open_async():
            await working.run_worker_async(
                queues=["benchmark"], wait=False, concurrency=4, install_signal_handlers=False,
                delete_jobs="always")

before = resource.getrusage(resource.RUSAGE_SELF)
asyncio.run(work())
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss)
"""


@dataclass(slots=True)
class Pulled:
    """A seller's history, and its hours: polls of orders, and of the other streams."""

    shop: Shop
    history: Cost
    orders: Cost
    others: Cost


def run() -> list[dict[str, Any]]:
    """Measure, and return name, ours, baseline, ratio, unit and bar."""
    # the fixture's own generator
    fixture: Iterator[str] = setting.database.__wrapped__()  # type: ignore[attr-defined]
    database = next(fixture)
    try:
        with tempfile.TemporaryDirectory() as folder, _busy_seller():
            return _run(
                Meter(database),
                Path(folder),
                f"postgresql:///{database}?host={test_server().socket_dir}",
            )
    finally:
        next(fixture, None)


@contextmanager
def _busy_seller() -> Iterator[None]:
    """Give Alice's stores more orders."""
    usual = SELLERS[ALICE]
    stores = tuple(
        replace(store, orders_per_day=store.orders_per_day * FACTOR) for store in usual.stores
    )
    SELLERS[ALICE] = replace(usual, stores=stores)
    try:
        yield
    finally:
        SELLERS[ALICE] = usual


def _run(meter: Meter, folder: Path, url: str) -> list[dict[str, Any]]:
    clock = Clock()
    with emulated_amazon(folder, rate_scale=1_000_000.0, clock=clock) as amazon:
        before = meter.sizes()
        busy = _pull(meter, amazon, clock, ALICE, _US)
        after = meter.sizes()
        quiet = _pull(meter, amazon, clock, CHARLIE, _UK)
        key = StreamKey(quiet.shop.tenant, quiet.shop.connection, "settlements", "")
        job = _job(meter, key, url, clock)
        recognized, read = _read_again(meter, busy.shop, clock)
    whole, heap, lines = _print_tables(meter, busy.shop.tenant, before, after)
    poll = _poll(quiet)
    order = _order(busy, poll)
    print(
        f"  a poll: worker {poll.worker * 1000:.1f} ms, database {poll.database * 1000:.1f} ms,"
        f" WAL {poll.wal} bytes ({quiet.orders.polls} polls)"
    )
    print(
        f"  an order as it happens: worker {order.worker * 1000:.1f} ms, database"
        f" {order.database * 1000:.1f} ms, WAL {order.wal} bytes"
    )
    print(
        f"  the queue's job of a poll: worker {job.worker * 1000:.1f} ms, database"
        f" {job.database * 1000:.1f} ms, WAL {job.wal} bytes"
    )
    past = busy.history
    print(
        f"  an order of the history: worker {past.worker / past.orders * 1000:.1f} ms, database"
        f" {past.database / past.orders * 1000:.1f} ms, WAL {past.wal / past.orders:.0f} bytes"
        f" ({past.orders:.0f} orders)"
    )
    return [
        {
            "name": "bytes of an order with indexes / without",
            "ours": whole,
            "baseline": heap,
            "ratio": whole / heap,
            "unit": "bytes",
            "bar": BAR,
            "ledger_lines_per_order": lines,
            "better": "lower",
            "poll": _as_dict(poll),
            "job": _as_dict(job),
            "order": _as_dict(order),
            "rewrite_rows_per_second": _rewrite(meter),
            "history_order": {
                "worker_ms": past.worker / past.orders * 1000,
                "database_ms": past.database / past.orders * 1000,
                "wal_bytes": past.wal / past.orders,
            },
        },
        {
            "name": "transactions of three days again, recognized / read",
            "ours": recognized.database * 1000,
            "baseline": read.database * 1000,
            "ratio": recognized.database / read.database,
            "unit": "ms of the database",
            "bar": RECOGNIZED_BAR,
            "better": "lower",
            "recognized": _as_dict(recognized),
            "read": _as_dict(read),
        },
    ]


def _read_again(meter: Meter, shop: Shop, clock: Clock) -> tuple[Cost, Cost]:
    """Return what it costs to read the last days' transactions again, with digests and without."""
    recognized, read = Cost(), Cost()
    key = StreamKey(shop.tenant, shop.connection, "transactions", "")
    for number in range(2 * ROUNDS):
        cost = read if number % 2 else recognized
        if cost is read:
            meter.superuser.execute("delete from ingest_transaction_digest")
        clock.move(minutes=10)
        meter.superuser.execute("update ingest_stream set due_at = '2026-01-01'")
        with as_role("worker"), meter.measuring(cost):
            run_stream(key, now=clock)
    for name, cost in (("recognized", recognized), ("read again", read)):
        print(
            f"  transactions of three days, {name}: worker {cost.worker / ROUNDS * 1000:.0f} ms,"
            f" database {cost.database / ROUNDS * 1000:.0f} ms,"
            f" WAL {cost.wal / ROUNDS / 1000:.0f} KB"
        )
    return recognized, read


def _job(meter: Meter, key: StreamKey, url: str, clock: Clock) -> Cost:
    """Return what the queue adds to a poll: a job is queued, fetched, run and deleted."""
    direct, queue = Cost(), Cost()
    meter.superuser.execute("update ingest_stream set due_at = '2100-01-01'")
    with as_role("worker"):
        with meter.measuring(direct):
            for _ in range(JOBS):
                run_stream(key, now=clock)
        with meter.measuring(queue):
            for number in range(JOBS):
                pull.configure(queue="benchmark", queueing_lock=f"benchmark {number}").defer(
                    tenant=str(key.tenant),
                    connection=str(key.connection),
                    name=key.name,
                    marketplace_id=key.marketplace_id,
                )
    with meter.measuring(queue):
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", _WORKER],
            env=os.environ | {"DATABASE_URL": url, "THESELLER_ROLE": "worker"},
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    left = meter.number("select count(*) from procrastinate_jobs where queue_name = 'benchmark'")
    assert left == 0, f"{left} jobs were not run"
    seconds, kilobytes = done.stdout.splitlines()[-1].split()
    queue.worker += float(seconds)
    print(f"  memory of a worker process: {float(kilobytes) / 1000:.0f} MB")
    return Cost(
        max(queue.worker - direct.worker, 0.0) / JOBS,
        max(queue.database - direct.database, 0.0) / JOBS,
        max(queue.wal - direct.wal, 0) // JOBS,
    )


def _rewrite(meter: Meter) -> float:
    """Return how many rows of the largest partition of the ledger are copied a second.

    As an erasure does it, by `VACUUM FULL`; counted is the database's processor time, since other
    programs use the machine.
    """
    name, rows = meter.superuser.execute(
        "select oid::regclass::text, reltuples from pg_class where relkind = 'r' and relname like"
        " 'ingest_ledger_line%' order by reltuples desc limit 1"
    ).fetchone() or ("", 0.0)
    begun = cpu_seconds(meter.postgres)
    meter.superuser.execute(f"vacuum full {name}".encode())
    seconds = cpu_seconds(meter.postgres) - begun
    print(f"  copy of a partition: {rows:.0f} rows in {seconds:.2f} s of a processor")
    return float(rows / seconds)


def _as_dict(cost: Cost) -> dict[str, float]:
    return {
        "worker_ms": cost.worker * 1000,
        "database_ms": cost.database * 1000,
        "wal_bytes": cost.wal,
    }


def _pull(meter: Meter, amazon: EmulatedAmazon, clock: Clock, seller: str, store: str) -> Pulled:
    cast = create_cast(at=clock())
    shop = Shop.connect(cast, amazon, clock, seller, store, HISTORY_DAYS // 30)
    history, orders, others = Cost(), Cost(), Cost()
    with meter.measuring(history):
        shop.pull()
    history.orders = _orders(meter, shop.tenant)
    with as_role("worker"):
        for _ in range(HOURS * 60 // STEP_MINUTES):
            clock.move(minutes=STEP_MINUTES)
            for key in due_streams(at=clock()):
                if key.tenant == shop.tenant:
                    cost = orders if key.name == "orders" else others
                    with meter.measuring(cost):
                        run_stream(key, now=clock)
                        recompute_all(shop.tenant)
                    cost.polls += 1
    return Pulled(shop, history, orders, others)


def _orders(meter: Meter, tenant: UUID) -> int:
    return meter.number(
        "select count(distinct order_id) from ingest_order_line where tenant_id = %s", tenant
    )


def _poll(quiet: Pulled) -> Cost:
    """Return the cost of a poll that brings little: few orders of the quiet seller change."""
    polls = quiet.orders.polls
    return Cost(
        quiet.orders.worker / polls, quiet.orders.database / polls, round(quiet.orders.wal / polls)
    )


def _order(busy: Pulled, poll: Cost) -> Cost:
    """Return what each order of a day costs beyond the polls.

    The seller's usual number of orders counts, not that of the few hours: most of the cost is that
    transactions of the last three days are read again and again.
    """
    orders = busy.history.orders / HISTORY_DAYS * HOURS / 24
    polls = busy.orders.polls + busy.others.polls

    def each(of_orders: float, of_others: float, of_poll: float) -> float:
        return (of_orders + of_others - polls * of_poll) / orders

    return Cost(
        each(busy.orders.worker, busy.others.worker, poll.worker),
        each(busy.orders.database, busy.others.database, poll.database),
        round(each(busy.orders.wal, busy.others.wal, poll.wal)),
    )


def _print_tables(
    meter: Meter,
    tenant: UUID,
    before: dict[str, tuple[int, int]],
    after: dict[str, tuple[int, int]],
) -> tuple[float, float, float]:
    """Print rows and bytes of the tables that grow with orders.

    Returns:
        Bytes of an order in all of them with and without indexes, and its lines in the ledger.
    """
    orders, whole, heap, lines = _orders(meter, tenant), 0.0, 0.0, 0.0
    for name in _TABLES:
        rows = meter.number(f"select count(*) from {name} where tenant_id = %s", tenant)
        grown, bare = (after[name][part] - before[name][part] for part in (0, 1))
        each = rows / orders
        if name == "ingest_ledger_line":
            # Settlements are read for 90 days, orders for 30: lines are counted of orders that
            # both of them have.
            each = lines = meter.number(_LINES, tenant, tenant) / 1000
        print(
            f"  {name}: {each:.2f} rows an order, {grown / rows:.0f} bytes a row"
            f" ({bare / rows:.0f} without indexes), {each * grown / rows:.0f} bytes an order"
        )
        whole += each * grown / rows
        heap += each * bare / rows
    return whole, heap, lines
