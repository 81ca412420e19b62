"""Store one recipient encrypted under two keys, with a fixed expiry date."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.buyer_pii.expiry_date import expiry_date, shipped_too_long_ago
from theseller.buyer_pii.recipient_encryption import (
    USING,
    connection_key,
    day_key,
    sealed_recipient,
)
from theseller.buyer_pii.types import Recipient
from theseller.connections.connection_locks import lock_shared
from theseller.crypto.key_types import DataKey
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import tenant_scope


class FeatureDisabledError(RuntimeError):
    """The feature is off for this connection, so no buyer PII may be stored."""


class ShippedTooLongAgoError(ValueError):
    """The order shipped at least 30 days ago; the response is discarded."""


def store_recipient(  # one for each thing that is known of it
    recipient: Recipient,
    *,
    order: str,
    connection: UUID,
    shipped_at: datetime | None,
    tenant: UUID,
    actor: str,
    at: datetime,
) -> date:
    """Store a fetched recipient and return its expiry date.

    A recipient that is already stored stays unchanged, with its date. The row is written last, so
    an interruption leaves nothing readable.

    Raises:
        FeatureDisabledError, ConnectionClosedError: the feature or the connection has ended.
        ShippedTooLongAgoError: the order shipped too long ago.
        KeyDestroyedError: the feature ended while the recipient was being stored.
    """
    if shipped_too_long_ago(shipped_at, at=at):
        raise ShippedTooLongAgoError
    own = _connection_key(connection, tenant=tenant, at=at)
    expires_on = expiry_date(fetched_at=at, shipped_at=shipped_at)
    day = day_key(expires_on, at=at)
    sealed = sealed_recipient(
        recipient, tenant=tenant, connection=connection, order=order, own=own, day=day
    )
    with tenant_scope(tenant, using=USING):
        sql_execution.execute(
            databases[USING],
            "insert into pii.recipient (tenant_id, connection_id, order_id, fetched_at, shipped_at,"
            " expires_on, day_key_id, connection_key_id, sealed) values (%s, %s, %s, %s, %s, %s,"
            " %s, %s, %s) on conflict (tenant_id, connection_id, order_id) do nothing",
            [tenant, connection, order, at, shipped_at, expires_on, day.id, own.id, sealed],
        )
        kept: date = sql_execution.value(
            databases[USING],
            "select expires_on from pii.recipient where tenant_id = %s and connection_id = %s and"
            " order_id = %s",
            [tenant, connection, order],
        )
    with tenant_scope(tenant):
        record(
            Tag.VAULT_FETCHED,
            actor=actor,
            tenant=tenant,
            subject=f"order:{order}",
            at=at,
            details={"expires_on": str(kept)},
        )
    return kept


def _connection_key(connection: UUID, *, tenant: UUID, at: datetime) -> DataKey:
    """Return the connection's key while feature and connection are active.

    Both wait for this transaction before they end.

    Raises:
        FeatureDisabledError: the feature is off.
    """
    with tenant_scope(tenant):
        lock_shared(connection)
        row = sql_execution.one(
            databases["default"],
            "select given_at from vault_consent where tenant_id = %s and connection_id = %s and"
            " withdrawn_at is null for update",
            [tenant, connection],
        )
        if row is None:
            raise FeatureDisabledError
        return connection_key(connection, since=row[0], at=at)
