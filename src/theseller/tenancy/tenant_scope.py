"""A tenant's scope: one transaction that sees one tenant's rows only.

`tenant_scope` opens the transaction and sets the signed ticket that the row-security policies check
(`sql/policies.sql`). The ticket is a setting local to the transaction: both end together, whatever
the pool does next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db import connections, transaction

from theseller.crypto.hmac_and_tenant_ticket import DatabaseSession, tenant_ticket
from theseller.lib import clock

#: How long one statement of a role may take (`postgres/sql/roles.sql`, compared by a test).
STATEMENT_LIMITS = {
    "theseller_web": timedelta(seconds=20),
    "theseller_worker": timedelta(minutes=10),
    "theseller_retention": timedelta(minutes=30),
    "theseller_pii": timedelta(seconds=20),
    "theseller_auth": timedelta(seconds=20),
    "theseller_operator": timedelta(seconds=20),
}
#: How much longer than one statement a ticket is valid. A transaction renews it before a statement
#: that could outlast it.
TICKET_MARGIN = timedelta(minutes=1)
LONGEST_TICKET = max(STATEMENT_LIMITS.values()) + TICKET_MARGIN

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(slots=True)
class _Scope:
    """The open scope of this context."""

    tenant: UUID
    using: str
    limit: timedelta = timedelta(0)
    expires: datetime | None = None


_open_scope: ContextVar[_Scope | None] = ContextVar("theseller_open_scope", default=None)
#: The database session of each physical connection. Behind a pooler in transaction mode it differs
#: per transaction: such a deployment must read it in each (decision 0004).
_sessions: WeakKeyDictionary[Connection, DatabaseSession] = WeakKeyDictionary()


class ScopeError(RuntimeError):
    """Scopes were nested, or a scope was needed and none was open."""


@contextmanager
def tenant_scope(tenant: UUID, *, using: str = "default") -> Iterator[None]:
    """Open a durable transaction that sees exactly the rows of `tenant`.

    Raises:
        ScopeError: a scope is already open. Scopes do not nest: an operation belongs to one tenant.
    """
    if _open_scope.get() is not None:
        raise ScopeError("a tenant scope is already open; scopes do not nest")
    scope = _Scope(tenant, using)
    token = _open_scope.set(scope)
    try:
        with transaction.atomic(using=using, durable=True):
            connections[using].ensure_connection()
            scope.limit = STATEMENT_LIMITS.get(
                connections[using].settings_dict["USER"], timedelta(minutes=1)
            )
            _set_ticket(scope)
            with connections[using].execute_wrapper(_renew_before_execute):
                yield
    finally:
        _open_scope.reset(token)


def current_tenant() -> UUID:
    """Return the tenant whose scope is open.

    Raises:
        ScopeError: none is open.
    """
    scope = _open_scope.get()
    if scope is None:
        raise ScopeError("no tenant scope is open")
    return scope.tenant


def renew_ticket(limit: timedelta | None = None) -> None:
    """Renew the ticket if it could expire within one statement.

    Without a scope nothing happens. Statements of Django's cursors need no call. `limit` is the new
    statement timeout of this transaction, if it exceeds the role's.
    """
    scope = _open_scope.get()
    if scope is None or scope.expires is None:
        return
    if limit is not None:
        scope.limit = limit
    if scope.expires - clock.now() <= scope.limit:
        _set_ticket(scope)


def read_session(connection: Connection) -> DatabaseSession:
    """Read process ID and start time of `connection`'s database session.

    A ticket names both.
    """
    with psycopg.Cursor(connection) as cursor:
        row = cursor.execute("select pg_backend_pid(), guard.session_start()").fetchone()
    if row is None or row[1] is None:
        raise ScopeError(
            "the database does not tell when this session began; run `theseller migrate`"
        )
    return DatabaseSession(pid=row[0], started=row[1])


def set_ticket(connection: Connection, ticket: str) -> None:
    """Set a ticket for the current transaction of `connection`.

    It is bound on the server: Django's cursors write parameters into the statement's text, which
    every session of the same role can read in pg_stat_activity.
    """
    with psycopg.Cursor(connection) as cursor:
        cursor.execute("select set_config('theseller.ticket', %s, true)", [ticket])


def _set_ticket(scope: _Scope) -> None:
    connection = cast("Connection", connections[scope.using].connection)
    session = _sessions.get(connection)
    if session is None:
        session = _sessions[connection] = read_session(connection)
    expires = clock.now() + scope.limit + TICKET_MARGIN
    set_ticket(
        connection, tenant_ticket(settings.TENANT_TICKET_KEY(), scope.tenant, session, expires)
    )
    scope.expires = expires


# Django's own signature
def _renew_before_execute(execute: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401
    renew_ticket()
    return execute(*arguments)
