"""How far an erasure is: its row of a ledger, which outlives what it speaks of. One for each connection, shop or person that has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connections as databases
from django.db import transaction

from theseller.datamap.registry import erasure_order
from theseller.datamap.types import Eraser, TableDescriptor
from theseller.erasure.queries import as_document, erasable
from theseller.erasure.types import Progress, Subject, SubjectKind
from theseller.retention.roles import ERASER
from theseller.tenancy.scope import tenant_scope

_ROWS = {
    SubjectKind.CONNECTION: ("retention_purge", "connection_id"),
    SubjectKind.TENANT: ("retention_shop_end", "tenant_id"),
    SubjectKind.USER: ("retention_person_end", "user_id"),
}
#: Browser sessions end by age, and a person's with the person.
SESSIONS = "django_session"


@contextmanager
def record_scope(subject: Subject) -> Iterator[None]:
    """Open the transaction in which the ledger's row of `subject` exists: its shop's scope, if it has a shop."""
    with tenant_scope(subject.tenant, using=ERASER) if subject.tenant else transaction.atomic(using=ERASER, durable=True):
        yield


def progress(subject: Subject) -> Progress | None:
    """Return what the ledger says of this erasure; None before it has begun."""
    with record_scope(subject), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "select coalesce(plan, '{}'), steps_done, erased_at, erased_xid, rewritten, wal_from, completed_at"  # noqa: S608  # names of this module
            f" from {_row(subject)}",
            _key(subject),
        )
        row = cursor.fetchone()
    if row is None:
        return None
    plan, done, erased_at, xid, rewritten, wal_from, completed = row
    return Progress(as_document(plan), as_document(done), erased_at, xid, as_document(rewritten), wal_from, completed)


def note(subject: Subject, assignments: str, values: list[Any]) -> None:
    """Change this erasure's row of the ledger. `assignments` is ours, never anybody's words."""
    with record_scope(subject):
        note_within(subject, assignments, values)


def note_within(subject: Subject, assignments: str, values: list[Any]) -> None:
    """Change it inside a transaction that is open already."""
    table, where = _row(subject).split(" ", 1)
    with databases[ERASER].cursor() as cursor:
        cursor.execute(f"update {table} set {assignments} {where}", [*values, *_key(subject)])  # noqa: S608  # names of this module


def mark_step(subject: Subject, name: str, rows: int) -> None:
    """Add, inside the transaction that deleted them, how many rows of one step were deleted. A second run of it adds to the first."""
    note_within(
        subject,
        "steps_done = steps_done || jsonb_build_object(%s::text, coalesce((steps_done->>%s::text)::bigint, 0) + %s::bigint)",
        [name, name, rows],
    )


#: Assignments that have the next run delete everything again from the beginning. What was deleted until now stays counted: the rows of each
#: table under `table/earlier`, which is the name of no step.
RESTART = (
    "steps_done = (select coalesce(jsonb_object_agg(one.name || '/earlier', one.deleted), '{}') from (select split_part(key, '/', 1),"
    " sum(value::bigint) from jsonb_each_text(steps_done) group by 1) one (name, deleted)),"
    " erased_at = null, erased_xid = null, rewritten = '{}', wal_from = null"
)


def restart_erasure(subject: Subject) -> None:
    """Have the next run delete and rewrite from the beginning, without losing count of what was deleted."""
    note(subject, RESTART, [])


def deleted_by_table(done: Mapping[str, int]) -> dict[str, int]:
    """Return how many rows of each table were deleted, by the steps that were done and those before the last beginning."""
    found: dict[str, int] = {}
    for name, rows in done.items():
        table = name.split("/", 1)[0]
        found[table] = found.get(table, 0) + rows
    return found


def tables_of(kind: SubjectKind) -> tuple[str, ...]:
    """Return the tables in which a subject of this kind may have left bytes."""
    if kind is SubjectKind.CONNECTION:
        return tuple(descriptor.table for descriptor in erasable())
    people = tuple(descriptor.table for descriptor in of_person())
    if kind is SubjectKind.USER:
        return (*people, SESSIONS)
    return tuple(dict.fromkeys((*(descriptor.table for descriptor in of_shop()), *people, SESSIONS)))


def of_shop() -> tuple[TableDescriptor, ...]:
    """Return the holdings whose rows go with a shop, children before parents."""
    return _some(descriptor for descriptor in erasure_order() if descriptor.tenant_column and descriptor.eraser is not Eraser.KEEP)


def of_person() -> tuple[TableDescriptor, ...]:
    """Return the holdings whose rows go with a person's account, children before parents: their own, and those of shops that name them."""
    return _some(
        descriptor
        for descriptor in erasure_order()
        if descriptor.eraser is Eraser.DELETE_USER or ("accounts_user" in descriptor.parents and descriptor.tenant_column)
    )


def person_column(descriptor: TableDescriptor) -> str:
    """Return the column by which rows of `descriptor` say whose they are."""
    return "id" if descriptor.table == "accounts_user" else "user_id"


def _some(found: Iterator[TableDescriptor]) -> tuple[TableDescriptor, ...]:
    descriptors = tuple(found)
    if not descriptors:
        raise RuntimeError("the data map is empty: no erasure can be planned or proven")
    return descriptors


def _row(subject: Subject) -> str:
    table, column = _ROWS[subject.kind]
    return f"{table} where {column} = %s" + (" and tenant_id = %s" if subject.kind is SubjectKind.CONNECTION else "")


def _key(subject: Subject) -> list[Any]:
    return [subject.id, subject.tenant] if subject.kind is SubjectKind.CONNECTION else [subject.id]
