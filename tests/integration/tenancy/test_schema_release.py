"""A program runs on the schema of a later release that admits it, and leaves to it what it can't do.

The database's own statement decides; `theseller migrate` of the later release writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import psycopg
import pytest
from django.db import connections
from tests.database import administrator_dsn, test_server
from tests.sabotage.databases import own_database

from theseller.backups.backup_configuration import BackupContext
from theseller.backups.restore_drill import drill
from theseller.backups.types import UnavailableError
from theseller.cli.doctor_deployment import _schema
from theseller.config import migrate, readiness
from theseller.controls.operations import run_control
from theseller.controls.types import Status
from theseller.erasure.connection_erasure import erase_connections
from theseller.erasure.exclusive_erasure import LaterSchemaError
from theseller.lib.ids import new_id
from theseller.tenancy.schema_release import (
    OLDEST_RELEASE,
    RELEASE,
    StatedRelease,
    stated_release,
)
from theseller.tenancy.schema_version_check import (
    WrongSchemaError,
    refuse_newer_schema,
    refuse_other_schema,
)

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
_LATER = """
insert into django_migrations (app, name, applied) values ('retention', '9999_later', now());
create table public.of_a_later_release (tenant_id uuid not null, id uuid not null)
"""
_EARLIER = """
delete from django_migrations where name = '9999_later';
drop table if exists public.of_a_later_release
"""


def _run(name: str, statement: str) -> None:
    with psycopg.connect(test_server().superuser_dsn(name), autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with own_database("schema_release") as name:
        yield name


@pytest.fixture
def later(database: str) -> Iterator[str]:
    """Return a database of the next release, which admits this one."""
    _run(database, _LATER)
    _state(database, RELEASE + 1, RELEASE)
    yield database
    _run(database, _EARLIER)
    _state(database, RELEASE, OLDEST_RELEASE)


def _state(name: str, release: int | None, oldest: int | None) -> None:
    values = f"schema_release = {release or 'null'}, oldest_release = {oldest or 'null'}"
    _run(name, f"update guard.deployment set {values}")


def test_migrate_states_its_release(database: str) -> None:
    assert stated_release(connections["default"]) == StatedRelease(RELEASE, OLDEST_RELEASE)


@pytest.mark.parametrize("role", ["web", "worker", "retention", "probe", "auth", "operator", "pii"])
def test_later_release_that_admits_this_one_is_accepted(later: str, role: str) -> None:
    if role in {"web", "worker"}:
        refuse_other_schema(role)
    assert stated_release(connections[role]) == StatedRelease(RELEASE + 1, RELEASE)


def test_readiness_and_doctor_accept_a_later_release_and_say_so(later: str) -> None:
    assert readiness.Part.SCHEMA not in readiness.failed_parts()
    with connections["default"].cursor() as cursor:
        found = _schema(cursor)
    assert not found.failed
    assert f"release {RELEASE + 1}, on which release {RELEASE} may run" in found.found


def test_later_release_that_does_not_admit_this_one_is_refused(later: str) -> None:
    _state(later, RELEASE + 2, RELEASE + 1)
    with pytest.raises(WrongSchemaError, match=f"release {RELEASE + 2}, on which .* {RELEASE + 1}"):
        refuse_other_schema("web")
    assert readiness.Part.SCHEMA in readiness.failed_parts()


def test_unknown_migrations_without_a_later_release_are_refused(later: str) -> None:
    _state(later, RELEASE, OLDEST_RELEASE)
    with pytest.raises(WrongSchemaError, match=r"unknown here: retention\.9999_later"):
        refuse_other_schema("web")


@pytest.mark.parametrize("stated", [None, RELEASE])
def test_database_that_no_migrate_of_this_release_finished_is_older(
    database: str, stated: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grants are no migrations: a release without one needs its `theseller migrate` too."""
    _state(database, stated, stated)
    monkeypatch.setattr("theseller.tenancy.schema_version_check.RELEASE", RELEASE + 1)
    with pytest.raises(WrongSchemaError, match="run `theseller migrate` first"):
        refuse_other_schema("web")
    _state(database, RELEASE, OLDEST_RELEASE)


def test_migrate_refuses_a_later_release_that_admits_this_one(later: str) -> None:
    with (
        psycopg.connect(administrator_dsn(later)) as administrator,
        pytest.raises(WrongSchemaError, match="migrated by a newer version"),
    ):
        refuse_newer_schema(administrator)
    _run(later, _EARLIER)  # even if it brought no migration
    with pytest.raises(WrongSchemaError, match="migrated by a newer version"):
        migrate.migrate(administrator_dsn(later), at=AT)


def test_nothing_is_erased_on_a_later_schema(later: str) -> None:
    assert erase_connections([], at=AT, wait=False) == ()
    with pytest.raises(LaterSchemaError):
        erase_connections([], at=AT, wait=True)


def test_no_restore_is_tested_on_a_later_schema(later: str, tmp_path: Path) -> None:
    unused = cast("BackupContext", None)
    with pytest.raises(UnavailableError, match="later release"):
        drill(unused, new_id(), tmp_path / "drill", replay=lambda _: 0, at=AT, now=lambda: AT)


def test_comparison_of_a_later_schema_proves_nothing(later: str) -> None:
    for control in ("cred-least-privilege", "net-tenant-isolation", "pii-strip"):
        evidence = run_control(control, at=AT)
        assert evidence.outcome is Status.UNKNOWN, (control, evidence)
        assert "later release" in evidence.summary
