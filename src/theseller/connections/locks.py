"""Who may use a connection while it ends: calls and writes hold it together, its end holds it alone.

Both locks belong to the transaction, so a killed process gives them back. A call to Amazon is made inside such a transaction:
this is what makes "no call leaves after the commit" true in every process, not only likely.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connections as databases

from theseller.connections.queries import connection_view
from theseller.connections.types import ConnectionView
from theseller.lib import sql
from theseller.lib.marketplaces import Region


class ConnectionClosedError(RuntimeError):
    """The connection has ended, or never was: no call may leave and nothing may be written for it."""


def lock_exclusive(connection: UUID, *, using: str = "default") -> None:
    """Wait until nobody uses `connection`, and keep everybody out until this transaction ends."""
    _lock("pg_advisory_xact_lock", connection, using)


def lock_shared(connection: UUID, *, using: str = "default") -> ConnectionView:
    """Keep `connection` from ending until this transaction ends, and return it. Raises ConnectionClosedError if it has."""
    _lock("pg_advisory_xact_lock_shared", connection, using)
    found = connection_view(connection, using=using)
    if found is None or not found.is_open:
        raise ConnectionClosedError("this connection has ended")
    return found


def lock_region(tenant: UUID, region: Region, *, using: str = "default") -> None:
    """Let only one transaction at a time open a connection of `tenant` in `region`, where there may be one."""
    sql.execute(databases[using], "select pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"connections:{tenant}:{region}"])


def _lock(function: str, connection: UUID, using: str) -> None:
    number = int.from_bytes(connection.bytes[8:], signed=True)  # the random half of the id
    sql.execute(databases[using], f"select {function}(%s)", [number])
