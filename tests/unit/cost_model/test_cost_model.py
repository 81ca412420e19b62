"""The cost model's arithmetic, and the tables of docs/operate/scale.md that it makes.

With THESELLER_WRITE_DOCS=1 the tables are written again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from procrastinate.contrib.django import app
from tools.cost_model.__main__ import main
from tools.cost_model.amazon_calls import CALLS, calls_table
from tools.cost_model.figures import MEASURED
from tools.cost_model.model import (
    PARTITIONS_A_MONTH,
    PLANNER_STARTS_PER_SECOND,
    REWRITE_SECONDS_MAX,
    WEB_CONNECTIONS,
    WORKER_CONNECTIONS,
    Measured,
    Prices,
    Usage,
    compute,
)
from tools.cost_model.tables import inputs_table, results_table

import theseller.tenancy as guard_package
from theseller.config.concurrency_defaults import WEB_THREADS, connections_of_deployment
from theseller.config.database_settings import connections_max
from theseller.config.environment import ProcessRole
from theseller.erasure.vacuum import LOCK_HOLD_MS
from theseller.ingest.sync import stream_creation_and_due_streams
from theseller.ingest.sync.streams import order_updates, settlements, transactions
from theseller.retention.retention_limits import BACKUP_DAYS, FACTS_KEPT_DAYS

_DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "operate" / "scale.md"
_GUARD = Path(guard_package.__file__).parent / "sql" / "guard.sql"
_SIZES = (1_000, 10_000, 100_000)
#: Round numbers, whose results can be computed by hand.
_MEASURED = Measured(
    source="invented",
    bytes_per_order=1_000.0,
    ledger_lines_per_order=20.0,
    rewrite_rows_per_second=1_000_000.0,
    poll_worker_ms=10.0,
    poll_database_ms=20.0,
    poll_wal_bytes=1_000.0,
    order_worker_ms=100.0,
    order_database_ms=200.0,
    order_wal_bytes=10_000.0,
    history_order_worker_ms=3.0,
    history_order_database_ms=6.0,
    page_web_ms=40.0,
    page_database_ms=80.0,
    web_process_mb=100.0,
    worker_process_mb=200.0,
)
_USAGE = Usage(
    sellers=8_640,
    orders_per_day=100.0,
    pages_per_day=100.0,
    retention_days=100,
    polls_per_day=1_000.0,
    peak=3.0,
    utilization=0.5,
    cached_share=0.25,
    bloat=2.0,
    disk_full=0.5,
    backups_kept=10,
    backup_share=0.5,
)
_PRICES = Prices(processor=10.0, memory=1.0, disk=0.1, backup=0.01)


def test_results_are_those_computed_by_hand() -> None:
    found = compute(_USAGE, _MEASURED, _PRICES)
    # 864,000 orders and pages a day are 10 a second, 8,640,000 polls are 100 a second.
    assert found.orders_stored == 86_400_000
    assert found.polls_per_second == 100.0
    # 10 × 40 ms × 3 / 0.5; (100 × 10 ms + 10 × 100 ms) / 0.5;
    # (100 × 20 ms + 10 × 200 ms + 10 × 80 ms × 3) / 0.5
    assert found.web_processors == pytest.approx(2.4)
    assert found.worker_processors == pytest.approx(4.0)
    assert found.database_processors == pytest.approx(12.8)
    assert (found.processors, found.web_processes, found.worker_processes) == (20, 3, 4)
    assert found.connections == 3 * 16 + 4 * 31
    assert found.database_gb == pytest.approx(172.8)
    assert found.disk_gb == pytest.approx(345.6)
    assert found.wal_gb_per_day == pytest.approx(8.64 + 8.64)
    assert found.backup_gb == pytest.approx(10 * (172.8 + 17.28) * 0.5)
    assert found.memory_gb == pytest.approx(0.3 + 0.8 + 43.2)
    assert found.largest_partition_rows == pytest.approx(129_600_000)
    assert found.rewrite_seconds == pytest.approx(129.6)
    # 86.4 million × 9 ms on 20 processors, half of each.
    assert found.history_hours == pytest.approx(21.6)
    assert found.cost == pytest.approx(200 + 44.3 + 34.56 + 9.504)


def _doubled(group: Usage | Measured | Prices) -> Iterator[tuple[str, dict[str, Any]]]:
    for field in fields(group):
        if field.name != "source":
            yield field.name, {field.name: getattr(group, field.name) * 2}


def test_each_input_changes_a_result() -> None:
    usual = compute(_USAGE, _MEASURED, _PRICES)
    for name, change in _doubled(_USAGE):
        assert compute(replace(_USAGE, **change), _MEASURED, _PRICES) != usual, name
    for name, change in _doubled(_MEASURED):
        assert compute(_USAGE, replace(_MEASURED, **change), _PRICES) != usual, name
    for name, change in _doubled(_PRICES):
        assert compute(_USAGE, _MEASURED, replace(_PRICES, **change)) != usual, name


def test_a_small_deployment_still_has_two_processes_of_each_and_two_processors() -> None:
    found = compute(replace(_USAGE, sellers=1), _MEASURED, _PRICES)
    assert (found.processors, found.web_processes, found.worker_processes) == (2, 2, 2)
    assert found.exceeded_limits == ()


def test_exceeded_limits_are_named() -> None:
    many = compute(replace(_USAGE, sellers=864_000), _MEASURED, _PRICES)
    assert many.exceeded_limits == (
        "planner",
        "erasure",
        "size of one database",
        "processors of one database",
    )
    assert "planner, erasure, size of one database" in results_table(
        [replace(_USAGE, sellers=864_000)], _MEASURED, _PRICES
    )


def test_calls_and_limits_are_those_of_the_program() -> None:
    day = timedelta(days=1)
    expected = {
        "searchOrders": day / order_updates.EVERY,
        "listTransactions": day / transactions.EVERY,
        "getReports": day / settlements.EVERY,
    }
    assert dict(CALLS) == expected
    guard = _GUARD.read_text()
    assert f"modulus {PARTITIONS_A_MONTH}, remainder %s) partition by range (local_day)" in guard
    assert Usage(1).polls_per_day == sum(CALLS.values())
    assert Usage(1).retention_days == FACTS_KEPT_DAYS
    assert Usage(1).backups_kept == BACKUP_DAYS
    [periodic] = [
        one
        for (name, _), one in app.periodic_registry.periodic_tasks.items()
        if name == "ingest.tick"
    ]
    every = re.fullmatch(r"\* \* \* \* \* \*/(\d+)", periodic.cron)
    assert every is not None
    assert connections_of_deployment() == 2 * WEB_CONNECTIONS + WORKER_CONNECTIONS
    assert connections_max(ProcessRole.WEB, WEB_THREADS) == WEB_CONNECTIONS
    assert LOCK_HOLD_MS[-1] / 1000 == REWRITE_SECONDS_MAX
    assert stream_creation_and_due_streams._MOST / int(every[1]) == PLANNER_STARTS_PER_SECOND


def test_the_command_prints_inputs_and_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--sellers", "5000", "--processor", "25", "--page-web-ms", "99"]) == 0
    shown = capsys.readouterr().out
    assert "| | 5,000 sellers |" in shown
    assert "| `processor` | 25 |" in shown
    assert "| `page_web_ms` | 99 |" in shown
    usual = results_table([Usage(5_000)], MEASURED, Prices())
    assert usual not in shown


def test_the_tables_of_the_document_are_what_the_model_makes() -> None:
    tables = {
        "calls": calls_table(),
        "usage": inputs_table(Usage(1)),
        "measured": inputs_table(MEASURED),
        "prices": inputs_table(Prices()),
        "results": results_table([Usage(sellers) for sellers in _SIZES], MEASURED, Prices()),
    }
    text = _DOCUMENT.read_text()
    for name, table in tables.items():
        block = re.compile(f"(<!-- {name} -->\n).*?(?=<!-- end of {name} -->)", re.DOTALL)
        assert len(block.findall(text)) == 1, f"scale.md has no block {name}"
        text = block.sub(lambda found, table=table: found[1] + table, text)  # type: ignore[misc]
    if os.environ.get("THESELLER_WRITE_DOCS"):
        _DOCUMENT.write_text(text)
    assert _DOCUMENT.read_text() == text, (
        "write it again: THESELLER_WRITE_DOCS=1 pytest tests/unit/cost_model"
    )
    assert MEASURED.source in text
