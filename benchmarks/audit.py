"""Benchmark: sealing and checking the audit log against writing it.

The baseline is one writer that records events one after the other, each in a transaction of its
own, on a database that waits for no disk: more than a deployment ever writes. Sealing reads each
line, takes its digest, and writes a signed checkpoint for ten thousand lines; checking reads the
lines and compares. Both must be so much faster than writing that they never fall behind.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import conftest as setting  # sets Django up  # isort: skip

import psycopg
from django.conf import settings
from tests.database import test_server
from tests.sabotage.databases import own_database

from theseller.audit.checkpointing import seal
from theseller.audit.event_types import Tag
from theseller.audit.log_verification import verify_log
from theseller.audit.operations import record
from theseller.crypto.file_key_store import FileKeyStore

LINES, WRITTEN = 200_000, 2_000
#: To time the check of the chain of checkpoints.
CHECKPOINTS = 2_000
LEAST = 5.0
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_FILL = """
insert into audit_event (id, at, tag, actor, tenant_id, subject, details)
select gen_random_uuid(), now(), 'connections:connection:authorised', 'user:' || gen_random_uuid(),
       gen_random_uuid(), 'connection:' || gen_random_uuid(), '{"role": "owner", "count": 7}'
from generate_series(1, %s)
"""


def run() -> list[dict[str, Any]]:
    """Measure in a database, a key store and a state folder of its own.

    Returns:
        name, ours, baseline, ratio, unit and bar of each.
    """
    usual = settings.ENVIRONMENT, settings.KEY_STORE
    with (
        tempfile.TemporaryDirectory() as folder,
        own_database("bench_audit") as name,
        setting.as_role("worker"),
    ):
        settings.ENVIRONMENT = replace(usual[0], state=Path(folder))
        settings.KEY_STORE = FileKeyStore(
            Path(folder) / "keys", settings.SECRETS, environment="test"
        )
        try:
            return _measure(name)
        finally:
            settings.ENVIRONMENT, settings.KEY_STORE = usual


def _measure(name: str) -> list[dict[str, Any]]:
    started = perf_counter()
    for _ in range(WRITTEN):
        record(Tag.ACCOUNT_SIGNED_IN, actor="user:x", tenant=None, subject="session", at=AT)
    writes = WRITTEN / (perf_counter() - started)
    seal(at=AT)
    with psycopg.connect(test_server().superuser_dsn(name), autocommit=True) as superuser:
        superuser.execute(_FILL, [LINES])
    started = perf_counter()
    assert sum(one.rows for one in seal(at=AT)) == LINES
    seals = LINES / (perf_counter() - started)
    started = perf_counter()
    assert verify_log(at=AT).rows_checked == LINES + WRITTEN
    checks = (LINES + WRITTEN) / (perf_counter() - started)
    return [
        _result("seal the audit log, beside writing it", seals, writes, "lines/s"),
        _result("check the sealed log, beside writing it", checks, writes, "lines/s"),
        _result("walk a chain of small checkpoints, beside making it", *_small(), "checkpoints/s"),
    ]


def _small() -> tuple[float, float]:
    """Return checkpoints per second of a check and of the sealing.

    Each checkpoint covers one line here. In service there are at most 105,000 a year.
    """
    before = verify_log(at=AT, rows_most=1).checkpoints
    started = perf_counter()
    for _ in range(CHECKPOINTS):
        record(Tag.ACCOUNT_SIGNED_IN, actor="user:x", tenant=None, subject="session", at=AT)
        seal(at=AT)
    sealed = CHECKPOINTS / (perf_counter() - started)
    started = perf_counter()
    assert verify_log(at=AT, rows_most=CHECKPOINTS, since=before).whole
    return CHECKPOINTS / (perf_counter() - started), sealed


def _result(name: str, ours: float, baseline: float, unit: str) -> dict[str, Any]:
    return {
        "name": name,
        "ours": ours,
        "baseline": baseline,
        "ratio": ours / baseline,
        "unit": unit,
        "bar": LEAST,
    }


if __name__ == "__main__":
    for result in run():
        print(
            f"{result['name']}: {result['ours']:.0f} / {result['baseline']:.0f} {result['unit']},"
            f" ratio {result['ratio']:.1f}"
        )
