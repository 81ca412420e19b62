"""Erase a shop whose owner ended it, and the accounts of people who have no other: after every connection of it is certified as erased.

As with a connection: an entry outside the database first, then the ledger with what there is, then a step for each table that is one
transaction with its mark, then a count by another role, then writing anew, a search, one more count, and the certificate (`ends.py`). A kill
at any point loses nothing; the next run goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections as databases

from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.datamap.types import Eraser, TableDescriptor
from theseller.edge.databases import accounts_database
from theseller.erasure.failures import Failures
from theseller.erasure.journal import Entry
from theseller.erasure.locks import ErasureLock, exclusive_erasure
from theseller.erasure.records import RESTART, mark_step, note_within, of_shop, progress, restart_erasure
from theseller.erasure.sanitization import sanitize
from theseller.erasure.subject_certificates import certify_end
from theseller.erasure.subject_journal import entries, restore_links, write_entry
from theseller.erasure.throttle import UNTHROTTLED, Throttle
from theseller.erasure.types import NewLink, SanitizationProof, Subject, SubjectKind
from theseller.erasure.users import count_of_person, erase_rows_of_people, look_again, replay_people
from theseller.erasure.vacuum import RetryLaterError
from theseller.lib.ids import new_id
from theseller.retention.limits import TENANT_GRACE_HOURS
from theseller.retention.roles import ACTOR, COUNTER, ERASER
from theseller.tenancy.scope import tenant_scope


class AccountFailedError(RuntimeError):
    """An account that goes with a shop could not be erased."""


@dataclass(frozen=True, slots=True)
class EndErased:
    """What the end of a shop or a person did: rows deleted by table, rows that a count by another role found left, and whether it is
    certified. `waiting` says what the rewriting has to wait for, if anything; the next run goes on.
    """

    subject: Subject
    deleted: dict[str, int]
    left: dict[str, int]
    completed: bool
    waiting: str = ""


def request_shop_end(*, person: UUID, request: UUID, link: NewLink, at: datetime) -> tuple[bool, list[UUID]]:
    """Record, in the scope that is open on the accounts' connection, that an owner asked for the end of the shop.

    `request` names the request for deletion, `link` leads to the proof that is to come. Return whether this is the first request, and the
    connections that it covers. The database refuses anyone who does not own the shop.
    """
    with databases[accounts_database()].cursor() as cursor:
        cursor.execute("select * from guard.request_shop_end(%s, %s, %s, %s, %s)", [person, request, at, link.token_hash, link.expires_at])
        first, covered = cursor.fetchone()
    return first, list(covered)


def shop_end_asked_at(tenant: UUID, *, using: str = "default") -> datetime | None:
    """Return when the end of the shop in scope was asked for, or None."""
    with databases[using].cursor() as cursor:
        cursor.execute("select asked_at from retention_shop_end where tenant_id = %s", [tenant])
        row = cursor.fetchone()
    return row[0] if row else None


def due_shops(*, at: datetime, using: str = "default") -> tuple[UUID, ...]:
    """Return the shops that can go now: asked for a day ago, so that certificates could be downloaded, and every connection certified."""
    with databases[using].cursor() as cursor:
        cursor.execute("select tenant_id from guard.due_shop_ends(%s, %s)", [at - timedelta(hours=TENANT_GRACE_HOURS), at])
        return tuple(row[0] for row in cursor.fetchall())


def erase_shop(*, tenant: UUID, at: datetime) -> EndErased:
    """Erase every row of a shop that is due, end the accounts of people who have no other, and certify it. Call it again after a kill."""
    return next(one for one in erase_ends(shops=(tenant,), at=at) if one.subject.id == tenant)


def erase_ends(
    *, shops: Sequence[UUID], at: datetime, throttle: Throttle = UNTHROTTLED, now: Callable[[], datetime] | None = None, wait: bool = True
) -> tuple[EndErased, ...]:
    """Erase shops that are due, and everybody whose account is; write anew once for all of them what they touched, and certify each.

    `pace`, `now` and `wait` are as `operations.purge_all` has them.
    """
    with exclusive_erasure(ErasureLock.ENDS, wait=wait) as alone:
        return _erase_ends(shops, at=at, throttle=throttle, now=now) if alone else ()


def _erase_ends(shops: Sequence[UUID], *, at: datetime, throttle: Throttle, now: Callable[[], datetime] | None) -> tuple[EndErased, ...]:
    told: list[EndErased] = []
    erased: list[Subject] = []
    failures = Failures()
    for tenant in shops:
        with failures.caught(Subject(SubjectKind.TENANT, tenant, tenant)):
            left = _erase_rows(tenant, at, failures)
            if any(left.values()):
                told.append(_told(Subject(SubjectKind.TENANT, tenant, tenant), left, completed=False))
            else:
                erased.append(Subject(SubjectKind.TENANT, tenant, tenant, _ended_people(tenant)))
    erased += erase_rows_of_people(at=at, failures=failures)
    if erased:
        told += _finish(tuple(erased), failures, now or (lambda: at), throttle)
    failures.settle(at=now() if now else at)
    return tuple(told)


def replay_shop_ends(*, at: datetime) -> int:
    """Do again in a restored database what the entries outside it say; return how many shops were erased again.

    Raises:
        RuntimeError: something of a shop or a person is left, or could not be written anew.
    """
    again = [entry.id for entry in entries(SubjectKind.TENANT) if _stands_again(entry, at)]
    if people := replay_people(at=at):
        sanitize(people)
    for one in erase_ends(shops=again, at=at):
        if not one.completed:
            why = one.waiting or "rows of it are left"
            raise RuntimeError(f"{one.subject.kind} {one.subject.id} had ended and could not be erased in the restored database: {why}")
    return len(again)


def _stands_again(entry: Entry, at: datetime) -> bool:
    """Say whether a restored database has a shop that had ended, and put its ledger back to the beginning."""
    tenant = entry.id
    with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        if not any(_count(tenant).values()):
            return False
        cursor.execute(
            "insert into retention_shop_end (tenant_id, id, asked_at, asked_by) values (%s, %s, %s, %s) on conflict (tenant_id) do nothing",
            [tenant, new_id(), at, ACTOR],
        )
        note_within(Subject(SubjectKind.TENANT, tenant, tenant), f"completed_at = null, {RESTART}", [])
    restore_links(SubjectKind.TENANT, entry)
    return True


def _erase_rows(tenant: UUID, at: datetime, failures: Failures) -> dict[str, int]:
    """Delete whatever no earlier run deleted, and return what is left by the other role's count: all zero, or the marks are gone.

    Raises:
        AccountFailedError: an account that goes with the shop could not be erased (`failures` has the reason): the shop waits for it.
    """
    subject = Subject(SubjectKind.TENANT, tenant, tenant)
    known = _begin(subject, tenant, at)
    if known.get("", 0):
        return {}
    for descriptor in of_shop():
        if descriptor.eraser is Eraser.DELETE_TENANT and descriptor.table not in known:
            _erase(subject, tenant, descriptor, at)
    # Also accounts whose last try failed a moment ago: the shop itself waits longer and longer, and is certified after them only.
    erase_rows_of_people(at=at, failures=failures, waiting_too=True)
    if any(person in failures for person in _people_of(tenant)):
        raise AccountFailedError("an account that goes with this shop could not be erased: the shop is certified after it")
    left = _count(tenant)
    if any(left.values()):
        restart_erasure(subject)
    else:
        with tenant_scope(tenant, using=ERASER):
            note_within(subject, "erased_at = %s, erased_xid = pg_current_xact_id()::text::bigint", [at])
            record(Tag.SHOP_ERASED, actor=ACTOR, tenant=tenant, subject=f"tenant:{tenant}", at=at, using=ERASER)
    return left


def _begin(subject: Subject, tenant: UUID, at: datetime) -> dict[str, int]:
    """Write the entry and the plan before anything is destroyed; return the steps that an earlier run did."""
    write_entry(SubjectKind.TENANT, tenant, at)
    with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute("select begun_at from retention_shop_end where tenant_id = %s for update", [tenant])
        row = cursor.fetchone()
        if row is None:
            raise LookupError("nobody asked for the end of this shop")
        if row[0] is None:
            cursor.execute(
                "update retention_shop_end set begun_at = %s, plan = %s where tenant_id = %s", [at, json.dumps(_count(tenant)), tenant]
            )
    found = progress(subject)
    return {} if found is None else {**found.deleted, "": int(found.erased_at is not None)}


def _erase(subject: Subject, tenant: UUID, descriptor: TableDescriptor, at: datetime) -> None:
    with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        if descriptor.table == "accounts_membership":
            cursor.execute(
                "with gone as (select m.user_id from accounts_membership m where m.tenant_id = %s), asked as ("
                " insert into retention_person_end (user_id, asked_at) select user_id, %s from gone"
                " on conflict (user_id) do update set completed_at = null, kept = false)"
                " update retention_shop_end set people = array(select user_id from gone union select unnest(people)) where tenant_id = %s",
                [tenant, at, tenant],
            )
        cursor.execute(f"delete from {descriptor.table} where {descriptor.tenant_column} = %s", [tenant])  # noqa: S608  # the data map's own names
        mark_step(subject, descriptor.table, cursor.rowcount)


def _people_of(tenant: UUID) -> tuple[UUID, ...]:
    """Return everyone who was a member of a shop that has ended."""
    with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute("select unnest(people) from retention_shop_end where tenant_id = %s", [tenant])
        return tuple(row[0] for row in cursor.fetchall())


def _ended_people(tenant: UUID) -> tuple[UUID, ...]:
    """Return whose accounts went with a shop."""
    with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
        cursor.execute(
            "select p.user_id from retention_shop_end e join retention_person_end p on p.user_id = any(e.people)"
            " where e.tenant_id = %s and not p.kept and not p.own_wish and p.completed_at is not null order by 1",
            [tenant],
        )
        return tuple(row[0] for row in cursor.fetchall())


def _finish(erased: tuple[Subject, ...], failures: Failures, now: Callable[[], datetime], throttle: Throttle) -> list[EndErased]:
    """Rewrite, search, count once more, certify, each on its own. What can't be done now is done by the next run."""
    try:
        proofs = sanitize(erased, throttle, failures=failures)
    except RetryLaterError as error:
        return [_told(subject, {}, completed=False, waiting=str(error)) for subject in erased]
    except Exception as error:  # noqa: BLE001  # it is noted, and raised when the others are done
        # What they share failed. It may be for one of them only: each alone then shows which.
        if len(erased) > 1:
            return [told for one in erased for told in _finish((one,), failures, now, throttle)]
        failures.note(erased[0], error)
        return []
    told = []
    for subject in erased:
        with failures.caught(subject):
            told.append(_certify_if_proven(subject, proofs.get(subject.id), failures.waiting.get(subject.id, ""), at=now()))
    return told


def _certify_if_proven(subject: Subject, proof: SanitizationProof | None, waiting: str, *, at: datetime) -> EndErased:
    left = _count(subject.id) if subject.kind is SubjectKind.TENANT else count_of_person(subject.id)
    for one in subject.others:
        theirs = count_of_person(one)
        left = {table: left.get(table, 0) + theirs.get(table, 0) for table in {**left, **theirs}}
        if any(theirs.values()):
            look_again(one)
    if any(left.values()):
        restart_erasure(subject)
    elif proof is not None:
        certify_end(subject, left, proof, at=at)
    return _told(subject, left, completed=proof is not None and not any(left.values()), waiting=waiting)


def _told(subject: Subject, left: dict[str, int], *, completed: bool, waiting: str = "") -> EndErased:
    known = progress(subject)
    return EndErased(subject, known.deleted if known else {}, left, completed, waiting)


def _count(tenant: UUID) -> dict[str, int]:
    """Count what is left of a shop, table by table, by the role that looks over all tenants."""
    counts = {}
    with databases[COUNTER].cursor() as cursor:
        for descriptor in of_shop():
            cursor.execute(f"select count(*) from {descriptor.table} where {descriptor.tenant_column} = %s", [tenant])  # noqa: S608  # the data map's own names
            counts[descriptor.table] = int(cursor.fetchone()[0])
    return counts
