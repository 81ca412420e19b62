"""Reads of requests for deletion."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections as databases

from theseller.connections.types import DisconnectReason
from theseller.edge.database_routing import operators_database
from theseller.lib import sql_execution as statements
from theseller.privacy.deletion_requests.types import DeletionRequest, DeletionRequestState
from theseller.tenancy.tenant_scope import current_tenant

_OF_SHOP = """
select r.tenant_id, r.id, r.origin, r.connections, r.ends_shop, r.received_at, r.recorded_at,
    r.recorded_by, r.reference,
       f.ended, f.erased, f.certified, f.closed_at, e.completed_at
from governance_deletion_request r
left join erasure_erasure e on e.tenant_id = r.tenant_id and e.subject_id = r.tenant_id
cross join lateral (
    select count(*) filter (where d.at is not null or c.issued_at is not null) as ended,
           count(p.completed_at) as erased, count(c.issued_at) as certified,
           max(c.issued_at) as closed_at
    from unnest(r.connections) as one (id)
    left join connections_disconnection d on d.tenant_id = r.tenant_id and d.connection_id = one.id
    left join erasure_erasure p on p.tenant_id = r.tenant_id and p.subject_id = one.id
    left join erasure_certificate c on c.tenant_id = r.tenant_id and c.subject_id = one.id
) f
where r.tenant_id = %s order by r.received_at desc, r.id
"""


def requests_of_tenant(*, using: str = "default") -> tuple[DeletionRequest, ...]:
    """Return every request of the tenant in scope, newest first."""
    return _read(_OF_SHOP, [current_tenant()], using)


def all_requests(*, most: int = 200, using: str | None = None) -> tuple[DeletionRequest, ...]:
    """Return the newest requests of all shops, for operators."""
    return _read("select * from guard.deletion_requests(%s)", [most], using or operators_database())


def connections_of_seller(seller: str, *, using: str | None = None) -> dict[UUID, list[UUID]]:
    """Return the connections of an Amazon seller ID, by tenant.

    Disconnected ones too.
    """
    found: dict[UUID, list[UUID]] = {}
    for tenant, connection in statements.rows(
        databases[using or operators_database()],
        "select tenant_id, connection_id from guard.connections_of_seller(%s)",
        [seller],
    ):
        found.setdefault(tenant, []).append(connection)
    return found


def expired_authorizations(
    *, at: datetime, most: int = 100, using: str = "default"
) -> tuple[tuple[UUID, UUID], ...]:
    """Return (tenant, connection) of open, expired authorizations.

    The longest expired first. An authorization expires yearly.
    """
    return tuple(
        (row[0], row[1])
        for row in statements.rows(
            databases[using],
            "select tenant_id, connection_id from guard.ended_authorisations(%s, %s)",
            [at, most],
        )
    )


def connections_still_open(*, using: str = "default") -> tuple[tuple[UUID, UUID, str], ...]:
    """Return (tenant, connection, origin) that a recorded request covers.

    Only open connections; the oldest request first.
    """
    return tuple(
        (row[0], row[1], row[2])
        for row in statements.rows(
            databases[using],
            "select tenant_id, connection_id, origin from guard.unbegun_requests()",
        )
    )


def state_of(
    covered: int, *, ended: int, erased: int, certified: int, shop_exists: bool = False
) -> DeletionRequestState:
    """Return the state of a request.

    Args:
        covered: the number of connections that the request covers.
        ended: how many of them are disconnected.
        erased: how many of them are erased.
        certified: how many of them have a certificate.
        shop_exists: whether a shop is still to be deleted.
    """
    if certified == covered and not shop_exists:
        return DeletionRequestState.CERTIFIED
    if erased == covered and not shop_exists:
        return DeletionRequestState.ERASED
    return DeletionRequestState.TOKEN_DELETED if ended == covered else DeletionRequestState.RECEIVED


def _read(sql: str, parameters: list[Any], using: str) -> tuple[DeletionRequest, ...]:
    return tuple(_request(row) for row in statements.rows(databases[using], sql, parameters))


def _request(row: tuple[Any, ...]) -> DeletionRequest:
    (
        tenant,
        identity,
        origin,
        covered,
        ends_shop,
        received,
        recorded,
        recorded_by,
        reference,
        ended,
        erased,
        certified,
        closed,
        shop_deleted_at,
    ) = row
    state = state_of(
        len(covered),
        ended=ended,
        erased=erased,
        certified=certified,
        shop_exists=ends_shop and shop_deleted_at is None,
    )
    return DeletionRequest(
        tenant=tenant,
        id=identity,
        origin=DisconnectReason(origin),
        connections=tuple(covered),
        ends_shop=ends_shop,
        received_at=received,
        recorded_at=recorded,
        recorded_by=recorded_by,
        reference=reference,
        state=state,
        closed_at=(
            (shop_deleted_at if ends_shop else closed)
            if state is DeletionRequestState.CERTIFIED
            else None
        ),
    )
