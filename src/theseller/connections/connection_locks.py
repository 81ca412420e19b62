"""Locks on a connection: calls and writes share it, its end is exclusive.

Both locks belong to the transaction, so a killed process releases them. A call to Amazon is made
inside such a transaction; therefore no call starts after the disconnection has committed, in any
process.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connections as databases

from theseller.connections.queries import connection_view
from theseller.connections.types import ConnectionView
from theseller.lib import sql_execution
from theseller.lib.marketplaces import Region


class ConnectionClosedError(RuntimeError):
    """The connection has ended or does not exist: no call, no write."""


def lock_exclusive(connection: UUID, *, using: str = "default") -> None:
    """Wait for all users of `connection` and keep others out.

    Held until the transaction ends.
    """
    _lock("pg_advisory_xact_lock", connection, using)


def lock_shared(connection: UUID, *, using: str = "default") -> ConnectionView:
    """Keep `connection` open until this transaction ends, and return it.

    Raises:
        ConnectionClosedError: it has ended.
    """
    _lock("pg_advisory_xact_lock_shared", connection, using)
    found = connection_view(connection, using=using)
    if found is None or not found.is_open:
        raise ConnectionClosedError("this connection has ended")
    return found


def lock_region(tenant: UUID, region: Region, *, using: str = "default") -> None:
    """Let one transaction at a time open a connection in this region.

    A tenant has at most one open connection per region.
    """
    sql_execution.execute(
        databases[using],
        "select pg_advisory_xact_lock(hashtextextended(%s, 7))",
        [f"connections:{tenant}:{region}"],
    )


def _lock(function: str, connection: UUID, using: str) -> None:
    number = int.from_bytes(connection.bytes[8:], signed=True)  # the random half of the id
    sql_execution.execute(databases[using], f"select {function}(%s)", [number])
