"""Reads of erasures and their certificates."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connections as databases

from theseller.datamap.types import Eraser
from theseller.edge.database_routing import operators_database
from theseller.erasure.certificate_format import stored_file
from theseller.erasure.erasable_tables import connection_tables
from theseller.erasure.erasure_records import as_document
from theseller.erasure.types import ErasureSummary, ErasureView, Subject, SubjectKind
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import current_tenant


def due_connections(
    *, at: datetime, most: int = 100, using: str = "default"
) -> tuple[Subject, ...]:
    """Return ended connections without a certificate, the longest ended first.

    They are of all tenants.
    """
    return tuple(
        Subject(SubjectKind.CONNECTION, connection, tenant)
        for connection, tenant in sql_execution.rows(
            databases[using],
            "select connection_id, tenant_id from guard.due_purges(%s, %s)",
            [at, most],
        )
    )


def count_left(
    tenant: UUID, connection: UUID, marketplaces: list[str], *, using: str
) -> dict[str, int]:
    """Count what is left of a connection, table by table.

    `using` is another role than the one that deleted. A derived row counts as left while its store
    has no other open connection to be derived from; that of no store (a blank one), while the
    tenant has none.
    """
    counts = {}
    with databases[using].cursor() as cursor:
        for descriptor in connection_tables():
            if descriptor.eraser is Eraser.REBUILD:
                cursor.execute(
                    # the data map's own names
                    f"select count(*) from {descriptor.table}"  # noqa: S608
                    " where tenant_id = %s and marketplace_id = any(%s) and not exists"
                    " (select from connections_connection c where c.tenant_id = %s and c.id <> %s"
                    " and (marketplace_id = any(c.marketplace_ids) or marketplace_id = '') and not"
                    " exists (select from connections_disconnection d"
                    " where d.tenant_id = c.tenant_id and d.connection_id = c.id))",
                    [tenant, [*marketplaces, ""], tenant, connection],
                )
            else:
                cursor.execute(
                    f"select count(*) from {descriptor.table}"  # noqa: S608
                    f" where tenant_id = %s and {descriptor.connection_column} = %s",
                    [tenant, connection],
                )
            counts[descriptor.table] = int(cursor.fetchone()[0])
    return counts


def erasures_of_tenant(*, using: str = "default") -> dict[UUID, ErasureView]:
    """Return the erasures of the connections of the tenant in scope, by id."""
    return {
        connection: ErasureView(
            connection,
            begun,
            sum(as_document(plan).values()),
            sum(as_document(done).values()),
            erased,
            completed,
            issued,
        )
        for connection, begun, plan, done, erased, completed, issued in sql_execution.rows(
            databases[using],
            "select p.subject_id, p.begun_at, p.plan, p.steps_done, p.erased_at, p.completed_at,"
            " c.issued_at from erasure_erasure p left join erasure_certificate c on c.tenant_id ="
            " p.tenant_id and c.subject_id = p.subject_id where p.tenant_id = %s"
            " and p.kind = 'connection'",
            [current_tenant()],
        )
    }


def connection_certificate(
    connection: UUID, *, using: str = "default"
) -> tuple[UUID, bytes] | None:
    """Return (id, file) of the certificate of a connection in scope, or None."""
    return _certificate(
        "select id, body, signature, public_key from erasure_certificate where tenant_id = %s and"
        " subject_id = %s",
        [current_tenant(), connection],
        using,
    )


def subject_certificate(subject: UUID, *, using: str | None = None) -> tuple[UUID, bytes] | None:
    """Return (id, file) of the certificate of a tenant or a user, or None."""
    return _certificate(
        "select id, body, signature, public_key from guard.certificate_of(%s)",
        [subject],
        using or operators_database(),
    )


def tenant_and_user_erasures(
    *, most: int = 200, using: str | None = None
) -> tuple[ErasureSummary, ...]:
    """Return the newest erasures of tenants and users, for operators.

    Of users, those who requested theirs.
    """
    return tuple(
        ErasureSummary(row[0], SubjectKind(row[1]), *row[2:])
        for row in sql_execution.rows(
            databases[using or operators_database()], "select * from guard.ends(%s)", [most]
        )
    )


def _certificate(query: str, values: list[UUID], using: str) -> tuple[UUID, bytes] | None:
    row = sql_execution.one(databases[using], query, values)
    return (row[0], stored_file(*row[1:])) if row else None
