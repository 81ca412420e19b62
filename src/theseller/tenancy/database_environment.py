"""Check that the database belongs to this process's environment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connections
from psycopg import Connection


class WrongDatabaseError(RuntimeError):
    """The database belongs to another environment, or to none yet."""


def refuse_other_environment(environment: str, using: str = "default") -> None:
    """Check that the database was migrated for `environment`.

    Raises:
        WrongDatabaseError: it was not.
    """
    with connections[using].cursor() as cursor:
        cursor.execute("select to_regclass('guard.deployment') is not null")
        known = cursor.fetchone()[0]
        row = None
        if known:
            cursor.execute("select environment from guard.deployment")
            row = cursor.fetchone()
    _refuse(None if row is None else row[0], environment)


def claim_database(database: Connection[Any], environment: str, *, at: datetime) -> None:
    """Store that a database without an environment belongs to `environment`.

    `database` is the administrator's connection.

    Raises:
        WrongDatabaseError: it belongs to another one already.
    """
    database.execute(
        "insert into guard.deployment (environment, set_at) values (%s, %s) on conflict do nothing",
        [environment, at],
    )
    refuse_foreign_database(database, environment)


def refuse_foreign_database(database: Connection[Any], environment: str) -> None:
    """Check that the database belongs to `environment`, or to none yet.

    Raises:
        WrongDatabaseError: it belongs to another environment.
    """
    known = database.execute("select to_regclass('guard.deployment') is not null").fetchone()
    row = (
        database.execute("select environment from guard.deployment").fetchone()
        if known and known[0]
        else None
    )
    if row is not None:
        _refuse(row[0], environment)


def _refuse(found: str | None, environment: str) -> None:
    if found is None:
        raise WrongDatabaseError(
            "this database belongs to no environment yet: run `theseller migrate` first"
        )
    if found != environment:
        raise WrongDatabaseError(
            f"this database belongs to the environment {found!r}, and this process runs as"
            f" {environment!r}: check DATABASE_URL and THESELLER_ENV. Nothing was read or changed"
        )
