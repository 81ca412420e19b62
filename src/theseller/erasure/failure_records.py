"""Failing erasures: why, how often, and when they are tried again.

One that keeps failing is tried at growing intervals. An erasure that has not begun has no record
yet, so this is a table of its own. Its row is deleted when the erasure succeeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections as databases

from theseller.edge.database_routing import operators_database
from theseller.erasure.types import Subject, SubjectKind
from theseller.lib import sql_execution
from theseller.lib.database_failures import classify
from theseller.lib.safe_tracebacks import describe
from theseller.lib.state_file_names import FULL
from theseller.retention.database_aliases import ERASER

#: The first pause is that of the recurring job; each is twice as long as the one before.
_FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=15)
_REASON_LENGTH = 400
_NOTE = """
insert into retention_end_failure as f
    (subject_id, kind, failures, first_at, last_at, retry_at, reason)
values (%(subject)s, %(kind)s, 1, %(at)s, %(at)s, %(at)s + %(first)s, %(reason)s)
on conflict (subject_id) do update set failures = f.failures + 1,
    last_at = excluded.last_at, reason = excluded.reason,
    retry_at = excluded.last_at + least(%(first)s * power(2, least(f.failures, 20)), %(longest)s)
"""


@dataclass(frozen=True, slots=True)
class FailedErasure:
    """An erasure that failed `failures` times in a row, since `first_at`.

    It is tried again at `retry_at`. `reason` is a sentence for operators, "" for users of the
    tenant.
    """

    subject: UUID
    kind: SubjectKind
    failures: int
    first_at: datetime
    last_at: datetime
    retry_at: datetime
    reason: str = ""


def failed_erasures(*, most: int = 200, using: str | None = None) -> tuple[FailedErasure, ...]:
    """Return all erasures that fail now, the longest failing first."""
    return tuple(
        FailedErasure(row[0], SubjectKind(row[1]), *row[2:])
        for row in sql_execution.rows(
            databases[using or operators_database()],
            "select * from guard.failed_erasures(%s)",
            [most],
        )
    )


def failed_erasure(connection: UUID, *, using: str = "default") -> FailedErasure | None:
    """Return how the erasure of a connection of the tenant in scope fails.

    None if it does not. The reason is left out.
    """
    row = sql_execution.one(
        databases[using], "select * from guard.failed_erasure_of_shop(%s)", [connection]
    )
    return FailedErasure(connection, SubjectKind.CONNECTION, *row) if row else None


def record_failure(subject: Subject, error: Exception, *, at: datetime) -> None:
    """Note that an erasure failed at `at`, and put its next try off."""
    values: dict[str, Any] = {
        "subject": subject.id,
        "kind": subject.kind.value,
        "at": at,
        "first": _FIRST_PAUSE,
        "longest": LONGEST_PAUSE,
        "reason": reason(error)[:_REASON_LENGTH],
    }
    sql_execution.execute(databases[ERASER], _NOTE, values)


def clear_failure(subject: Subject) -> None:
    """Note that an erasure succeeded.

    If it fails once more, its pauses begin again with the shortest.
    """
    sql_execution.execute(
        databases[ERASER], "delete from retention_end_failure where subject_id = %s", [subject.id]
    )


def reason(error: Exception) -> str:
    """Return why an erasure failed, without quoting a row or a statement."""
    if type(error).__module__.startswith("theseller.") and str(error):
        return str(error)
    failure = classify(error)
    if failure is not None:
        return f"{failure.message} {failure.advice}"
    if isinstance(error, OSError) and error.errno in FULL:
        return "There is no space left on a disk of this machine."
    # Django wraps the driver's error, which has the code.
    return describe(error.__cause__ if isinstance(error.__cause__, Exception) else error)
