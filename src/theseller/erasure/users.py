"""Erase the accounts of people: who asked for it, and who lost their last shop.

As with a connection: an entry outside the database first, then the rows with their marks, then a count by another role. Who asked for it gets
a proof of their own; who lost their shop is part of the shop's.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections as databases
from django.db import transaction

from theseller.accounts.sessions import sessions_of
from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.edge.databases import accounts_database
from theseller.erasure.failures import Failures
from theseller.erasure.queries import as_document
from theseller.erasure.records import RESTART, SESSIONS, note, note_within, of_person, person_column, restart_erasure
from theseller.erasure.subject_journal import entries, restore_links, withdraw_entry, write_entry
from theseller.erasure.types import NewLink, Subject, SubjectKind
from theseller.retention.roles import ACTOR, COUNTER, ERASER
from theseller.tenancy.scope import tenant_scope


def person(identity: UUID) -> Subject:
    return Subject(SubjectKind.USER, identity, None)


def request_person_end(*, identity: UUID, link: NewLink, at: datetime) -> bool:
    """Record, in the transaction that is open on the accounts' connection, that a person asked for the end of their account.

    `link` leads to the proof that is to come. Return False if they had asked before. The database refuses an account that is not locked,
    the only owner of a shop and the last operator.
    """
    with databases[accounts_database()].cursor() as cursor:
        cursor.execute("select guard.request_person_end(%s, %s, %s, %s)", [identity, at, link.token_hash, link.expires_at])
        return bool(cursor.fetchone()[0])


def due_people(*, at: datetime, waiting_too: bool = False) -> tuple[tuple[UUID, bool, bool], ...]:
    """Return (person, whether they asked for it, whether their rows are deleted) whose end is not complete, the longest asked first.

    Whose erasure failed and is tried again later than `at` is left out, unless `waiting_too`.
    """
    with databases[ERASER].cursor() as cursor:
        cursor.execute(
            "select user_id, own_wish, erased_at is not null from retention_person_end p where completed_at is null and (%s or not exists"
            " (select from retention_end_failure f where f.subject_id = p.user_id and f.retry_at > %s)) order by asked_at, user_id",
            [waiting_too, at],
        )
        return tuple((row[0], row[1], row[2]) for row in cursor.fetchall())


def erase_rows_of_people(*, at: datetime, failures: Failures, waiting_too: bool = False) -> tuple[Subject, ...]:
    """Erase the rows of everyone who is due; return those who asked for it, whose proof is to come. Call it again after a kill.

    `waiting_too`: also of those whose last try failed and whose next one is later.
    A person whose erasure failed in this run is in `failures`, and holds up no one else.
    """
    wishes = []
    for identity, own_wish, erased in due_people(at=at, waiting_too=waiting_too):
        if identity in failures:
            continue
        with failures.caught(person(identity)):
            if not own_wish:
                _erase_if_left_alone(identity, at)
            elif erased or _erase_by_wish(identity, at):
                wishes.append(person(identity))
    return tuple(wishes)


def count_of_person(identity: UUID) -> dict[str, int]:
    """Count what is left of a person, table by table, by the role that looks over all tenants, and by the one that reads sessions."""
    counts = {SESSIONS: len(sessions_of(identity))}
    with databases[COUNTER].cursor() as cursor:
        for descriptor in of_person():
            cursor.execute(f"select count(*) from {descriptor.table} where {person_column(descriptor)} = %s", [identity])  # noqa: S608  # the data map's own names
            counts[descriptor.table] = int(cursor.fetchone()[0])
    return counts


def replay_people(*, at: datetime) -> tuple[Subject, ...]:
    """Erase again, in a restored database, everybody who has an entry outside it; return those who get no proof of their own.

    Raises:
        RuntimeError: something of one is left.
    """
    again = []
    for entry in entries(SubjectKind.USER):
        if not any(count_of_person(entry.id).values()):
            continue
        with databases[ERASER].cursor() as cursor:
            cursor.execute(
                "insert into retention_person_end (user_id, asked_at, own_wish) values (%s, %s, %s) on conflict (user_id) do nothing",
                [entry.id, entry.at, entry.own_wish],
            )
        note(person(entry.id), f"completed_at = null, kept = false, {RESTART}", [])
        restore_links(SubjectKind.USER, entry)
        _delete(entry.id, at)
        if any(count_of_person(entry.id).values()):
            raise RuntimeError(f"person {entry.id} had ended and could not be erased in the restored database")
        _mark_erased(entry.id, at)
        if not entry.own_wish:
            note(person(entry.id), "completed_at = %s", [at])
            again.append(person(entry.id))
    return tuple(again)


def look_again(identity: UUID) -> None:
    """Have the next run erase somebody once more of whom something came back."""
    note(person(identity), "completed_at = null", [])


def _erase_by_wish(identity: UUID, at: datetime) -> bool:
    """Erase who asked for it, places in shops and all; False if something came back meanwhile, and the next run begins anew."""
    subject = person(identity)
    write_entry(SubjectKind.USER, identity, at, own_wish=True)
    if not _begun(identity):
        note(subject, "begun_at = %s, plan = %s", [at, json.dumps(count_of_person(identity))])
    _delete(identity, at)
    if any(count_of_person(identity).values()):
        restart_erasure(subject)
        return False
    _mark_erased(identity, at)
    return True


def _erase_if_left_alone(identity: UUID, at: datetime) -> None:
    """Erase who has no place any more and operates nothing; keep the others' accounts."""
    with databases[ERASER].cursor() as cursor:
        cursor.execute(
            "select exists (select from guard.tenants_of(%s)) or exists (select from accounts_operator where user_id = %s)",
            [identity, identity],
        )
        kept = bool(cursor.fetchone()[0])
    if kept:
        withdraw_entry(SubjectKind.USER, identity)
    else:
        write_entry(SubjectKind.USER, identity, at)
        if not _begun(identity):
            note(person(identity), "begun_at = %s, plan = %s", [at, json.dumps(count_of_person(identity))])
        _delete(identity, at)
        _mark_erased(identity, at)
    note(person(identity), "completed_at = %s, kept = %s", [at, kept])


def _mark_erased(identity: UUID, at: datetime) -> None:
    note(person(identity), "erased_at = %s, erased_xid = pg_current_xact_id()::text::bigint", [at])


def _begun(identity: UUID) -> bool:
    with databases[ERASER].cursor() as cursor:
        cursor.execute("select begun_at is not null from retention_person_end where user_id = %s", [identity])
        return bool(cursor.fetchone()[0])


def _delete(identity: UUID, at: datetime) -> None:
    """Delete what shops hold of a person, shop by shop, then the person's own rows. Each transaction adds to the ledger what it deleted."""
    with databases[ERASER].cursor() as cursor:
        cursor.execute("select tenant_id from guard.shops_of_person(%s)", [identity])
        shops = [row[0] for row in cursor.fetchall()]
    for tenant in shops:
        with tenant_scope(tenant, using=ERASER):
            gone = {
                one.table: _deleted(
                    f"delete from {one.table} where {one.tenant_column} = %s and {person_column(one)} = %s",  # noqa: S608  # the data map's own names
                    [tenant, identity],
                )
                for one in of_person()
                if one.tenant_column
            }
            _add(identity, gone)
            if gone.get("accounts_membership"):
                record(Tag.MEMBER_LEFT, actor=ACTOR, tenant=tenant, subject=f"user:{identity}", at=at, using=ERASER)
    with transaction.atomic(using=ERASER, durable=True):
        gone = {SESSIONS: _deleted("delete from django_session where session_key = any(%s)", [sessions_of(identity)])}
        for one in of_person():
            if not one.tenant_column:
                gone[one.table] = _deleted(f"delete from {one.table} where {person_column(one)} = %s", [identity])  # noqa: S608  # as above
        _add(identity, gone)
        if gone.get("accounts_operator"):
            record(Tag.OPERATOR_REMOVED, actor=ACTOR, tenant=None, subject=f"user:{identity}", at=at, using=ERASER)
        if gone["accounts_user"]:
            record(Tag.ACCOUNT_ERASED, actor=ACTOR, tenant=None, subject=f"user:{identity}", at=at, using=ERASER)


def _deleted(statement: str, values: list[Any]) -> int:
    with databases[ERASER].cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)


def _add(identity: UUID, gone: dict[str, int]) -> None:
    with databases[ERASER].cursor() as cursor:
        cursor.execute("select steps_done from retention_person_end where user_id = %s for update", [identity])
        before = as_document(cursor.fetchone()[0])
    after = before | {table: rows + before.get(table, 0) for table, rows in gone.items()}
    note_within(person(identity), "steps_done = %s", [json.dumps(after)])
