"""What the benchmarks measured last: the inputs of the tables in docs/operate/scale.md."""

from __future__ import annotations

from tools.cost_model.model import Measured

#: The job of the queue is in the poll: 4.6 and 3.6 ms, 2,376 bytes.
MEASURED = Measured(
    source="`bin/bench web capacity`, 30 November 2026",
    bytes_per_order=7091.0,
    ledger_lines_per_order=13.0,
    rewrite_rows_per_second=96_000.0,
    poll_worker_ms=20.5,
    poll_database_ms=34.3,
    poll_wal_bytes=23_424.0,
    order_worker_ms=267.0,
    order_database_ms=1_249.0,
    order_wal_bytes=291_750.0,
    history_order_worker_ms=1.6,
    history_order_database_ms=2.9,
    page_web_ms=21.2,
    page_database_ms=12.3,
    web_process_mb=101.0,
    worker_process_mb=188.0,
)
