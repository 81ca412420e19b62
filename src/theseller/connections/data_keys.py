"""Data keys that are destroyed with their connection.

Other packages seal under them; the refresh token has a key of its own. Each function runs inside
the caller's tenant scope. The row stays when its key is destroyed: destroying again is harmless.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.crypto.key_types import DataKey, Purpose
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import current_tenant

#: The key store's owner name, so that a certificate can list the key after its row is deleted.
OWNER_FORMAT = "connection-{purpose}:{connection}"


def key_owner(connection: UUID, purpose: Purpose) -> str:
    """Return the key store's owner name of a connection's keys for `purpose`."""
    return OWNER_FORMAT.format(purpose=purpose.value, connection=connection)


def create_key(connection: UUID, purpose: Purpose, *, at: datetime) -> DataKey:
    """Create a key that is destroyed with `connection`.

    If interrupted before the commit, an unused key remains; a periodic job destroys it.
    """
    key = settings.KEY_STORE.create(purpose, key_owner(connection, purpose))
    sql_execution.execute(
        databases["default"],
        "insert into connections_key (tenant_id, connection_id, id, purpose, made_at) values (%s,"
        " %s, %s, %s, %s)",
        [current_tenant(), connection, key.id, purpose.value, at],
    )
    return key


def connection_keys(
    connection: UUID, purpose: Purpose | None = None
) -> tuple[tuple[UUID, datetime], ...]:
    """Return (ID, creation time) of the connection's keys, newest first.

    Limited to one purpose if `purpose` is given.
    """
    return tuple(
        sql_execution.rows(
            databases["default"],
            "select id, made_at from connections_key where tenant_id = %s and connection_id = %s"
            " and (%s::text is null or purpose = %s) order by made_at desc, id desc",
            [current_tenant(), connection, purpose, purpose],
        )
    )


def destroy_keys(connection: UUID, purpose: Purpose | None = None) -> tuple[UUID, ...]:
    """Destroy the connection's keys and return their IDs.

    Call it last before the commit.

    Raises:
        KeyStoreError: a key can't be destroyed now. Call it again.
    """
    found = tuple(key for key, _ in connection_keys(connection, purpose))
    for key in found:
        settings.KEY_STORE.destroy(key)
    return found
