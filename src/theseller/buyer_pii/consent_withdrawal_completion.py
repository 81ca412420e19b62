"""Finish withdrawals of consent that were interrupted or restored."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connections as databases

from theseller.buyer_pii.operations import withdraw_consent
from theseller.buyer_pii.recipient_encryption import (
    CONNECTION_OWNER_PREFIX,
    KEY_LIFETIME,
    serving_keys,
)
from theseller.buyer_pii.types import ACTOR
from theseller.connections.data_keys import key_owner
from theseller.crypto.key_types import Purpose
from theseller.crypto.timestamped_secrets import creation_time
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import tenant_scope


def finish_withdrawals(*, at: datetime) -> int:
    """Record withdrawals that were interrupted after their key was destroyed.

    Also ends the features of connections that have ended.
    """
    consents = sql_execution.rows(
        databases["default"],
        "select tenant_id, connection_id, given_at, ended from guard.open_consents(%s)",
        [10_000],
    )
    finished = 0
    for tenant, connection, given, ended in consents:
        with tenant_scope(tenant):
            serving = serving_keys(connection, since=given, at=at)
            if ended or any(not settings.KEY_STORE.exists(key) for key in serving):
                finished += withdraw_consent(connection, tenant=tenant, actor=ACTOR, at=at)
    return finished


def reapply_withdrawals(*, at: datetime) -> int:
    """End, in a restored database, every feature that was ended since.

    The key store's tombstones tell: a key that was destroyed early was destroyed because an owner
    disabled the feature. An owner who enabled it again later has to do so once more.
    """
    ended: dict[str, datetime] = {}
    for one in settings.KEY_STORE.list():
        made = creation_time(one.id)
        if (
            one.owner.startswith(CONNECTION_OWNER_PREFIX)
            and one.destroyed_at is not None
            and made is not None
            and one.destroyed_at - made <= KEY_LIFETIME
        ):
            ended[one.owner] = max(one.destroyed_at, ended.get(one.owner, one.destroyed_at))
    consents = sql_execution.rows(
        databases["default"],
        "select tenant_id, connection_id, given_at from guard.open_consents(%s)",
        [10_000],
    )
    again = 0
    for tenant, connection, given in consents:
        last = ended.get(key_owner(connection, Purpose.PII))
        if last is not None and last >= given:
            with tenant_scope(tenant):
                again += withdraw_consent(connection, tenant=tenant, actor=ACTOR, at=at)
    return again
