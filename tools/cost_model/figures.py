"""What the benchmarks measured last: the inputs of the tables in docs/operate/scale.md."""

from __future__ import annotations

from tools.cost_model.model import Measured

#: The job of the queue is in the poll: 2.4 and 1.4 ms, 2,185 bytes.
MEASURED = Measured(
    source="`bin/bench web capacity`, 30 November 2026",
    bytes_per_order=7038.0,
    ledger_lines_per_order=13.0,
    rewrite_rows_per_second=93_000.0,
    poll_worker_ms=14.8,
    poll_database_ms=18.2,
    poll_wal_bytes=7_878.0,
    order_worker_ms=88.2,
    order_database_ms=167.5,
    order_wal_bytes=73_317.0,
    history_order_worker_ms=1.7,
    history_order_database_ms=1.6,
    page_web_ms=21.2,
    page_database_ms=12.3,
    web_process_mb=101.0,
    worker_process_mb=195.0,
)
