"""Delete a shop (tenant)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.edge.database_routing import accounts_database
from theseller.erasure.certificate_links import new_link
from theseller.erasure.tenant_erasure import request_tenant_erasure
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope


def delete_tenant(*, person: UUID, tenant: UUID, at: datetime) -> Secret:
    """Record an owner's request and disconnect every connection.

    The shop itself is deleted when all of its connections are certified. A second call is harmless,
    and returns one more link.

    Returns:
        The token of a link to the certificate, for a person without an account afterwards.

    Raises:
        django.db.Error: `person` does not own the shop. Nothing has been changed.
        KeyStoreError: a key can't be destroyed now. The request is recorded, and a job continues
            it.
    """
    link, request, actor = new_link(at=at), new_id(), f"user:{person}"
    using = accounts_database()
    with tenant_scope(tenant, using=using):
        first, covered = request_tenant_erasure(user=person, request=request, link=link, at=at)
        if first:
            record(
                Tag.SHOP_END_INTENDED,
                actor=actor,
                tenant=tenant,
                subject=f"tenant:{tenant}",
                at=at,
                using=using,
            )
            details: dict[str, str | int] = {
                "origin": DisconnectReason.ACCOUNT_DELETION.value,
                "connections": len(covered),
            }
            record(
                Tag.DELETION_REQUESTED,
                actor=actor,
                tenant=tenant,
                subject=f"request:{request}",
                at=at,
                details=details,
                using=using,
            )
    for one in covered:
        disconnect(
            connection=one,
            reason=DisconnectReason.ACCOUNT_DELETION,
            tenant=tenant,
            actor=actor,
            at=at,
        )
    return link.token
