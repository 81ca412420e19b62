"""The cost model: inputs, and the arithmetic that makes results of them.

Units are in the names: bytes, milliseconds of one processor, requests a day. Prices are inputs that
the operator replaces; they are no vendor's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

SECONDS_A_DAY = 86_400
GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What benchmarks measured; `source` says when, where and by which commands.

    The processor time of a poll contains the job of the queue that starts it.
    """

    source: str
    bytes_per_order: float
    ledger_lines_per_order: float
    rewrite_rows_per_second: float
    poll_worker_ms: float
    poll_database_ms: float
    poll_wal_bytes: float
    order_worker_ms: float
    order_database_ms: float
    order_wal_bytes: float
    history_order_worker_ms: float
    history_order_database_ms: float
    page_web_ms: float
    page_database_ms: float
    web_process_mb: float
    worker_process_mb: float


@dataclass(frozen=True, slots=True)
class Usage:
    """How a deployment is used, and how much spare capacity it has.

    `polls_per_day` are the calls to Amazon of one seller's streams when there is nothing new. In
    the busiest hour there are `peak` times as many page requests as on average. No processor is
    planned to be busier than `utilization`. `cached_share` of the database is in memory. `bloat` is
    the size of tables with free space in them by their size without. `disk_full` is how full a disk
    may be. `backup_share` is the size of a compressed backup by that of the database.
    """

    sellers: int
    orders_per_day: float = 30.0
    pages_per_day: float = 40.0
    retention_days: int = 545
    polls_per_day: float = 628.0
    peak: float = 5.0
    utilization: float = 0.5
    cached_share: float = 0.1
    bloat: float = 1.3
    disk_full: float = 0.7
    backups_kept: int = 28
    backup_share: float = 0.3


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a month, in any one currency: of a processor, and of gigabytes."""

    processor: float = 20.0
    memory: float = 3.0
    disk: float = 0.1
    backup: float = 0.02


#: When the default prices were chosen. They are round numbers, to show the arithmetic.
PRICES_AS_OF = "2026-11-30"


@dataclass(frozen=True, slots=True)
class Result:
    """What the deployment needs."""

    orders_stored: float
    polls_per_second: float
    web_processors: float
    worker_processors: float
    database_processors: float
    processors: int
    web_processes: int
    worker_processes: int
    connections: int
    memory_gb: float
    database_gb: float
    disk_gb: float
    wal_gb_per_day: float
    backup_gb: float
    largest_partition_rows: float
    rewrite_seconds: float
    history_hours: float
    cost: float

    @property
    def exceeded_limits(self) -> tuple[str, ...]:
        """Return which limits of the program and of one database server are exceeded."""
        return tuple(
            text
            for exceeded, text in (
                (self.polls_per_second > PLANNER_STARTS_PER_SECOND, "planner"),
                (self.rewrite_seconds > REWRITE_SECONDS_MAX, "erasure"),
                (self.database_gb > ONE_DATABASE_GB, "size of one database"),
                (self.database_processors > ONE_DATABASE_PROCESSORS, "processors of one database"),
            )
            if exceeded
        )


#: A tick of `ingest/tasks.py` starts at most 100 streams each two seconds, over all workers.
PLANNER_STARTS_PER_SECOND = 50.0
#: Facts of a month are in this many partitions, by their tenant (`guard.split_by_tenant`).
PARTITIONS_A_MONTH, DAYS_A_MONTH = 4, 30
#: An erasure copies a partition in ten minutes or gives up (`erasure/vacuum.py`).
REWRITE_SECONDS_MAX = 600.0
#: Connections to the database that a process opens at most, as it starts by default.
WEB_CONNECTIONS, WORKER_CONNECTIONS = 16, 31
#: Where one server is no longer ordinary: a backup of each day, and VACUUM, take too long. These
#: are judgments, not measurements.
ONE_DATABASE_GB, ONE_DATABASE_PROCESSORS = 4_000.0, 32.0


def compute(usage: Usage, measured: Measured, prices: Prices) -> Result:
    """Return what a deployment needs and costs a month."""
    orders, polls, pages = (
        usage.sellers * daily
        for daily in (usage.orders_per_day, usage.polls_per_day, usage.pages_per_day)
    )

    def cores(milliseconds_a_day: float, peak: float = 1.0) -> float:
        return milliseconds_a_day / 1000 / SECONDS_A_DAY * peak / usage.utilization

    web = cores(pages * measured.page_web_ms, usage.peak)
    worker = cores(polls * measured.poll_worker_ms + orders * measured.order_worker_ms)
    database = cores(
        polls * measured.poll_database_ms + orders * measured.order_database_ms
    ) + cores(pages * measured.page_database_ms, usage.peak)
    # A Python process uses one processor at most; two of each, so that one can restart.
    web_processes, worker_processes = max(2, ceil(web)), max(2, ceil(worker))
    stored = orders * usage.retention_days
    database_gb = stored * measured.bytes_per_order * usage.bloat / GIGABYTE
    wal_gb = (polls * measured.poll_wal_bytes + orders * measured.order_wal_bytes) / GIGABYTE
    disk = database_gb / usage.disk_full
    backup = usage.backups_kept * (database_gb + wal_gb) * usage.backup_share
    memory = (
        web_processes * measured.web_process_mb + worker_processes * measured.worker_process_mb
    ) / 1000 + max(2.0, database_gb * usage.cached_share)
    processors = ceil(web + worker + database)
    rows = orders * DAYS_A_MONTH * measured.ledger_lines_per_order / PARTITIONS_A_MONTH
    return Result(
        orders_stored=stored,
        polls_per_second=polls / SECONDS_A_DAY,
        web_processors=web,
        worker_processors=worker,
        database_processors=database,
        processors=max(2, processors),
        web_processes=web_processes,
        worker_processes=worker_processes,
        connections=web_processes * WEB_CONNECTIONS + worker_processes * WORKER_CONNECTIONS,
        memory_gb=memory,
        database_gb=database_gb,
        disk_gb=disk,
        wal_gb_per_day=wal_gb,
        backup_gb=backup,
        largest_partition_rows=rows,
        rewrite_seconds=rows / measured.rewrite_rows_per_second,
        history_hours=stored
        * (measured.history_order_worker_ms + measured.history_order_database_ms)
        / 3_600_000
        / (max(2, processors) * usage.utilization),
        cost=max(2, processors) * prices.processor
        + memory * prices.memory
        + disk * prices.disk
        + backup * prices.backup,
    )
