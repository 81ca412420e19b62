"""No program of another version works on a database.

An older one refuses a newer schema, a newer one requests `theseller migrate`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from django.conf import settings
from tests import preloaded
from tests.database import create_database, drop_database, roles_lock, test_server, worker_name
from tests.demo_deployment import free_ports
from tests.sabotage.databases import own_database

from theseller.cli.main import discover, main
from theseller.config import migrate
from theseller.tenancy.schema_version_check import (
    WrongSchemaError,
    known_migrations,
    refuse_newer_schema,
    refuse_other_schema,
)

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEWER = r"migrated by a newer version of TheSeller \(unknown here: retention\.9999_later\)"
OLDER = r"older schema .* \(missing: .*\): run `theseller migrate` first"
ID = "00000000-0000-7000-8000-000000000000"
#: Each command that touches data, with what it needs to come so far; the services are tried as
#: processes of their own.
COMMANDS = [
    ["audit", "verify"], ["backup", "list"], ["deletion-certificate"], ["controls"],
    ["deletion-request", "list"], ["legal-hold", "list", "--shop", ID],
    ["import", "/dev/null", "--as", "no.one@example.com"], ["mail", "list"],
    ["operator", "list"], ["prober", "list"],
    ["replay-erasures", "--journal-complete"], ["rotate", "--list"], ["demo-accounts"], ["status"],
    ["person", "reset-password", "no.one@example.com"], ["shop", "list"],
]  # fmt: skip


@pytest.fixture
def own() -> Iterator[str]:
    with own_database("schema_version") as name:
        yield name


def _as_superuser(name: str, statement: str) -> None:
    with psycopg.connect(test_server().superuser_dsn(name), autocommit=True) as connection:
        connection.execute(statement)


def _later(name: str) -> None:
    _as_superuser(
        name,
        "insert into django_migrations (app, name, applied) values ('retention', '9999_later',"
        " now())",
    )


def _earlier(name: str) -> None:
    _as_superuser(
        name,
        "delete from django_migrations where app = 'vault' and name = (select max(name) from"
        " django_migrations where app = 'vault')",
    )


def _roles() -> list[tuple[object, ...]]:
    """Return each role with its password's verifier, and who may enter each database.

    The verifier has a new salt whenever the password is set.
    """
    with psycopg.connect(test_server().superuser_dsn()) as connection:
        roles = connection.execute(
            "select a.* from pg_authid a where starts_with(rolname, 'theseller_') order by oid"
        ).fetchall()
        return (
            roles
            + connection.execute(
                "select datname, datacl from pg_database where datname = 'theseller'"
            ).fetchall()
        )


@pytest.mark.parametrize("role", ["web", "worker", "migrate"])
def test_same_schema_version_is_accepted(role: str) -> None:
    refuse_other_schema(role)


@pytest.mark.parametrize("role", ["web", "worker", "migrate"])
def test_older_and_newer_schema_versions_are_refused(own: str, role: str) -> None:
    _earlier(own)
    with pytest.raises(WrongSchemaError, match=OLDER):
        refuse_other_schema(role)
    _later(own)
    with pytest.raises(WrongSchemaError, match=NEWER):
        refuse_other_schema(role)


def test_unmigrated_database_asks_for_migrate(own: str) -> None:
    _as_superuser(own, "drop table django_migrations")
    with pytest.raises(WrongSchemaError, match="run `theseller migrate` first"):
        refuse_other_schema("web")


def test_older_schema_without_select_grant_asks_for_migrate(own: str) -> None:
    """Before this check there was no permission to read the list."""
    _as_superuser(own, "revoke all on django_migrations from theseller_web")
    with pytest.raises(WrongSchemaError, match="run `theseller migrate` first"):
        refuse_other_schema("web")


def test_migrate_refuses_a_newer_schema_and_changes_nothing(own: str) -> None:
    _later(own)
    _as_superuser(own, "revoke select on guard.deployment from theseller_probe")
    with pytest.raises(WrongSchemaError, match=NEWER):
        migrate.migrate(test_server().superuser_dsn(own), at=AT)
    with psycopg.connect(test_server().superuser_dsn(own)) as connection:
        answer = connection.execute(
            "select has_table_privilege('theseller_probe', 'guard.deployment', 'select')"
        ).fetchone()
    assert answer == (False,), "its grants were applied"


def test_migrate_of_an_external_server_refuses_a_newer_schema_before_any_change(
    own: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _later(own)
    monkeypatch.setenv("DATABASE_URL", f"postgresql:///{own}?host={test_server().socket_dir}")
    monkeypatch.setenv("THESELLER_ADMIN_URL", test_server().superuser_dsn(own))
    with roles_lock():
        before = _roles()
        assert main(["migrate"]) == 1
        assert _roles() == before
    assert re.search(NEWER, capsys.readouterr().err)


def test_migrate_accepts_an_empty_database_and_the_same_schema_version(own: str) -> None:
    migrate.migrate(test_server().superuser_dsn(own), at=AT)
    empty = f"empty_{worker_name()}"
    drop_database(empty)
    create_database(empty)
    with psycopg.connect(test_server().superuser_dsn(empty)) as connection:
        refuse_newer_schema(connection)
    drop_database(empty)


def test_no_command_works_on_a_newer_database(
    own: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Settings are read already; this only says that no embedded database needs to run.
    monkeypatch.setenv("DATABASE_URL", "postgresql:///unused?host=/unused")
    _later(own)
    for command in COMMANDS:
        assert main(command) == 1, command
        assert re.search(NEWER, capsys.readouterr().err), command


@pytest.mark.parametrize("service", ["serve", "worker"])
def test_no_service_starts_on_another_schema_version(own: str, service: str) -> None:
    for change, says in ((_earlier, OLDER), (_later, NEWER)):
        change(own)
        done = _start(own, service)
        assert done.returncode == 1, done.stdout + done.stderr
        assert re.search(says, done.stderr)


def test_schema_test_runs_every_command_that_needs_data() -> None:
    without_data = {
        "database",
        "demo",
        "demo-reset",
        "doctor",
        "emulator",
        "inspect",
        "migrate",
        "postgres",
        "release",
        "restore",
        "secrets",
        "setup",
        "state",
        "verify-deletion-certificate",
    }
    assert {command[0] for command in COMMANDS} | {"serve", "worker"} | without_data == set(
        discover()
    ), "enter a new command in COMMANDS with its arguments, or in `without_data`"


def test_known_migrations_include_our_and_third_party_apps() -> None:
    assert ("tenancy", "0001_initial") in known_migrations()
    assert {app for app, _ in known_migrations()} >= {"procrastinate", "auth", "retention"}


def _start(name: str, service: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "DATABASE_URL": f"postgresql:///{name}?host={test_server().socket_dir}",
        "THESELLER_STATE": str(settings.ENVIRONMENT.state),
        "THESELLER_PORT": str(free_ports(1)[0]),
    }
    return preloaded.run(["-m", "theseller.cli.main", service], environ=environ)
