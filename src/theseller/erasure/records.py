"""The record of each erasure in the database: how far it is. It outlives its subject.

Connections, tenants and users have a table each, with the same columns for what this module reads
and writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connections as databases
from django.db import transaction

from theseller.erasure.types import Progress, Subject, SubjectKind
from theseller.lib import sql
from theseller.retention.roles import ERASER
from theseller.tenancy.scope import tenant_scope

_TABLES = {
    SubjectKind.CONNECTION: ("retention_purge", "connection_id", "disconnected_at"),
    SubjectKind.TENANT: ("retention_shop_end", "tenant_id", "asked_at"),
    SubjectKind.USER: ("retention_person_end", "user_id", "asked_at"),
}
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
    """Open the transaction in which the record of `subject` can be reached: its tenant's scope, if it has a tenant."""
    with (
        tenant_scope(subject.tenant, using=ERASER)
        if subject.tenant
        else transaction.atomic(using=ERASER, durable=True)
    ):
        yield


def progress(subject: Subject) -> Progress | None:
    """Return how far an erasure is; None if it was not requested, or for a connection: has not begun."""
    table, where, key = _row(subject)
    requested_at = _TABLES[subject.kind][2]
    with record_scope(subject):
        row = sql.one(
            databases[ERASER],
            # names of this module
            f"select {requested_at}, begun_at, coalesce(plan, '{{}}'), steps_done, erased_at, erased_xid, rewritten, wal_from,"  # noqa: S608
            f" completed_at from {table} where {where}",
            key,
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
    """Change the record of an erasure. `assignments` is SQL of this package, with a placeholder for each of `values`."""
    with record_scope(subject):
        note_within(subject, assignments, values)


def note_within(subject: Subject, assignments: str, values: list[Any]) -> None:
    """Change the record inside a transaction that is open already. The arguments are those of `note`."""
    table, where, key = _row(subject)
    sql.execute(
        databases[ERASER],
        f"update {table} set {assignments} where {where}",  # noqa: S608
        [*values, *key],
    )


def begin(subject: Subject, plan: Mapping[str, int], *, at: datetime) -> None:
    """Note when an erasure begins and how many rows of each table there are, unless an earlier run has begun it."""
    note(
        subject,
        "plan = case when begun_at is null then %s::jsonb else plan end, begun_at ="
        " coalesce(begun_at, %s)",
        [json.dumps(plan), at],
    )


def mark_steps_within(subject: Subject, deleted: Mapping[str, int]) -> None:
    """Add the rows of one or more steps, inside the transaction that deleted them. A second run of a step adds to the first."""
    note_within(
        subject,
        "steps_done = steps_done || (select coalesce(jsonb_object_agg(one.key,"
        " coalesce((steps_done->>one.key)::bigint, 0) + one.value::bigint), '{}') from"
        " jsonb_each_text(%s::jsonb) one)",
        [json.dumps(dict(deleted))],
    )


def mark_erased_within(subject: Subject, *, at: datetime) -> None:
    """Note when the rows were deleted, and the number of a transaction later than all that deleted them."""
    note_within(
        subject,
        "erased_at = coalesce(erased_at, %s), erased_xid = coalesce(erased_xid,"
        " pg_current_xact_id()::text::bigint)",
        [at],
    )


def restart_erasure(subject: Subject) -> None:
    """Have the next run delete and rewrite from the beginning, without losing count of what was deleted."""
    note(subject, RESTART, [])


def deleted_by_table(done: Mapping[str, int]) -> dict[str, int]:
    """Return how many rows of each table were deleted, by the steps of this run and of those before a restart."""
    found: dict[str, int] = {}
    for name, rows in done.items():
        table = name.split("/", 1)[0]
        found[table] = found.get(table, 0) + rows
    return found


# what a driver returns for jsonb: text, or a document already
def as_document(value: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a jsonb value as a dict."""
    return dict(json.loads(value) if isinstance(value, str) else value)


def _row(subject: Subject) -> tuple[str, str, list[Any]]:
    table, column, _ = _TABLES[subject.kind]
    if subject.kind is SubjectKind.CONNECTION:
        return table, f"{column} = %s and tenant_id = %s", [subject.id, subject.tenant]
    return table, f"{column} = %s", [subject.id]
