"""Replace the data key of a connection while its token is in use."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.connections import token_store
from theseller.connections.locks import ConnectionClosedError, lock_shared
from theseller.tenancy.scope import tenant_scope


def replace_data_key(*, connection: UUID, tenant: UUID, actor: str, at: datetime) -> UUID | None:
    """Seal the connection's token under a fresh data key; return the superseded key's id, None if there is no token any more.

    The superseded key still opens the old row for whoever read it before this commit. Its id is in the audit log; whoever replaced it
    destroys it once every transaction of that time has ended.
    """
    with tenant_scope(tenant):
        try:
            # Shared with calls under way, so nobody waits; against the connection's end, which must see one key and destroy that.
            lock_shared(connection)
        except ConnectionClosedError:
            return None
        former = token_store.reseal_token(tenant, connection, at=at)
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
