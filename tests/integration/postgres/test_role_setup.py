"""The roles as the server has them: what each may be, and who may enter the database."""

from __future__ import annotations

import psycopg
import pytest
from tests.database import (
    PASSWORDS,
    connect_as,
    role_dsn,
    roles_lock,
    superuser,
    test_server,
    worker_database,
)

from theseller.postgres.errors import ServerFailedError
from theseller.postgres.role_setup import LOGIN_ROLES, ensure_roles
from theseller.postgres.server_folders import conninfo


@pytest.fixture(scope="module")
def database() -> str:
    return worker_database()


def test_database_roles_have_exactly_the_expected_attributes() -> None:
    with superuser() as connection:
        rows = connection.execute(
            "select rolname, rolcanlogin, rolsuper or rolcreatedb or rolcreaterole, rolbypassrls,"
            " rolreplication from pg_roles where rolname like 'theseller\\_%' and rolname not in"
            " ('theseller_super', 'theseller_directory', 'theseller_fingerprint',"
            " 'theseller_session', 'theseller_requests') order by 1"
        ).fetchall()
    assert rows == [
        ("theseller_auth", True, False, False, False),
        ("theseller_backup", True, False, False, True),
        ("theseller_migrate", True, False, False, False),
        ("theseller_operator", True, False, False, False),
        ("theseller_owner", False, False, False, False),
        ("theseller_pii", True, False, False, False),
        ("theseller_probe", True, False, True, False),
        ("theseller_retention", True, False, False, False),
        ("theseller_web", True, False, False, False),
        ("theseller_worker", True, False, False, False),
    ]


def test_passwords_are_kept_as_scram_verifiers() -> None:
    with superuser() as connection:
        kinds = connection.execute(
            "select distinct left(rolpassword, 14) from pg_authid where rolname = any(%s)",
            [[*LOGIN_ROLES.values()]],
        )
        assert kinds.fetchall() == [("SCRAM-SHA-256$",)]


def test_migrations_act_as_the_owner(database: str) -> None:
    with connect_as("migrate", database) as connection:
        assert connection.execute("select current_user, session_user").fetchone() == (
            "theseller_owner",
            "theseller_migrate",
        )
        connection.execute("create table by_migration (id int)")
        assert connection.execute(
            "select tableowner from pg_tables where tablename = 'by_migration'"
        ).fetchone() == ("theseller_owner",)


@pytest.mark.parametrize("short", ["web", "auth", "operator", "worker", "retention", "probe"])
def test_service_roles_create_nothing_and_assume_no_other_role(database: str, short: str) -> None:
    with psycopg.connect(role_dsn(short, database), autocommit=True) as connection:
        for forbidden in (
            "create table mine (id int)",
            "create schema mine",
            "set role theseller_owner",
            "create role mine",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
        row = connection.execute(
            "select current_setting('statement_timeout'), current_setting('lock_timeout')"
        ).fetchone()
        assert row is not None
        assert "0" not in row


@pytest.mark.parametrize("short", ["web", "worker", "retention", "probe", "pii"])
def test_no_service_role_can_create_temporary_objects(database: str, short: str) -> None:
    for forbidden in (
        "create temporary table stage (id int)",
        "create temporary view v as select 1",
        "create function pg_temp.f() returns int language sql as 'select 1'",
    ):
        with (
            psycopg.connect(role_dsn(short, database)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(forbidden)


def test_the_backup_role_replicates_and_reads_nothing(database: str) -> None:
    with connect_as("migrate", database) as connection:
        connection.execute("create table if not exists secret (id int)")
    with psycopg.connect(role_dsn("backup", database), autocommit=True) as connection:
        for forbidden in (
            "create table mine (id int)",
            "create temporary table mine (id int)",
            "select * from secret",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)
    with psycopg.connect(
        role_dsn("backup", database) + " replication=yes", autocommit=True
    ) as connection:
        assert connection.pgconn.exec_(b"IDENTIFY_SYSTEM").ntuples == 1


def test_ensure_roles_resets_changed_attributes_and_passwords(database: str) -> None:
    server = test_server()
    with roles_lock():
        with superuser() as connection:
            connection.execute(
                "alter role theseller_backup createdb createrole bypassrls password 'changed'"
            )
        ensure_roles(server.superuser_dsn(), PASSWORDS, database=database)
    with superuser() as connection:
        row = connection.execute(
            "select rolcreatedb, rolcreaterole, rolbypassrls from pg_roles where rolname ="
            " 'theseller_backup'"
        ).fetchone()
    assert row == (False, False, False)
    psycopg.connect(role_dsn("backup", database) + " replication=yes", autocommit=True).close()


def test_wrong_superuser_password_error_names_the_secret() -> None:
    wrong = conninfo(test_server().state, "theseller_super", "not it", "postgres")
    with pytest.raises(ServerFailedError, match="db-superuser"):
        ensure_roles(wrong, PASSWORDS)
