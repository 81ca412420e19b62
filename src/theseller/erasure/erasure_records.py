"""The record of each erasure in the database: how far it is.

It outlives its subject. A record is in the scope of the subject's tenant, that of a user in a scope
of the user's own id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connections as databases

from theseller.erasure.types import Progress, Subject, SubjectKind
from theseller.lib import sql_execution
from theseller.retention.database_aliases import ERASER
from theseller.tenancy.tenant_scope import tenant_scope

#: Assignments that have the next run delete everything again from the beginning. What was deleted
#: until now stays counted: the rows of each table under `table/earlier`, which is the name of no
#: step.
RESTART = (
    "steps_done = (select coalesce(jsonb_object_agg(one.name || '/earlier', one.deleted), '{}')"
    " from (select split_part(key, '/', 1), sum(value::bigint) from jsonb_each_text(steps_done)"
    " group by 1) one (name, deleted)), erased_at = null, erased_xid = null, rewritten = '{}',"
    " wal_from = null"
)


@contextmanager
def record_scope(subject: Subject) -> Iterator[None]:
    """Open the scope of the record and the certificate of `subject`."""
    with tenant_scope(subject.scope, using=ERASER):
        yield


def progress(subject: Subject) -> Progress | None:
    """Return how far an erasure is, or None.

    None if it was not requested or, of a connection, has not begun.
    """
    with record_scope(subject):
        row = sql_execution.one(
            databases[ERASER],
            "select requested_at, begun_at, plan, steps_done, erased_at, erased_xid, rewritten,"
            " wal_from, completed_at from erasure_erasure where tenant_id = %s and subject_id = %s",
            [subject.scope, subject.id],
        )
    if row is None:
        return None
    requested, begun, plan, done, erased_at, xid, rewritten, wal_from, completed = row
    return Progress(
        requested_at=requested,
        begun_at=begun,
        plan=as_document(plan),
        deleted=as_document(done),
        erased_at=erased_at,
        erased_xid=xid,
        rewritten=as_document(rewritten),
        wal_from=wal_from,
        completed_at=completed,
    )


def note(subject: Subject, assignments: str, values: list[Any]) -> None:
    """Change the record of an erasure.

    `assignments` is SQL of this package, with a placeholder for each of `values`.
    """
    with record_scope(subject):
        note_within(subject, assignments, values)


def note_within(subject: Subject, assignments: str, values: list[Any]) -> None:
    """Change the record inside its scope, which is open already.

    The arguments are those of `note`.
    """
    sql_execution.execute(
        databases[ERASER],
        # SQL of this package
        f"update erasure_erasure set {assignments}"  # noqa: S608
        " where tenant_id = %s and subject_id = %s",
        [*values, subject.scope, subject.id],
    )


def begin(subject: Subject, plan: Mapping[str, int], *, at: datetime) -> None:
    """Note when an erasure begins and how many rows of each table there are.

    Nothing is changed if an earlier run has begun it.
    """
    note(
        subject,
        "plan = case when begun_at is null then %s::jsonb else plan end, begun_at ="
        " coalesce(begun_at, %s)",
        [json.dumps(plan), at],
    )


def mark_steps_within(subject: Subject, deleted: Mapping[str, int]) -> None:
    """Add the rows of one or more steps, in the transaction that deleted them.

    A second run of a step adds to the first. A step of a user's erasure may run in the scope of one
    of their tenants, where the user's record can't be reached but by a function.
    """
    if subject.kind is SubjectKind.USER:
        sql_execution.execute(
            databases[ERASER],
            "select guard.mark_user_steps(%s, %s::jsonb)",
            [subject.id, json.dumps(dict(deleted))],
        )
        return
    note_within(
        subject,
        "steps_done = steps_done || (select coalesce(jsonb_object_agg(one.key,"
        " coalesce((steps_done->>one.key)::bigint, 0) + one.value::bigint), '{}') from"
        " jsonb_each_text(%s::jsonb) one)",
        [json.dumps(dict(deleted))],
    )


def mark_erased_within(subject: Subject, *, at: datetime) -> None:
    """Note when the rows were deleted.

    With the number of a transaction later than all that deleted them.
    """
    note_within(
        subject,
        "erased_at = coalesce(erased_at, %s), erased_xid = coalesce(erased_xid,"
        " pg_current_xact_id()::text::bigint)",
        [at],
    )


def restart_erasure(subject: Subject) -> None:
    """Have the next run delete and rewrite from the beginning.

    The count of what was deleted is kept.
    """
    note(subject, RESTART, [])


def deleted_by_table(done: Mapping[str, int]) -> dict[str, int]:
    """Return how many rows of each table were deleted.

    Steps of this run and of those before a restart count.
    """
    found: dict[str, int] = {}
    for name, rows in done.items():
        table = name.split("/", 1)[0]
        found[table] = found.get(table, 0) + rows
    return found


# what a driver returns for jsonb: text, or a document already
def as_document(value: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a jsonb value as a dict."""
    return dict(json.loads(value) if isinstance(value, str) else value)
