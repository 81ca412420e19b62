"""The product on the servers of the trial: migrated, and with the ticket set on the worker.

Everything here is the trial's own. It replaces two functions of the product while it runs, and
changes none of its files.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from benchmarks.citus_trial.cluster import COORDINATOR, PLAIN, Cluster, Connection

ROOT = Path(__file__).resolve().parents[2]
#: The statements that Citus would run by COPY into a table with row security: with a conflict
#: clause it writes an intermediate result and inserts from it instead.
CONFLICT = " on conflict do nothing"


def set_up(cluster: Cluster, state: Path) -> None:
    """Set the environment and Django up for this process, and migrate both deployments."""
    os.environ.update(
        THESELLER_STATE=str(state),
        THESELLER_ENV="test",
        THESELLER_ROLE="web",
        THESELLER_PUBLIC_URL="http://testserver",
        THESELLER_AMAZON="emulator:http://127.0.0.1:1",
        DJANGO_SETTINGS_MODULE="theseller.config.settings",
    )
    for server in (PLAIN, COORDINATOR):
        migrate(cluster, server)
    import django

    from theseller.crypto.file_secret_provider import FileSecretProvider
    from theseller.crypto.text_secret_validation import new_text_secret

    FileSecretProvider(state / "secrets").ensure("lwa-client-secret", new_text_secret)
    os.environ["DATABASE_URL"] = _url(cluster, PLAIN)
    django.setup()


def _url(cluster: Cluster, server: str) -> str:
    return f"postgresql:///theseller?host={cluster.folder}&port={cluster.port(server)}"


def migrate(cluster: Cluster, server: str) -> str:
    """Run `theseller migrate` against a server; return its last line.

    Raises:
        RuntimeError: it failed.
    """
    admin = f"postgresql://postgres@/?host={cluster.folder}&port={cluster.port(server)}"
    environ = os.environ | {
        "DATABASE_URL": _url(cluster, server),
        "THESELLER_ADMIN_URL": admin,
    }
    done = subprocess.run(
        [sys.executable, "-m", "theseller.cli.main", "migrate", "--quiet"],
        env=environ, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(" ".join(done.stderr.split())[-400:])
    return done.stdout.strip()


@contextmanager
def product_on(cluster: Cluster, server: str, *, adapted: bool = True) -> Iterator[None]:
    """Point the product at a server for the block; on Citus with the trial's ticket and INSERT."""
    from django.db import connections

    from theseller.analytics.rollups import rollup_sql_execution
    from theseller.ingest.facts.bulk_writer import Bulk
    from theseller.tenancy import tenant_scope

    _disconnect()
    for settings in connections.settings.values():
        settings.update(HOST=str(cluster.folder), PORT=str(cluster.port(server)), NAME="theseller")
    before: tuple[Any, ...] = (
        tenant_scope._set_ticket,
        Bulk.run,
        rollup_sql_execution.sql_text,
    )
    if server == COORDINATOR:
        tenant_scope._set_ticket = _set_both_tickets
        if adapted:
            Bulk.run = _run_with_conflict_clause(before[1])  # type: ignore[method-assign]
            rollup_sql_execution.sql_text = _text_with_conflict_clause(before[2])
    try:
        yield
    finally:
        tenant_scope._set_ticket, Bulk.run, rollup_sql_execution.sql_text = before  # type: ignore[method-assign]
        _disconnect()


def _disconnect() -> None:
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        close_pool = getattr(connection, "close_pool", None)
        if close_pool is not None:
            close_pool()


def ticket(tenant: UUID, pid: int, started: int) -> str:
    """Return a ticket of the deployment's own key for one database session."""
    from django.conf import settings

    from theseller.crypto.hmac_and_tenant_ticket import DatabaseSession, tenant_ticket

    until = datetime.now(UTC) + timedelta(minutes=10)  # the machine's own clock  # noqa: TID251
    return tenant_ticket(settings.TENANT_TICKET_KEY(), tenant, DatabaseSession(pid, started), until)


def open_scope(
    connection: Connection, tenant: UUID, neighbors: Iterable[UUID] = ()
) -> tuple[int, int]:
    """Set tickets for the coordinator's session and for that on the tenant's worker.

    The two functions run on that worker, in this distributed transaction. Citus evaluates the
    policies on the coordinator too where an INSERT has a function among its values.

    Args:
        connection: of a role that serves, to the coordinator.
        tenant: whose ticket is set.
        neighbors: tenants on other workers, whose sessions get a ticket of `tenant` as well.

    Returns:
        The session on the worker, which the ticket names.
    """
    open_local_scope(connection, tenant)
    sessions = []
    with psycopg.Cursor(connection) as cursor:
        for there in (tenant, *neighbors):
            row = cursor.execute(
                "select pid, started from guard.worker_session(%s)", [there], prepare=False
            ).fetchone()
            assert row is not None
            cursor.execute(
                "select guard.set_worker_ticket(%s, %s)",
                [there, ticket(tenant, *row)],
                prepare=False,
            )
            sessions.append((row[0], row[1]))
    return sessions[0]


def open_local_scope(connection: Connection, tenant: UUID) -> None:
    """Set a ticket for the session of the connection itself, as the product does."""
    from theseller.tenancy.tenant_scope import read_session, set_ticket

    session = read_session(connection)
    set_ticket(connection, ticket(tenant, session.pid, session.started))


def _set_both_tickets(scope: Any) -> None:
    from django.db import connections

    from theseller.lib import clock
    from theseller.tenancy.tenant_scope import TICKET_MARGIN

    connection = connections[scope.using].connection
    open_scope(connection, scope.tenant)
    scope.expires = clock.now() + scope.limit + TICKET_MARGIN


def _run_with_conflict_clause(run: Any) -> Any:
    def run_adapted(self: Any, sql: str, **parameters: Any) -> int:
        adds = sql.lstrip().startswith("insert") and "on conflict" not in sql
        return int(run(self, sql + CONFLICT if adds else sql, **parameters))

    return run_adapted


def _text_with_conflict_clause(sql_text: Any) -> Any:
    def text_adapted(*names: str) -> str:
        text = str(sql_text(*names))
        return text + CONFLICT if names[-1].startswith("recompute_") else text

    return text_adapted
