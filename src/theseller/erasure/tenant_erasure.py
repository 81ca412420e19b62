"""Erase a tenant at its owner's request, and users who have no other.

A tenant is erased when every connection of it is certified as erased.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.datamap.types import Eraser, TableDescriptor
from theseller.edge.database_routing import accounts_database
from theseller.erasure.erasable_tables import tenant_tables
from theseller.erasure.erasure_base_class import Erasure, Step, delete_rows
from theseller.erasure.erasure_records import (
    as_document,
    begin,
    deleted_by_table,
    note_within,
    progress,
)
from theseller.erasure.failure_collection import Failures
from theseller.erasure.journal_database_exchange import links_of
from theseller.erasure.types import JournalEntry, NewLink, Progress, Subject, SubjectKind
from theseller.erasure.user_erasure import count_user_rows, erase_users, reopen
from theseller.erasure.work_pacing import Throttle
from theseller.lib import sql_execution
from theseller.retention.database_aliases import ACTOR, COUNTER, ERASER
from theseller.retention.retention_limits import TENANT_GRACE_HOURS
from theseller.tenancy.tenant_scope import tenant_scope


class AccountFailedError(RuntimeError):
    """An account that is erased with a tenant could not be erased."""


def tenant_subject(tenant: UUID) -> Subject:
    """Return a tenant as the subject of an erasure."""
    return Subject(SubjectKind.TENANT, tenant, tenant)


def request_tenant_erasure(
    *, user: UUID, request: UUID, link: NewLink, at: datetime
) -> tuple[bool, list[UUID]]:
    """Record that an owner requested the deletion of the tenant in scope.

    The scope is open on the accounts' connection. The database refuses anyone who does not own the
    tenant.

    Args:
        user: the owner.
        request: the id of the deletion request.
        link: leads to the certificate that is to come.
        at: now.

    Returns:
        Whether this is the first request, and the connections that it covers.
    """
    first, covered = sql_execution.one(
        databases[accounts_database()],
        "select * from guard.request_shop_end(%s, %s, %s, %s, %s)",
        [user, request, at, link.token_hash, link.expires_at],
    )
    return first, list(covered)


def tenant_erasure_requested_at(tenant: UUID, *, using: str = "default") -> datetime | None:
    """Return when the deletion of the tenant in scope was requested, or None."""
    row = sql_execution.one(
        databases[using],
        "select requested_at from erasure_erasure where tenant_id = %s and subject_id = %s",
        [tenant, tenant],
    )
    return row[0] if row else None


def due_tenants(*, at: datetime, using: str = "default") -> tuple[UUID, ...]:
    """Return the tenants that can be erased.

    It was requested a day ago, so that certificates could be downloaded, and all connections are
    certified.
    """
    return tuple(
        row[0]
        for row in sql_execution.rows(
            databases[using],
            "select tenant_id from guard.due_shop_ends(%s, %s)",
            [at - timedelta(hours=TENANT_GRACE_HOURS), at],
        )
    )


class TenantErasure(Erasure):
    """The erasure of a tenant, with the accounts of users who have no other."""

    intended, done = Tag.SHOP_END_INTENDED, Tag.SHOP_ERASED
    searched_for = (
        "the tenant's id and the ids of the users whose accounts were erased with it, which every"
        " row of theirs holds"
    )

    def __init__(self, tenant: UUID) -> None:
        super().__init__(tenant_subject(tenant))
        self.tenant = tenant

    def journal_entry(self, at: datetime) -> JournalEntry:
        """Return which tenant is erased, with the links to its certificate."""
        return JournalEntry(SubjectKind.TENANT, self.tenant, at, links=links_of(self.tenant))

    def begin(self, at: datetime) -> None:
        """Write the plan into the record.

        Raises:
            LookupError: no one requested the deletion of this tenant.
        """
        known = progress(self.subject)
        if known is None:
            raise LookupError("no one requested the deletion of this tenant")
        if known.begun_at is None:
            begin(self.subject, self.count(), at=at)

    # nothing is looked up between steps
    def steps(self, at: datetime, throttle: Throttle) -> Iterator[Step]:  # noqa: ARG002
        """Yield a step for each table."""
        for descriptor in tenant_tables():
            if descriptor.eraser is Eraser.DELETE_TENANT:
                yield Step(descriptor.table, self.tenant, partial(self._delete, descriptor, at))

    def after_steps(self, at: datetime, failures: Failures, throttle: Throttle) -> None:
        """Erase the accounts of users who have no other tenant.

        Also those whose last try failed a moment ago: the tenant itself waits longer each time, and
        is certified after them only.

        Raises:
            AccountFailedError: one could not be erased (`failures` has the reason): the tenant
                waits for it.
        """
        erase_users(at=at, failures=failures, waiting_too=True, throttle=throttle)
        if any(user in failures for user in self._members()):
            raise AccountFailedError(
                "an account that is erased with this shop could not be erased: the shop is"
                " certified after it"
            )

    def count(self) -> dict[str, int]:
        """Count what is left by table.

        Once they are loaded, also of the users who were erased with the tenant.
        """
        counts = {}
        with databases[COUNTER].cursor() as cursor:
            for descriptor in tenant_tables():
                cursor.execute(
                    # the data map's own names
                    f"select count(*) from {descriptor.table}"  # noqa: S608
                    f" where {descriptor.tenant_column} = %s",
                    [self.tenant],
                )
                counts[descriptor.table] = int(cursor.fetchone()[0])
        for user in self.subject.others:
            for table, rows in count_user_rows(user).items():
                counts[table] = counts.get(table, 0) + rows
        return counts

    def when_erased(self, at: datetime) -> None:
        """Record that the tenant's rows are deleted."""
        record(
            Tag.SHOP_ERASED,
            actor=ACTOR,
            tenant=self.tenant,
            subject=self.subject.name,
            at=at,
            using=ERASER,
        )

    def load_related(self) -> None:
        """Load the users whose accounts were erased with the tenant."""
        with tenant_scope(self.tenant, using=ERASER):
            self.subject = replace(
                self.subject,
                others=tuple(
                    row[0]
                    for row in sql_execution.rows(
                        databases[ERASER],
                        "select user_id from guard.member_erasures() where not kept and not"
                        " own_request and completed_at is not null order by 1",
                    )
                ),
            )

    def restart(self) -> None:
        """Have the next run delete again, also users whose rows came back."""
        for user in self.subject.others:
            if any(count_user_rows(user).values()):
                reopen(user)
        super().restart()

    def connections(self) -> tuple[UUID, ...]:
        """Return the connections that are certified: no key of theirs may exist."""
        return tuple(UUID(one["connection"]) for one in self._certified())

    def deleted(self, known: Progress) -> Mapping[str, int]:
        """Return the rows that were deleted, those of its users included."""
        deleted = deleted_by_table(known.deleted)
        for _, _, steps in self._users():
            for table, rows in deleted_by_table(steps).items():
                deleted[table] = deleted.get(table, 0) + rows
        return deleted

    def planned(self, known: Progress) -> Mapping[str, int]:
        """Return the rows that there were, those of its users included."""
        planned = dict(known.plan)
        for _, plan, _ in self._users():
            for table, rows in plan.items():
                planned[table] = planned.get(table, 0) + rows
        return planned

    def certificate_fields(self) -> dict[str, object]:
        """Return how many accounts ended and were kept, and certificates."""
        kept = [one for one, _, _ in self._users()]
        return {
            "accounts": {"ended": kept.count(False), "kept": kept.count(True)},
            "connections": self._certified(),
        }

    def _members(self) -> tuple[UUID, ...]:
        """Return every user who was a member of the tenant."""
        with tenant_scope(self.tenant, using=ERASER):
            return tuple(
                row[0]
                for row in sql_execution.rows(
                    databases[ERASER],
                    "select unnest(members) from erasure_erasure where tenant_id = %s"
                    " and subject_id = %s",
                    [self.tenant, self.tenant],
                )
            )

    def _users(self) -> list[tuple[bool, dict[str, int], dict[str, int]]]:
        """Return (account kept, rows planned, rows deleted) of each member.

        Planned rows are by table, deleted ones by step. Members who requested their own deletion
        are left out.
        """
        with tenant_scope(self.tenant, using=ERASER):
            return [
                (bool(kept), as_document(plan), as_document(steps))
                for kept, plan, steps in sql_execution.rows(
                    databases[ERASER],
                    "select kept, plan, steps_done from guard.member_erasures()"
                    " where not own_request",
                )
            ]

    def _certified(self) -> list[dict[str, str]]:
        """Return the certificates of the tenant's connections."""
        with tenant_scope(self.tenant, using=ERASER):
            return [
                {
                    "connection": str(connection),
                    "certificate": str(identity),
                    "issued_at": issued.isoformat(),
                    "body_sha256": hashlib.sha256(bytes(body)).hexdigest(),
                }
                for connection, identity, issued, body in sql_execution.rows(
                    databases[ERASER],
                    "select subject_id, id, issued_at, body from erasure_certificate where"
                    " tenant_id = %s and kind = 'connection' order by issued_at, id",
                    [self.tenant],
                )
            ]

    def _delete(self, descriptor: TableDescriptor, at: datetime) -> Mapping[str, int]:
        if descriptor.table == "accounts_membership":
            members = sql_execution.rows(
                databases[ERASER], "select guard.request_member_erasures(%s)", [at]
            )
            note_within(
                self.subject,
                "members = array(select unnest(members) union select unnest(%s::uuid[]))",
                [[row[0] for row in members]],
            )
        # the data map's own names
        statement = (
            f"delete from {descriptor.table}"  # noqa: S608
            f" where {descriptor.tenant_column} = %s"
        )
        return {descriptor.table: delete_rows(statement, [self.tenant])}
