"""Reads of packing slip data that hold no buyer PII.

Each runs inside the caller's tenant scope, as the web or worker role.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections as databases

from theseller.accounts.queries import names_of
from theseller.amazon.roles import RestrictedRole
from theseller.buyer_pii.recipient_encryption import USING
from theseller.buyer_pii.types import (
    FeatureState,
    RecipientRequest,
    RequestOutcome,
    ShippableOrder,
    SlipLine,
    SlipView,
)
from theseller.connections.queries import all_connections
from theseller.connections.types import Origin
from theseller.lib import sql_execution as statements
from theseller.lib.policy_time_limits import PII_DAYS_MAX
from theseller.tenancy.tenant_scope import current_tenant

#: Orders on one page of the list.
ORDERS_PER_PAGE = 100
#: The most entries in the access log page, counted by order.
MAX_SLIP_VIEWS = 1000
_ORDERS = """
select l.connection_id, l.order_id, min(l.purchased_at), min(l.marketplace_id),
       bool_and(l.status = 'shipped'), array_agg(l.line_key order by l.line_key),
       array_agg(l.sku order by l.line_key), array_agg(coalesce(p.title, '') order by l.line_key),
       array_agg(l.quantity order by l.line_key), min(r.requested_at), min(r.outcome)
from ingest_order_line l
left join ingest_product p
  on p.tenant_id = l.tenant_id and p.marketplace_id = l.marketplace_id and p.sku = l.sku
left join vault_request r
  on r.tenant_id = l.tenant_id and r.connection_id = l.connection_id and r.order_id = l.order_id
where l.tenant_id = %s and l.connection_id = any(%s) and l.fulfilment = 'merchant'
  and l.status in ('unshipped', 'shipped') and l.quantity > 0 and l.local_day >= %s::date
  and (l.status = 'unshipped' or l.last_updated_at > %s)
"""
#: Unshipped orders older than this are not listed; Amazon cancels them long before.
_OLDEST = timedelta(days=120)


def has_restricted_role() -> bool:
    """Return whether the application holds the restricted role (a setting)."""
    return RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING in settings.ENVIRONMENT.restricted_roles


def features(*, using: str = "default") -> tuple[FeatureState, ...]:
    """Return the feature's state for each open, authorized connection."""
    on = {
        row[0]: (row[1], row[2])
        for row in statements.rows(
            databases[using],
            "select connection_id, id, given_at from vault_consent where tenant_id = %s and"
            " withdrawn_at is null",
            [current_tenant()],
        )
    }
    found = [
        view for view in all_connections(using=using) if view.is_open and view.origin is Origin.LWA
    ]
    return tuple(FeatureState(view, *on.get(view.id, (None, None))) for view in found)


def orders_to_ship(
    connections: Sequence[UUID],
    *,
    at: datetime,
    shipped: bool = False,
    skip: int = 0,
    most: int = ORDERS_PER_PAGE,
) -> tuple[ShippableOrder, ...]:
    """Return orders of `connections` that their seller ships.

    Returns at most `most` after skipping `skip`: unshipped orders, oldest first, or with `shipped`
    those shipped less than 30 days ago, newest first.
    """
    direction = "desc" if shipped else "asc"
    more = (
        f" group by 1, 2 having bool_and(l.status = 'shipped') = %s order by 3 {direction}, 2 limit"
        " %s offset %s"
    )
    return tuple(_read(_ORDERS, connections, at, more, shipped, most, skip))


def orders(
    connections: Sequence[UUID], ids: Iterable[str], *, at: datetime
) -> dict[str, ShippableOrder]:
    """Return the named orders that a slip may be made for, by order number."""
    return {
        one.id: one
        for one in _read(
            _ORDERS, connections, at, " and l.order_id = any(%s) group by 1, 2", list(ids)
        )
    }


def pending_requests(connection: UUID) -> tuple[RecipientRequest, ...]:
    """Return the requests without an outcome, oldest first."""
    return tuple(
        RecipientRequest(*row)
        for row in statements.rows(
            databases["default"],
            "select order_id, requested_at from vault_request where tenant_id = %s and"
            " connection_id = %s and outcome is null order by requested_at, order_id",
            [current_tenant(), connection],
        )
    )


def outcomes(ids: Iterable[str]) -> dict[str, RequestOutcome | None]:
    """Return the outcome of each order's request.

    None while it is pending; orders without a request are absent.
    """
    return {
        order: RequestOutcome(outcome) if outcome else None
        for order, outcome in statements.rows(
            databases["default"],
            "select order_id, outcome from vault_request where tenant_id = %s and order_id ="
            " any(%s)",
            [current_tenant(), list(ids)],
        )
    }


def expiry_dates(ids: Iterable[str]) -> dict[tuple[UUID, str], date]:
    """Return the expiry dates of stored recipients, by connection and order.

    Runs inside a scope of the `pii` database connection.
    """
    return {
        (row[0], row[1]): row[2]
        for row in statements.rows(
            databases[USING],
            "select connection_id, order_id, expires_on from pii.recipient where tenant_id = %s and"
            " order_id = any(%s)",
            [current_tenant(), list(ids)],
        )
    }


def slip_views() -> tuple[SlipView, ...]:
    """Return who opened which slips, newest first.

    Reaches back at most `MAX_SLIP_VIEWS` orders. Runs inside the tenant's scope.
    """
    rows = [
        (at, actor.removeprefix("user:"), subject.removeprefix("order:"))
        for at, actor, subject in statements.rows(
            databases["default"],
            "select at, actor, subject from guard.recipient_views(%s)",
            [MAX_SLIP_VIEWS],
        )
    ]
    names = names_of({UUID(actor) for _, actor, _ in rows})
    return tuple(
        SlipView(at, names.get(UUID(actor), ""), tuple(sorted(order for *_, order in group)))
        for (at, actor), group in groupby(rows, key=itemgetter(0, 1))
    )


def count_recipients(connection: UUID) -> int:
    """Return how many recipients are stored for `connection`.

    Runs inside a scope of the `pii` database connection.
    """
    return int(
        statements.value(
            databases[USING],
            "select count(*) from pii.recipient where tenant_id = %s and connection_id = %s",
            [current_tenant(), connection],
        )
    )


def _read(
    sql: str,
    connections: Sequence[UUID],
    at: datetime,
    more: str,
    *parameters: Any,  # noqa: ANN401
) -> list[ShippableOrder]:
    return [
        _order(row)
        for row in statements.rows(
            databases["default"],
            sql + more,
            [
                current_tenant(),
                list(connections),
                at - _OLDEST,
                at - timedelta(days=PII_DAYS_MAX),
                *parameters,
            ],
        )
    ]


def _order(row: tuple[Any, ...]) -> ShippableOrder:
    (
        connection,
        order,
        purchased,
        store,
        shipped,
        keys,
        skus,
        titles,
        quantities,
        requested_at,
        outcome,
    ) = row
    return ShippableOrder(
        connection=connection,
        id=order,
        purchased_at=purchased,
        marketplace_id=store,
        shipped=shipped,
        lines=tuple(SlipLine(*line) for line in zip(keys, skus, titles, quantities, strict=True)),
        requested_at=requested_at,
        outcome=RequestOutcome(outcome) if outcome else None,
    )
