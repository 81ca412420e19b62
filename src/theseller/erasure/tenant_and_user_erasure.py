"""Erase the tenants and users that are due, also after a restore."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import connections as databases

from theseller.erasure.disk_sanitization import sanitize
from theseller.erasure.erasure_base_class import Erasure
from theseller.erasure.erasure_records import RESTART, note_within
from theseller.erasure.exclusive_erasure import ErasureLock, exclusive_erasure
from theseller.erasure.execution import erase_all
from theseller.erasure.failure_collection import Failures
from theseller.erasure.journal import journal
from theseller.erasure.journal_database_exchange import restore_links
from theseller.erasure.tenant_erasure import TenantErasure, tenant_subject
from theseller.erasure.types import ErasureResult, JournalEntry, SubjectKind
from theseller.erasure.user_erasure import erase_users, replay_users
from theseller.erasure.work_pacing import UNTHROTTLED, Throttle
from theseller.lib import sql_execution
from theseller.retention.database_aliases import ACTOR, ERASER
from theseller.tenancy.tenant_scope import tenant_scope


def erase_tenant(*, tenant: UUID, at: datetime) -> ErasureResult:
    """Erase a tenant that is due and certify it.

    Users who have no other are erased with it. Call it again after a kill.
    """
    return next(
        one for one in erase_tenants_and_users(tenants=(tenant,), at=at) if one.subject.id == tenant
    )


def erase_tenants_and_users(
    *,
    tenants: Sequence[UUID],
    at: datetime,
    throttle: Throttle = UNTHROTTLED,
    now: Callable[[], datetime] | None = None,
    wait: bool = True,
) -> tuple[ErasureResult, ...]:
    """Erase tenants that are due, and every user who is, and certify each.

    The arguments are those of `execution.erase_all`.

    Only one process at a time erases tenants and users. With `wait` this one takes its turn, else
    it does nothing while another is at it.
    """
    with exclusive_erasure(ErasureLock.TENANTS_AND_USERS, wait=wait) as locked:
        if not locked:
            return ()
        makers = [(tenant_subject(one), partial(TenantErasure, one)) for one in tenants]
        requested = partial(_requested_users, at, throttle)
        return erase_all(makers, at=at, throttle=throttle, now=now, then=requested)


def _requested_users(at: datetime, throttle: Throttle, failures: Failures) -> Sequence[Erasure]:
    return erase_users(at=at, failures=failures, throttle=throttle)


def replay_tenants_and_users(*, at: datetime) -> int:
    """Erase again in a restored database what the journal names.

    Returns:
        How many tenants were erased again.

    Raises:
        RuntimeError: something of a tenant or a user is left, or could not be rewritten.
    """
    again = [
        entry.id for entry in journal().entries(SubjectKind.TENANT) if _was_restored(entry, at)
    ]
    if users := replay_users(at=at):
        sanitize(users)
    for one in erase_tenants_and_users(tenants=again, at=at):
        if not one.completed:
            why = one.waiting or "rows of it are left"
            raise RuntimeError(
                f"{one.subject.name} had been erased and could not be erased in the restored"
                f" database: {why}"
            )
    return len(again)


def _was_restored(entry: JournalEntry, at: datetime) -> bool:
    """Return whether a restored database has a tenant that was erased.

    If so, its record is put back to the beginning.
    """
    tenant = entry.id
    if not any(TenantErasure(tenant).count().values()):
        return False
    with tenant_scope(tenant, using=ERASER):
        sql_execution.execute(
            databases[ERASER],
            "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, requested_by)"
            " values (%s, %s, %s, %s, %s) on conflict (tenant_id, subject_id) do nothing",
            [tenant, tenant, SubjectKind.TENANT.value, at, ACTOR],
        )
        note_within(tenant_subject(tenant), f"completed_at = null, {RESTART}", [])
    restore_links(entry)
    return True
