"""Erase users who requested it or lost their last tenant.

Users who requested it get a certificate of their own. Users who lost their last tenant are part of
the tenant's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import connections as databases

from theseller.accounts.sessions import sessions_of
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.datamap.types import TableDescriptor
from theseller.edge.database_routing import accounts_database
from theseller.erasure.erasable_tables import SESSIONS, user_column, user_tables
from theseller.erasure.erasure_base_class import Erasure, Step, delete_rows
from theseller.erasure.erasure_records import (
    RESTART,
    begin,
    note,
    note_within,
    progress,
    record_scope,
)
from theseller.erasure.execution import erase_rows
from theseller.erasure.failure_collection import Failures
from theseller.erasure.journal import journal
from theseller.erasure.journal_database_exchange import links_of, restore_links
from theseller.erasure.types import JournalEntry, NewLink, Subject, SubjectKind
from theseller.erasure.vacuum import RetryLaterError
from theseller.erasure.work_pacing import UNTHROTTLED, Throttle
from theseller.lib import sql_execution
from theseller.retention.database_aliases import ACTOR, COUNTER, ERASER


def user_subject(identity: UUID) -> Subject:
    """Return a user as the subject of an erasure."""
    return Subject(SubjectKind.USER, identity, None)


def request_user_erasure(*, identity: UUID, link: NewLink, at: datetime) -> bool:
    """Record that a user requested the deletion of their account.

    The transaction is open on the accounts' connection. The database refuses an account that is not
    locked, that of a tenant's only owner, and that of the last operator.

    Args:
        identity: the user's id.
        link: leads to the certificate that is to come.
        at: now.

    Returns:
        False if they had requested it before.
    """
    return bool(
        sql_execution.value(
            databases[accounts_database()],
            "select guard.request_person_end(%s, %s, %s, %s)",
            [identity, at, link.token_hash, link.expires_at],
        )
    )


def due_users(*, at: datetime, waiting_too: bool = False) -> tuple[tuple[UUID, bool, bool], ...]:
    """Return (user, requested it, rows are deleted) of incomplete erasures.

    The oldest request comes first. One that failed and is retried later than `at` is left out,
    unless `waiting_too`.
    """
    return tuple(
        (row[0], row[1], row[2])
        for row in sql_execution.rows(
            databases[ERASER],
            "select user_id, own_request, rows_deleted from guard.due_user_erasures(%s, %s)",
            [at, waiting_too],
        )
    )


def erase_users(
    *, at: datetime, failures: Failures, waiting_too: bool = False, throttle: Throttle = UNTHROTTLED
) -> tuple[UserErasure, ...]:
    """Erase the rows of every user who is due; return those who requested it.

    Call it again after a kill. A user whose erasure failed in this run is in `failures`, and holds
    up no one else. `waiting_too`: also try users whose last try failed and whose next one is later.
    """
    requested = []
    for identity, own_request, erased in due_users(at=at, waiting_too=waiting_too):
        if identity in failures:
            continue
        one = UserErasure(identity, own_request=own_request)
        with failures.caught(one.subject):
            if not own_request:
                _erase_without_tenant(one, at, failures, throttle)
            elif erased or not any(
                erase_rows(one, at=at, failures=failures, throttle=throttle).values()
            ):
                requested.append(one)
    return tuple(requested)


def count_user_rows(identity: UUID) -> dict[str, int]:
    """Count what is left of a user, by table.

    The roles are the one that reads all tenants, and the one that reads sessions.
    """
    counts = {SESSIONS: len(sessions_of(identity))}
    with databases[COUNTER].cursor() as cursor:
        for descriptor in user_tables():
            cursor.execute(
                # the data map's own names
                f"select count(*) from {descriptor.table}"  # noqa: S608
                f" where {user_column(descriptor)} = %s",
                [identity],
            )
            counts[descriptor.table] = int(cursor.fetchone()[0])
    return counts


def replay_users(*, at: datetime) -> tuple[Subject, ...]:
    """Erase again in a restored database every user who has a journal entry.

    Returns:
        Those without a certificate of their own.

    Raises:
        RuntimeError: something of a user is left.
    """
    again = []
    failures = Failures()
    for entry in journal().entries(SubjectKind.USER):
        if not any(count_user_rows(entry.id).values()):
            continue
        one = UserErasure(entry.id, own_request=entry.own_request)
        with record_scope(one.subject):
            sql_execution.execute(
                databases[ERASER],
                "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at,"
                " own_request) values (%s, %s, %s, %s, %s)"
                " on conflict (tenant_id, subject_id) do nothing",
                [entry.id, entry.id, entry.kind.value, entry.at, entry.own_request],
            )
            note_within(one.subject, f"completed_at = null, kept = false, {RESTART}", [])
        restore_links(entry)
        if any(erase_rows(one, at=at, failures=failures).values()):
            raise RuntimeError(
                f"user {entry.id} had been erased and could not be erased in the restored database"
            )
        if not entry.own_request:
            note(one.subject, "completed_at = %s", [at])
            again.append(one.subject)
    return tuple(again)


def reopen(identity: UUID) -> None:
    """Have the next run erase a user again of whom rows came back."""
    note(user_subject(identity), "completed_at = null", [])


def _erase_without_tenant(
    one: UserErasure, at: datetime, failures: Failures, throttle: Throttle
) -> None:
    """Erase a user who has no tenant any more; keep operators and members.

    Raises:
        RetryLaterError: rows came back meanwhile.
    """
    identity = one.subject.id
    kept = bool(
        sql_execution.value(
            databases[ERASER],
            "select exists (select from guard.memberships_of(%s)) or exists (select from"
            " accounts_operator where user_id = %s)",
            [identity, identity],
        )
    )
    if kept:
        journal().withdraw(SubjectKind.USER, identity)
    elif any(erase_rows(one, at=at, failures=failures, throttle=throttle).values()):
        raise RetryLaterError("rows of this user came back while they were deleted")
    note(one.subject, "completed_at = %s, kept = %s", [at, kept])


class UserErasure(Erasure):
    """The erasure of a user's account, with their memberships.

    `own_request`: they requested it, and did not just lose their last tenant.
    """

    intended, done = Tag.ACCOUNT_END_INTENDED, Tag.ACCOUNT_ERASED
    searched_for = "the user's id, which every row about them holds"

    def __init__(self, identity: UUID, *, own_request: bool) -> None:
        super().__init__(user_subject(identity))
        self.own_request = own_request

    def journal_entry(self, at: datetime) -> JournalEntry:
        """Return who is erased, with the links to the certificate."""
        identity = self.subject.id
        return JournalEntry(
            SubjectKind.USER, identity, at, own_request=self.own_request, links=links_of(identity)
        )

    def begin(self, at: datetime) -> None:
        """Write the plan into the record."""
        known = progress(self.subject)
        if known is None or known.begun_at is None:
            begin(self.subject, self.count(), at=at)

    # nothing is looked up between steps
    def steps(self, at: datetime, throttle: Throttle) -> Iterator[Step]:  # noqa: ARG002
        """Yield a step for each tenant with rows of the user, then their own.

        Each run repeats them.
        """
        tenants = [
            row[0]
            for row in sql_execution.rows(
                databases[ERASER],
                "select tenant_id from guard.shops_of_person(%s)",
                [self.subject.id],
            )
        ]
        for tenant in tenants:
            yield Step("", tenant, partial(self._delete_in, tenant, at))
        yield Step("", None, partial(self._delete_own, at))

    def count(self) -> dict[str, int]:
        """Count what is left, by table, under another database role."""
        return count_user_rows(self.subject.id)

    def certificate_fields(self) -> dict[str, object]:
        """Return that one account ended."""
        return {"accounts": {"ended": 1, "kept": 0}, "connections": []}

    def _delete_in(self, tenant: UUID, at: datetime) -> Mapping[str, int]:
        deleted = {
            one.table: self._delete(one, f"{one.tenant_column} = %s and ", [tenant])
            for one in user_tables()
            if one.tenant_column
        }
        if deleted.get("accounts_membership"):
            self._record(Tag.MEMBER_LEFT, at, tenant)
        return deleted

    def _delete_own(self, at: datetime) -> Mapping[str, int]:
        sessions = sessions_of(self.subject.id)
        deleted = {
            SESSIONS: delete_rows(
                f"delete from {SESSIONS} where session_key = any(%s)",  # noqa: S608
                [sessions],
            )
        }
        deleted |= {
            one.table: self._delete(one, "", []) for one in user_tables() if not one.tenant_column
        }
        if deleted.get("accounts_operator"):
            self._record(Tag.OPERATOR_REMOVED, at)
        if deleted["accounts_user"]:
            self._record(Tag.ACCOUNT_ERASED, at)
        return deleted

    def _delete(self, descriptor: TableDescriptor, condition: str, values: list[UUID]) -> int:
        statement = (
            # the data map's own names
            f"delete from {descriptor.table}"  # noqa: S608
            f" where {condition}{user_column(descriptor)} = %s"
        )
        return delete_rows(statement, [*values, self.subject.id])

    def _record(self, tag: Tag, at: datetime, tenant: UUID | None = None) -> None:
        record(tag, actor=ACTOR, tenant=tenant, subject=self.subject.name, at=at, using=ERASER)
