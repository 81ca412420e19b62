"""Destroy the keys of expired recipients, and delete their rows.

Keys are destroyed first, so that every copy is unreadable, then rows are deleted. No state is kept
between runs: a date's key is found by its owner in the key store, an expired row by its date, an
interrupted withdrawal by its destroyed key. An interrupted run is repeated.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.db import connections as databases
from django.db import transaction

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.buyer_pii.consent_withdrawal_completion import finish_withdrawals
from theseller.buyer_pii.operations import record_erased
from theseller.buyer_pii.recipient_encryption import CONNECTION_OWNER_PREFIX, KEY_LIFETIME, day_of
from theseller.buyer_pii.types import ACTOR, ExpiryResult
from theseller.crypto.timestamped_secrets import creation_time
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import tenant_scope

#: The role that deletes rows it can't read, and the one that sees all tenants' dates.
ERASER, COUNTER = "retention", "probe"


def expire_recipients(*, at: datetime) -> ExpiryResult:
    """Run every expiry that is due at `at`.

    Raises:
        KeyStoreError: the key store is unavailable; the next run continues.
    """
    days = _destroy_due_day_keys(at=at)
    old = _destroy_old_connection_keys(at=at)
    withdrawn = finish_withdrawals(at=at)
    return ExpiryResult(days, old, _erase(at=at), withdrawn)


def delete_recipients_without_day_key(*, at: datetime) -> int:
    """Delete recipients whose date's key is lost, and the date's record.

    Called in a restored database: an export of the state folder has none of these keys
    (`backups/state_export.py`). As long as the date's record is there, nothing else could be stored
    for that date.

    Returns:
        How many rows were deleted.

    Raises:
        KeyStoreError: the key store is unavailable.
    """
    days = sql_execution.rows(databases[COUNTER], "select expires_on, key_id from pii.day_key")
    lost = [day for day, key in days if not settings.KEY_STORE.exists(key)]
    tenants = sql_execution.rows(
        databases[COUNTER],
        "select distinct tenant_id from pii.recipient where expires_on = any(%s)",
        [lost],
    )
    erased = 0
    for (tenant,) in tenants:
        with tenant_scope(tenant, using=ERASER):
            rows = sql_execution.execute(
                databases[ERASER],
                "delete from pii.recipient where tenant_id = %s and expires_on = any(%s)",
                [tenant, lost],
            )
        record_erased(rows, tenant=tenant, actor=ACTOR, at=at)
        erased += rows
    sql_execution.execute(
        databases[ERASER], "delete from pii.day_key where expires_on = any(%s)", [lost]
    )
    return erased


def _destroy_due_day_keys(*, at: datetime) -> int:
    today = at.astimezone(UTC).date()
    due = [
        (one.id, day)
        for one in settings.KEY_STORE.list()
        if not one.destroyed and (day := day_of(one.owner)) is not None and day <= today
    ]
    for key, day in sorted(due, key=lambda one: one[1]):
        subject = f"pii-day:{day:%Y-%m-%d}"
        with transaction.atomic(durable=True):
            record(
                Tag.VAULT_DAY_END_INTENDED,
                actor=ACTOR,
                tenant=None,
                subject=subject,
                at=at,
                details={"key": str(key)},
            )
        settings.KEY_STORE.destroy(key)
        with transaction.atomic(durable=True):
            record(
                Tag.VAULT_DAY_ENDED,
                actor=ACTOR,
                tenant=None,
                subject=subject,
                at=at,
                details={"key": str(key)},
            )
    sql_execution.execute(
        databases[ERASER], "delete from pii.day_key where expires_on <= %s", [today]
    )
    return len(due)


def _destroy_old_connection_keys(*, at: datetime) -> int:
    """Destroy connection keys whose recipients have all expired."""
    old = [
        one.id
        for one in settings.KEY_STORE.list()
        if one.owner.startswith(CONNECTION_OWNER_PREFIX)
        and not one.destroyed
        and (made := creation_time(one.id)) is not None
        and at - made > KEY_LIFETIME
    ]
    for key in old:
        settings.KEY_STORE.destroy(key)
    return len(old)


def _erase(*, at: datetime) -> int:
    """Delete expired rows and those of disabled features.

    Uses a role that can't read what it deletes.
    """
    today, erased = at.astimezone(UTC).date(), 0
    due = [
        row[0]
        for row in sql_execution.rows(
            databases["default"],
            "select tenant_id from guard.due_recipients(%s, %s)",
            [today, 1000],
        )
    ]
    for tenant in due:
        with tenant_scope(tenant, using=ERASER):
            rows = sql_execution.execute(
                databases[ERASER],
                "delete from pii.recipient r where r.tenant_id = %s and (r.expires_on <= %s or not"
                " exists (select from vault_consent c where c.tenant_id = r.tenant_id and"
                " c.connection_id = r.connection_id and c.withdrawn_at is null))",
                [tenant, today],
            )
        if rows:
            record_erased(rows, tenant=tenant, actor=ACTOR, at=at)
            erased += rows
    return erased
