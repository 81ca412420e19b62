"""Enable or disable packing slips; request and open slips."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.buyer_pii.expiry_date import is_expired
from theseller.buyer_pii.packing_slip_agreement_terms import TERMS_VERSION
from theseller.buyer_pii.queries import features, has_restricted_role, orders
from theseller.buyer_pii.recipient_encryption import USING, open_recipient
from theseller.buyer_pii.types import DisableResult, Slip
from theseller.connections.connection_locks import lock_shared
from theseller.connections.data_keys import destroy_keys, key_owner
from theseller.connections.types import Origin
from theseller.crypto.errors import CannotOpenError, KeyDestroyedError
from theseller.crypto.key_types import Purpose
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.tenancy.tenant_scope import tenant_scope

#: The most slips in one request or print.
MAX_SLIPS_PER_REQUEST = 30


class FeatureUnavailableError(RuntimeError):
    """The application lacks the role, or the connection does not use SP-API."""


def enable_packing_slips(*, connection: UUID, tenant: UUID, actor: str, at: datetime) -> UUID:
    """Record an owner's consent for `connection` and return its ID.

    Idempotent.

    Raises:
        FeatureUnavailableError: the operator's application lacks the role, or the data comes from
            files.
        ConnectionClosedError: the connection has ended.
    """
    if not has_restricted_role():
        raise FeatureUnavailableError(
            "this deployment's Amazon application does not hold the role that packing slips need"
        )
    with tenant_scope(tenant):
        if lock_shared(connection).origin is not Origin.LWA:
            raise FeatureUnavailableError("imported files have no recipients")
        first = bool(
            sql_execution.execute(
                databases["default"],
                "insert into vault_consent (tenant_id, id, connection_id, terms, given_at,"
                " given_by) values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
                [tenant, new_id(), connection, TERMS_VERSION, at, actor],
            )
        )
        consent: UUID = sql_execution.value(
            databases["default"],
            "select id from vault_consent where tenant_id = %s and connection_id = %s and"
            " withdrawn_at is null",
            [tenant, connection],
        )
        if first:
            record(
                Tag.VAULT_ON,
                actor=actor,
                tenant=tenant,
                subject=f"connection:{connection}",
                at=at,
                details={"terms": TERMS_VERSION},
            )
    return consent


def disable_packing_slips(
    *, connection: UUID, tenant: UUID, actor: str, at: datetime
) -> DisableResult:
    """Disable the feature; afterward no fetched recipient can be read.

    That includes backups. The keys are destroyed last before the commit, then the rows are deleted.
    If interrupted in between, a periodic job finishes. Idempotent.

    Raises:
        KeyStoreError: a key can't be destroyed now; nothing has changed. Call it again.
    """
    with tenant_scope(tenant):
        record(
            Tag.VAULT_OFF_INTENDED,
            actor=actor,
            tenant=tenant,
            subject=f"connection:{connection}",
            at=at,
        )
    with tenant_scope(tenant):
        first = withdraw_consent(connection, tenant=tenant, actor=actor, at=at)
        destroyed = destroy_keys(connection, Purpose.PII)
        if first and not destroyed:
            # Leave a tombstone even if nothing was sealed: a database restored from before must not
            # re-enable the feature.
            settings.KEY_STORE.destroy(
                settings.KEY_STORE.create(Purpose.PII, key_owner(connection, Purpose.PII)).id
            )
    with tenant_scope(tenant, using=USING):
        erased = sql_execution.execute(
            databases[USING],
            "delete from pii.recipient where tenant_id = %s and connection_id = %s",
            [tenant, connection],
        )
    if erased:
        record_erased(erased, tenant=tenant, actor=actor, at=at)
    return DisableResult(len(destroyed), erased, first)


def withdraw_consent(connection: UUID, *, tenant: UUID, actor: str, at: datetime) -> bool:
    """Record, inside the caller's scope, that the feature ended.

    Waits for a call that is in progress. Returns False if it had ended before.
    """
    first = bool(
        sql_execution.execute(
            databases["default"],
            "update vault_consent set withdrawn_at = %s, withdrawn_by = %s"
            " where tenant_id = %s and connection_id = %s and withdrawn_at is null",
            [at, actor, tenant, connection],
        )
    )
    sql_execution.execute(
        databases["default"],
        "update vault_request set outcome = 'switched_off', done_at = %s"
        " where tenant_id = %s and connection_id = %s and outcome is distinct from 'switched_off'",
        [at, tenant, connection],
    )
    if first:
        record(Tag.VAULT_OFF, actor=actor, tenant=tenant, subject=f"connection:{connection}", at=at)
    return first


def record_erased(rows: int, *, tenant: UUID, actor: str, at: datetime) -> None:
    """Add the number of erased recipients to the audit log."""
    with tenant_scope(tenant):
        record(
            Tag.VAULT_ERASED,
            actor=actor,
            tenant=tenant,
            subject=f"tenant:{tenant}",
            at=at,
            details={"rows": rows},
        )


def request_slips(
    *, ids: Sequence[str], tenant: UUID, actor: str, at: datetime
) -> dict[UUID, tuple[str, ...]]:
    """Store requests for recipients; return those accepted, by connection.

    Orders that are not this tenant's, or that the seller does not ship now, are left out, and so is
    everything while the feature is off.
    """
    wanted: dict[UUID, list[str]] = {}
    with tenant_scope(tenant):
        on = (
            [feature.connection.id for feature in features() if feature.is_on]
            if has_restricted_role()
            else []
        )
        with databases["default"].cursor() as cursor:
            for order in orders(on, ids[:MAX_SLIPS_PER_REQUEST], at=at).values():
                cursor.execute(
                    "insert into vault_request (tenant_id, connection_id, order_id, requested_at,"
                    " requested_by) values (%s, %s, %s, %s, %s) on conflict (tenant_id,"
                    " connection_id, order_id) do update set requested_at = excluded.requested_at,"
                    " requested_by = excluded.requested_by, outcome = null, done_at = null",
                    [tenant, order.connection, order.id, at, actor],
                )
                wanted.setdefault(order.connection, []).append(order.id)
    return {connection: tuple(found) for connection, found in wanted.items()}


def open_slips(*, ids: Sequence[str], tenant: UUID, actor: str, at: datetime) -> tuple[Slip, ...]:
    """Return the stored slips of these orders, in their order.

    Each access is in the audit log before anything is read. Slips that can't be opened (expired, or
    the feature was just disabled) are left out.
    """
    with tenant_scope(tenant):
        on = [feature.connection.id for feature in features() if feature.is_on]
        known = orders(on, ids[:MAX_SLIPS_PER_REQUEST], at=at)
        for order in known.values():
            record(Tag.VAULT_VIEWED, actor=actor, tenant=tenant, subject=f"order:{order.id}", at=at)
    with tenant_scope(tenant, using=USING):
        stored = {
            row[1]: row
            for row in sql_execution.rows(
                databases[USING],
                "select connection_id, order_id, expires_on, sealed from pii.recipient where"
                " tenant_id = %s and order_id = any(%s)",
                [tenant, list(known)],
            )
            if row[1] in known and row[0] == known[row[1]].connection
        }
    found = []
    for order in (known[one] for one in ids if one in stored):
        _, _, expires_on, sealed = stored[order.id]
        if is_expired(expires_on, at=at):
            continue
        try:
            recipient = open_recipient(
                bytes(sealed), tenant=tenant, connection=order.connection, order=order.id
            )
        except (KeyDestroyedError, CannotOpenError):
            continue
        found.append(Slip(order, recipient, expires_on))
    return tuple(found)
