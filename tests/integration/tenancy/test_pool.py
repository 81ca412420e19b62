"""A connection that returns to its pool keeps nothing of the request before.

A ticket opens one session only.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import ProgrammingError, connections
from tests.cast import Cast
from tests.database import role_dsn, test_server

from theseller.crypto.hmac_and_tenant_ticket import DatabaseSession, tenant_ticket
from theseller.lib import clock
from theseller.tenancy.models import Tenant
from theseller.tenancy.tenant_scope import (
    STATEMENT_LIMITS,
    TICKET_MARGIN,
    Connection,
    read_session,
    renew_ticket,
    set_ticket,
    tenant_scope,
)

_LEFT = """
select (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
       (select count(*) from pg_listening_channels()),
       (select count(*) from pg_prepared_statements),
       (select count(*) from pg_cursors),
       (select count(*) from pg_class where relnamespace = pg_my_temp_schema()),
       nullif(current_setting('x.y', true), ''), current_setting('search_path'),
       current_setting('statement_timeout') = '0', current_setting('timezone')
"""


@pytest.mark.parametrize("alias", ["web", "worker", "retention", "probe", "pii"])
def test_returned_pool_connection_has_the_state_of_a_new_one(alias: str, database: str) -> None:
    connection = connections[alias]
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(_LEFT)
        new = cursor.fetchone()
        pid = connection.connection.info.backend_pid
        cursor.execute(
            "select set_config('x.y', 'left', false), set_config('statement_timeout', '0', false),"
            " pg_advisory_lock(4711)"
        )
        cursor.execute(
            "set search_path = pg_temp, public; set timezone = 'Asia/Tokyo'; listen left_behind;"
            " prepare left_behind as select 1"
        )
        cursor.execute("declare left_behind cursor with hold for select 1")
        if alias in {"web", "worker"}:
            cursor.execute(
                "begin; select guard.create_stage('incoming_left', array['a'], array['int']);"
                " rollback"
            )
    connection.close()
    # The pool resets a connection in a thread of its own; until it has, it makes others, which are
    # held so that ours must come.
    taken = []
    try:
        for _ in range(20):
            connection.connect()
            if connection.connection.info.backend_pid == pid:
                break
            taken.append(connection.connection)
            connection.connection = None
        with connection.cursor() as cursor:
            assert connection.connection.info.backend_pid == pid
            cursor.execute(_LEFT)
            assert cursor.fetchone() == new
    finally:
        for one in taken:
            one._pool.putconn(one)
        connection.close()
    assert new is not None
    assert new[6:] == ("public, pg_temp", False, "UTC")


def test_a_ticket_of_a_closed_connection_opens_no_later_one_of_the_same_process_id(
    database: str, cast: Cast
) -> None:
    with psycopg.connect(role_dsn("web", database)) as connection:
        now = read_session(connection)
        earlier = DatabaseSession(now.pid, now.started - 375_000_000)
        for session, refusal in (
            (earlier, "belongs to another connection"),
            (DatabaseSession(now.pid + 1, now.started), "another"),
            (now, ""),
        ):
            ticket = tenant_ticket(
                settings.TENANT_TICKET_KEY(),
                cast.alices_shop,
                session,
                clock.now() + timedelta(minutes=1),
            )
            set_ticket(connection, ticket)
            if refusal:
                with (
                    pytest.raises(psycopg.errors.InsufficientPrivilege, match=refusal),
                    connection.transaction(),
                ):
                    connection.execute("select count(*) from tenancy_tenant")
            else:
                assert connection.execute("select count(*) from tenancy_tenant").fetchone() == (1,)


def test_tenant_session_is_read_once_per_connection(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_scope(cast.alices_shop):
        pass
    read: list[object] = []

    def noted(connection: Connection) -> DatabaseSession:
        read.append(connection)
        return read_session(connection)

    monkeypatch.setattr("theseller.tenancy.tenant_scope.read_session", noted)
    for _ in range(3):
        with tenant_scope(cast.alices_shop):
            assert Tenant.objects.count() == 1
    assert read == []


def test_tenant_ticket_lifetime_is_the_statement_timeout_plus_one_minute(database: str) -> None:
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        for role, limit in STATEMENT_LIMITS.items():
            with psycopg.connect(role_dsn(role.removeprefix("theseller_"), database)) as connection:
                row = connection.execute(
                    "select extract(epoch from current_setting('statement_timeout')::interval)::int"
                ).fetchone()
            assert row == (limit.total_seconds(),), role
        del superuser
    assert timedelta(minutes=1) == TICKET_MARGIN


def test_tenant_ticket_is_renewed_in_a_long_transaction(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_scope(cast.alices_shop), connections["default"].cursor() as cursor:
        cursor.execute("select current_setting('theseller.ticket')")
        [first] = cursor.fetchone()
        later = clock.now() + timedelta(seconds=61)
        monkeypatch.setattr("theseller.tenancy.tenant_scope.clock.now", lambda: later)
        cursor.execute("select current_setting('theseller.ticket')")
        [second] = cursor.fetchone()
        assert int(second.split("|")[3]) - int(first.split("|")[3]) >= 60
        renew_ticket(timedelta(minutes=10))
        cursor.execute("select current_setting('theseller.ticket')")
        assert int(cursor.fetchone()[0].split("|")[3]) - int(second.split("|")[3]) >= 500


def test_staging_table_can_be_created_only_under_its_own_name(database: str) -> None:
    with psycopg.connect(role_dsn("web", database)) as connection:
        for name in ("ingest_product", "incoming_x; drop table y", "pg_class", ""):
            with pytest.raises(psycopg.errors.InvalidParameterValue), connection.transaction():
                connection.execute(
                    "select guard.create_stage(%s, array['a'], array['int'])", [name]
                )
        with pytest.raises(psycopg.Error), connection.transaction():
            connection.execute(
                "select guard.create_stage('incoming_x', array['a'], array['int; drop table y'])"
            )
        connection.execute(
            """select guard.create_stage('incoming_x', array['a"b'], array['int'])"""
        )
        connection.execute("insert into pg_temp.incoming_x values (1)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(
                "create rule r as on select to pg_temp.incoming_x do instead select 1"
            )


def test_pooled_connection_keeps_no_tenant_scope(cast: Cast) -> None:
    with tenant_scope(cast.alices_shop):
        pid = connections["default"].connection.info.backend_pid
    connections["default"].close()
    with suppress(ProgrammingError):
        assert Tenant.objects.count() == 0, pid
