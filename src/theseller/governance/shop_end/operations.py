"""End a shop."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connections as databases

from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.connections.operations import disconnect
from theseller.connections.queries import all_connections
from theseller.connections.types import DisconnectReason
from theseller.lib.ids import new_id
from theseller.lib.secret import Secret
from theseller.retention.ends import make_link
from theseller.retention.shops import note_shop_end
from theseller.retention.types import SubjectKind
from theseller.tenancy.scope import tenant_scope


def end_shop(*, actor: str, tenant: UUID, at: datetime) -> Secret:
    """Record the request and end every connection at once; the shop itself goes when all of them are certified.

    Returns the token of a link to the proof, for who has no account afterwards. Again is harmless, and gives one more link.

    Raises:
        KeyStoreError: a key can't be destroyed now. The request is recorded, and a job goes on.
    """
    with tenant_scope(tenant):
        covered = [view.id for view in all_connections()]
        link = make_link(kind=SubjectKind.SHOP, subject=tenant, at=at)
        if note_shop_end(actor=actor, tenant=tenant, at=at):
            request, reason = new_id(), DisconnectReason.ACCOUNT_DELETION.value
            with databases["default"].cursor() as cursor:
                cursor.execute(
                    "insert into governance_deletion_request (tenant_id, id, origin, connections, ends_shop, received_at, recorded_at,"
                    " recorded_by) values (%s, %s, %s, %s, true, %s, %s, %s)",
                    [tenant, request, reason, covered, at, at, actor],
                )
            details: dict[str, str | int] = {"origin": reason, "connections": len(covered)}
            record(Tag.DELETION_REQUESTED, actor=actor, tenant=tenant, subject=f"request:{request}", at=at, details=details)
    for one in covered:
        disconnect(connection=one, reason=DisconnectReason.ACCOUNT_DELETION, tenant=tenant, actor=actor, at=at)
    return link
