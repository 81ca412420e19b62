"""Data keys that die with their connection, besides its token's. Another room seals under one; the disconnection destroys it.

Each function runs inside the caller's tenant scope. A row stays when its key is destroyed: destroying again is harmless.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.crypto.keys import DataKey, Purpose
from theseller.lib import sql
from theseller.tenancy.scope import current_tenant

#: How the key store names whose key it is, so that a certificate can list it after the row is gone.
OWNER_FORMAT = "connection-{purpose}:{connection}"


def key_owner(connection: UUID, purpose: Purpose) -> str:
    """Return the owner's name of a connection's keys for `purpose`."""
    return OWNER_FORMAT.format(purpose=purpose.value, connection=connection)


def create_key(connection: UUID, purpose: Purpose, *, at: datetime) -> DataKey:
    """Make a key that dies with `connection`. Killed before the commit, a key is left that seals nothing; recurring work destroys it."""
    key = settings.KEY_STORE.create(purpose, key_owner(connection, purpose))
    sql.execute(
        databases["default"],
        "insert into connections_key (tenant_id, connection_id, id, purpose, made_at) values (%s, %s, %s, %s, %s)",
        [current_tenant(), connection, key.id, purpose.value, at],
    )
    return key


def connection_keys(connection: UUID, purpose: Purpose | None = None) -> tuple[tuple[UUID, datetime], ...]:
    """Return (id, when made) of the keys that were made to die with `connection`, for one purpose or for all, the newest first."""
    return tuple(
        sql.rows(
            databases["default"],
            "select id, made_at from connections_key where tenant_id = %s and connection_id = %s and (%s::text is null or purpose = %s)"
            " order by made_at desc, id desc",
            [current_tenant(), connection, purpose, purpose],
        )
    )


def destroy_keys(connection: UUID, purpose: Purpose | None = None) -> tuple[UUID, ...]:
    """Destroy them: the last act before the caller's commit. Return their ids.

    Raises:
        KeyStoreError: one can't be destroyed now. Call it again.
    """
    found = tuple(key for key, _ in connection_keys(connection, purpose))
    for key in found:
        settings.KEY_STORE.destroy(key)
    return found
