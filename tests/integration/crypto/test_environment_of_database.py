"""Staging can't read production.

A service refuses a database of another environment, and so does `migrate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from tests.database import test_server

from theseller.config import migrate
from theseller.tenancy.database_environment import (
    WrongDatabaseError,
    claim_database,
    refuse_other_environment,
)
from theseller.tenancy.database_startup_checks import refuse_unsafe_database

pytestmark = pytest.mark.usefixtures("database")
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def superuser(database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Return a superuser's connection; whatever a test does with it is rolled back."""
    with psycopg.connect(test_server().superuser_dsn(database)) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("role", ["web", "worker", "retention", "probe"])
def test_each_role_is_refused_on_a_database_of_another_environment(role: str) -> None:
    refuse_other_environment("test", role)
    with pytest.raises(
        WrongDatabaseError,
        match=r"belongs to the environment 'test', and this process runs as 'staging'",
    ):
        refuse_other_environment("staging", role)


def test_database_of_the_same_environment_is_accepted() -> None:
    refuse_unsafe_database()


def test_database_cannot_be_claimed_by_a_second_environment(
    superuser: psycopg.Connection[tuple[object, ...]],
) -> None:
    claim_database(superuser, "test", at=AT)
    with pytest.raises(WrongDatabaseError, match="Nothing was read or changed"):
        claim_database(superuser, "production", at=AT)
    assert superuser.execute(
        "select environment, count(*) over () from guard.deployment"
    ).fetchall() == [("test", 1)]


def test_deployment_table_refuses_a_second_row(
    superuser: psycopg.Connection[tuple[object, ...]],
) -> None:
    for only_row in (True, False):
        with pytest.raises(psycopg.IntegrityError), superuser.transaction():
            superuser.execute(
                "insert into guard.deployment values (%s, 'production', %s)", [only_row, AT]
            )


@pytest.mark.parametrize("role", ["web", "worker", "retention", "probe"])
def test_no_service_role_can_change_the_deployment_row(
    database: str, role: str, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    superuser.execute(f"set local role theseller_{role}")
    for statement in (
        "update guard.deployment set environment = 'x'",
        "delete from guard.deployment",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), superuser.transaction():
            superuser.execute(statement)


def test_migrate_refuses_before_it_changes_anything(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is made another's for the moment of the call; `call_command` would be the first change."""
    dsn = test_server().superuser_dsn(database)

    def never(*_: object, **__: object) -> None:
        raise ImproperlyConfigured("a migration ran on a foreign database")

    monkeypatch.setattr(migrate, "call_command", never)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("update guard.deployment set environment = 'production'")
        try:
            with pytest.raises(WrongDatabaseError, match="'production'"):
                migrate.migrate(dsn, at=AT)
            with pytest.raises(WrongDatabaseError):
                refuse_unsafe_database()
        finally:
            connection.execute(
                "update guard.deployment set environment = %s", [settings.ENVIRONMENT.kind.value]
            )
    with pytest.raises(
        ImproperlyConfigured
    ):  # the stand-in would have been reached: the refusal is what stopped it
        migrate.migrate(dsn, at=AT)


def test_a_database_that_was_never_migrated_is_refused(
    superuser: psycopg.Connection[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    superuser.execute("delete from guard.deployment")

    class OneConnection:
        """Django's `connections`, as far as the check uses it."""

        def __getitem__(self, using: str) -> psycopg.Connection[tuple[object, ...]]:
            return superuser

    monkeypatch.setattr("theseller.tenancy.database_environment.connections", OneConnection())
    with pytest.raises(WrongDatabaseError, match="theseller migrate"):
        refuse_other_environment("test")
    superuser.execute("drop table guard.deployment")
    with pytest.raises(WrongDatabaseError, match="theseller migrate"):
        refuse_other_environment("test")
