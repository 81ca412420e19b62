"""Reads of erasures."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections as databases

from theseller.datamap.registry import erasure_order
from theseller.datamap.types import Eraser, TableDescriptor
from theseller.erasure.certificate_file import assemble
from theseller.erasure.types import ClosedConnection, PurgeView
from theseller.tenancy.scope import current_tenant


def due_purges(*, at: datetime, most: int = 100, using: str = "default") -> tuple[ClosedConnection, ...]:
    """Return the connections that have ended and have no certificate yet, over all tenants, the longest ended first."""
    with databases[using].cursor() as cursor:
        cursor.execute("select tenant_id, connection_id, disconnected_at from guard.due_purges(%s, %s)", [at, most])
        return tuple(ClosedConnection(*row) for row in cursor.fetchall())


def erasable() -> tuple[TableDescriptor, ...]:
    """Return the holdings whose rows go with a connection, children before parents.

    Raises:
        RuntimeError: the data map is not loaded. An empty map would prove anything erased.
    """
    found = tuple(
        descriptor for descriptor in erasure_order() if descriptor.eraser in {Eraser.DELETE_CONNECTION, Eraser.REBUILD, Eraser.KEY}
    )
    if not found:
        raise RuntimeError("the data map is empty: no erasure can be planned or proven")
    return found


def count_left(tenant: UUID, connection: UUID, marketplaces: list[str], *, using: str) -> dict[str, int]:
    """Count what is left of a connection, table by table. `using` is another role than the one that deleted.

    A derived row counts as left while its store has no other open connection to be derived from; that of no store (a blank one), while the
    shop has none.
    """
    counts = {}
    with databases[using].cursor() as cursor:
        for descriptor in erasable():
            if descriptor.eraser is Eraser.REBUILD:
                cursor.execute(
                    f"select count(*) from {descriptor.table} where tenant_id = %s and marketplace_id = any(%s)"  # noqa: S608  # the data map's own names
                    " and not exists (select from connections_connection c where c.tenant_id = %s and c.id <> %s"
                    " and (marketplace_id = any(c.marketplace_ids) or marketplace_id = '') and not exists (select from connections_disconnection d"
                    " where d.tenant_id = c.tenant_id and d.connection_id = c.id))",
                    [tenant, [*marketplaces, ""], tenant, connection],
                )
            else:
                cursor.execute(
                    f"select count(*) from {descriptor.table} where tenant_id = %s and {descriptor.connection_column} = %s",  # noqa: S608
                    [tenant, connection],
                )
            counts[descriptor.table] = int(cursor.fetchone()[0])
    return counts


def purges(*, using: str = "default") -> dict[UUID, PurgeView]:
    """Return the erasures of the tenant in scope, by connection."""
    with databases[using].cursor() as cursor:
        cursor.execute(
            "select p.connection_id, p.begun_at, p.plan, p.steps_done, p.erased_at, p.completed_at, c.issued_at from retention_purge p"
            " left join retention_certificate c on c.tenant_id = p.tenant_id and c.connection_id = p.connection_id"
            " where p.tenant_id = %s",
            [current_tenant()],
        )
        return {row[0]: _purge_view(row) for row in cursor.fetchall()}


def certificate(connection: UUID, *, using: str = "default") -> tuple[UUID, bytes] | None:
    """Return (id, file) of the certificate of a connection of the tenant in scope, or None."""
    with databases[using].cursor() as cursor:
        cursor.execute(
            "select id, body, signature, public_key from retention_certificate where tenant_id = %s and connection_id = %s",
            [current_tenant(), connection],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return row[0], assemble(json.loads(bytes(row[1])), bytes(row[3]).hex(), bytes(row[2]))


def _purge_view(row: tuple[Any, ...]) -> PurgeView:
    connection, begun, plan, done, erased, completed, issued = row
    plan, done = as_document(plan), as_document(done)
    return PurgeView(connection, begun, sum(plan.values()), sum(done.values()), erased, completed, issued)


def as_document(value: Any) -> dict[str, Any]:  # noqa: ANN401  # what a driver makes of jsonb: text, or a document already
    return dict(json.loads(value) if isinstance(value, str) else value)
