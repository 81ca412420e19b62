"""Record deletion requests that Amazon sends, and start them.

Connections whose yearly authorization has expired are disconnected here too. All other requests
are recorded by a trigger when their connection ends (`governance/sql/deletion_requests.sql`).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections as databases
from django.db import transaction

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.connections.operations import disconnect
from theseller.connections.queries import connection_view
from theseller.connections.types import DisconnectReason
from theseller.edge.database_routing import operators_database
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.privacy.deletion_requests.queries import (
    connections_of_seller,
    connections_still_open,
    expired_authorizations,
)
from theseller.privacy.deletion_requests.types import DeletionRequestRefusedError, RecordedRequest
from theseller.tenancy.tenant_scope import tenant_scope

ACTOR = "process:authorisations"
_SELLER = re.compile(r"[A-Z0-9]{6,64}")
_REFERENCE = re.compile(r"[A-Za-z0-9._#/-]{1,60}")
#: An older date of receipt is probably a mistake.
_OLDEST = timedelta(days=365)


def record_amazon_request(
    *, seller: str, reference: str, received_at: datetime, actor: str, at: datetime
) -> tuple[RecordedRequest, ...]:
    """Record that Amazon requested the deletion of a seller's data.

    Every connection of that seller is disconnected, in each shop that has one. The deadline is
    counted from `received_at`. A second call with the same reference and moment continues where the
    first ended, and records nothing twice.

    Raises:
        DeletionRequestRefusedError: the seller ID, the reference or the moment can't be right,
            or no shop has data of that seller.
        KeyStoreError: a key can't be destroyed now. The requests are recorded; call it again.
    """
    seller, reference = seller.strip(), reference.strip()
    _check(seller, reference, received_at, at)
    found = connections_of_seller(seller)
    if not found:
        with transaction.atomic(using=operators_database()):
            record(
                Tag.DELETION_REQUEST_UNMATCHED,
                actor=actor,
                tenant=None,
                subject="request:amazon",
                at=at,
                details={"case": reference},
                using=operators_database(),
            )
        raise DeletionRequestRefusedError(
            marked(
                gettext_noop(
                    "No shop here has or had data that Amazon's responses attribute to seller"
                    " %(seller)s. Check the ID; if it is correct, reply to Amazon that no data is"
                    " stored."
                ),
                seller=seller,
            )
        )
    recorded = [
        _record_request(tenant, covered, reference, received_at, actor, at)
        for tenant, covered in found.items()
    ]
    return tuple(
        RecordedRequest(
            tenant,
            request,
            sum(_disconnect(tenant, connection, actor, at) for connection in found[tenant]),
            first,
        )
        for tenant, request, first in recorded
    )


def resume_recorded_requests(*, at: datetime) -> int:
    """Disconnect open connections that a recorded request covers.

    A key service may not have answered before, or the machine may have failed.

    Returns:
        How many were disconnected.
    """
    ended = 0
    for tenant, connection, origin in connections_still_open():
        reason = DisconnectReason(origin)
        ended += disconnect(
            connection=connection,
            reason=reason,
            tenant=tenant,
            actor="process:deletion-requests",
            at=at,
        ).first
    return ended


def disconnect_expired_authorizations(*, at: datetime) -> int:
    """Disconnect open connections whose yearly authorization has expired.

    Returns:
        How many were disconnected.
    """
    return sum(
        _expire(tenant, connection, at) for tenant, connection in expired_authorizations(at=at)
    )


def _expire(tenant: UUID, connection: UUID, at: datetime) -> bool:
    with tenant_scope(tenant):
        view = connection_view(
            connection
        )  # Once more: ending the ones before it took its time, and the seller may have renewed.
    if view is None or view.authorisation_expires_at is None or view.authorisation_expires_at > at:
        return False
    reason = DisconnectReason.AUTHORISATION_EXPIRED
    return disconnect(connection=connection, reason=reason, tenant=tenant, actor=ACTOR, at=at).first


def _check(seller: str, reference: str, received_at: datetime, at: datetime) -> None:
    if not _SELLER.fullmatch(seller):
        raise DeletionRequestRefusedError(
            gettext_noop(
                "This is not a seller ID. It consists of capital letters and digits, such as"
                " A2EXAMPLE1SELLER."
            )
        )
    if not _REFERENCE.fullmatch(reference):
        raise DeletionRequestRefusedError(
            gettext_noop(
                "Enter Amazon's case number: letters, digits and . _ # / - only, 60 characters at"
                " most."
            )
        )
    if received_at > at:
        raise DeletionRequestRefusedError(
            gettext_noop("The date of Amazon's message can't be in the future.")
        )
    if at - received_at > _OLDEST:
        raise DeletionRequestRefusedError(
            gettext_noop(
                "The request would be more than a year old. Check the date of Amazon's message."
            )
        )


def _record_request(
    tenant: UUID,
    covered: list[UUID],
    reference: str,
    received_at: datetime,
    actor: str,
    at: datetime,
) -> tuple[UUID, UUID, bool]:
    """Record the request in one shop, before anything is disconnected.

    Returns:
        (tenant, ID, whether the record is new).
    """
    origin = DisconnectReason.AMAZON_REQUEST.value
    with tenant_scope(tenant, using=operators_database()):
        sql_execution.execute(
            databases[operators_database()],
            "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"deletion-request:{tenant}"],
        )
        known = sql_execution.one(
            databases[operators_database()],
            "select id from governance_deletion_request where tenant_id = %s and origin = %s and"
            " reference = %s and received_at = %s and connections @> %s::uuid[]",
            [tenant, origin, reference, received_at, covered],
        )
        if known is not None:
            return tenant, known[0], False
        made = new_id()
        sql_execution.execute(
            databases[operators_database()],
            "insert into governance_deletion_request (tenant_id, id, origin, connections,"
            " received_at, recorded_at, recorded_by, reference) values (%s, %s, %s, %s, %s, %s,"
            " %s, %s)",
            [tenant, made, origin, covered, received_at, at, actor, reference],
        )
        details: dict[str, str | int] = {
            "origin": origin,
            "case": reference,
            "connections": len(covered),
        }
        record(
            Tag.DELETION_REQUESTED,
            actor=actor,
            tenant=tenant,
            subject=f"request:{made}",
            at=at,
            details=details,
            using=operators_database(),
        )
    return tenant, made, True


def _disconnect(tenant: UUID, connection: UUID, actor: str, at: datetime) -> bool:
    return disconnect(
        connection=connection,
        reason=DisconnectReason.AMAZON_REQUEST,
        tenant=tenant,
        actor=actor,
        at=at,
    ).first
