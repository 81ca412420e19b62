"""Replace a connection's data key while its token is in use."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.connections import refresh_token_store
from theseller.connections.connection_locks import ConnectionClosedError, lock_shared
from theseller.tenancy.tenant_scope import tenant_scope


def replace_data_key(*, connection: UUID, tenant: UUID, actor: str, at: datetime) -> UUID | None:
    """Seal the token under a new data key; return the superseded key's ID.

    Returns None if there is no token. The superseded key still opens the old row for transactions
    that read it before this commit; its ID is in the audit log. The caller destroys it when all
    those transactions have ended.
    """
    with tenant_scope(tenant):
        try:
            # Shared with calls in progress; excludes the connection's end, which must see and
            # destroy one key.
            lock_shared(connection)
        except ConnectionClosedError:
            return None
        former = refresh_token_store.reseal_token(tenant, connection, at=at)
        if former is not None:
            record(
                Tag.CONNECTION_KEY_REPLACED,
                actor=actor,
                tenant=tenant,
                subject=f"connection:{connection}",
                at=at,
                details={"former_key": str(former)},
            )
    return former
