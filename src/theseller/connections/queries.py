"""Reads of connections. Each runs inside the caller's tenant scope."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

from django.db import connections as databases
from django.utils.translation import gettext_noop

from theseller.connections.types import ConnectionView, DisconnectReason, Origin
from theseller.lib import sql_execution as statements
from theseller.lib.marketplaces import Region
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import visible_marketplaces

#: Functions that return the tenant's stores with data; `analytics.apps` registers one.
STORES_WITH_DATA: list[Callable[[], Collection[str]]] = []
#: Why a connection ended, as pages show it.
DISCONNECT_REASON_TEXT: dict[DisconnectReason, str] = {
    DisconnectReason.ACCOUNT_DELETION: gettext_noop("Its shop or account was deleted"),
    DisconnectReason.AMAZON_REQUEST: gettext_noop("Amazon requested the deletion"),
    DisconnectReason.AUTHORISATION_EXPIRED: gettext_noop(
        "Amazon\u2019s authorization expired after a year"
    ),
    DisconnectReason.REVOKED_AT_AMAZON: gettext_noop(
        "Its authorization was revoked in Seller Central"
    ),
    DisconnectReason.SELLER_REQUEST: gettext_noop("Disconnected here"),
}
_SELECT = """
select c.tenant_id, c.id, c.origin, c.region, c.selling_partner_id, c.marketplace_ids, c.features,
       c.roles, c.created_at, c.authorised_at, c.authorisation_expires_at, d.at, d.reason,
       c.seller_check
from connections_connection c
left join connections_disconnection d on d.tenant_id = c.tenant_id and d.connection_id = c.id
where c.tenant_id = %s
"""


def all_connections(*, using: str = "default") -> tuple[ConnectionView, ...]:
    """Return all connections of the tenant, newest first, ended ones included.

    To a person who is limited to some marketplaces, those that have one of them.
    """
    visible = visible_marketplaces()
    return _views(
        _SELECT
        + " and (%s::text[] is null or c.marketplace_ids && %s::text[])"
        + " order by c.created_at desc, c.id",
        [current_tenant(), visible, visible],
        using,
    )


def connection_view(connection: UUID, *, using: str = "default") -> ConnectionView | None:
    """Return one connection of the tenant in scope, or None."""
    found = _views(_SELECT + " and c.id = %s", [current_tenant(), connection], using)
    return found[0] if found else None


def open_connection_in(region: Region, *, using: str = "default") -> ConnectionView | None:
    """Return the tenant's open connection in `region`, or None."""
    found = _views(
        _SELECT + " and c.region = %s and d.at is null order by c.created_at",
        [current_tenant(), region.value],
        using,
    )
    return found[0] if found else None


def _views(sql: str, parameters: list[Any], using: str) -> tuple[ConnectionView, ...]:
    return tuple(_view(row) for row in statements.rows(databases[using], sql, parameters))


def _view(row: tuple[Any, ...]) -> ConnectionView:
    (
        tenant,
        connection,
        origin,
        region,
        partner,
        marketplaces,
        features,
        roles,
        created,
        authorised,
        expires,
        ended,
        reason,
        check,
    ) = row
    return ConnectionView(
        tenant=tenant,
        id=connection,
        origin=Origin(origin),
        region=Region(region),
        selling_partner_id=partner,
        marketplace_ids=tuple(marketplaces),
        features=tuple(features),
        roles=tuple(roles),
        created_at=created,
        authorised_at=authorised,
        authorisation_expires_at=expires,
        disconnected_at=ended,
        disconnect_reason=DisconnectReason(reason) if reason else None,
        seller_check=check,
    )
