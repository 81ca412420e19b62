"""A tenant's scope: one transaction that sees one tenant's rows and no other's.

`tenant_scope` opens the transaction and gives it the signed ticket that the row-security policies check (`sql/policies.sql`).
The ticket is a setting local to the transaction: when it ends, so does the scope, whatever the pool does next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from theseller.crypto.mac import tenant_ticket
from theseller.lib import clock

#: Longer than any transaction may take (the roles' own limits are shorter), short enough that a leaked ticket is useless.
TICKET_LIFETIME = timedelta(minutes=15)

_open_scope: ContextVar[UUID | None] = ContextVar("theseller_open_scope", default=None)


class ScopeError(RuntimeError):
    """A scope was opened inside another, or something needed one and none was open."""


@contextmanager
def tenant_scope(tenant: UUID, *, using: str = "default") -> Iterator[None]:
    """Open a durable transaction on database `using` in which exactly the rows of `tenant` exist.

    Raises:
        ScopeError: a scope is already open here. Scopes do not nest: a verb belongs to one tenant.
    """
    if _open_scope.get() is not None:
        raise ScopeError("a tenant scope is already open; scopes do not nest")
    token = _open_scope.set(tenant)
    try:
        with transaction.atomic(using=using, durable=True):
            _enter(connections[using], tenant)
            yield
    finally:
        _open_scope.reset(token)


def current_tenant() -> UUID:
    """Return the tenant whose scope is open here. Raises ScopeError when there is none."""
    tenant = _open_scope.get()
    if tenant is None:
        raise ScopeError("no tenant scope is open")
    return tenant


def _enter(connection: BaseDatabaseWrapper, tenant: UUID) -> None:
    connection.ensure_connection()
    ticket = tenant_ticket(
        settings.TENANT_TICKET_KEY(),
        tenant,
        connection.connection.info.backend_pid,
        clock.now() + TICKET_LIFETIME,
    )
    # Bound by the server, not by Django's cursor, which writes parameters into the text of the statement: every session of the
    # same role can read that text in pg_stat_activity.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute("select set_config('theseller.ticket', %s, true)", [ticket])
