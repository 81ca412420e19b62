"""Refuse a database whose schema belongs to another version.

Compares the migrations of this program with those that the database records as applied.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import ProgrammingError, connections
from django.db.migrations.loader import MigrationLoader

from theseller.lib import sql_helpers

_APPLIED = "select app, name from django_migrations"
_SHOWN = 3


class WrongSchemaError(RuntimeError):
    """The database's schema is not this version's."""


def known_migrations() -> frozenset[tuple[str, str]]:
    """Return this program's migrations as (app, name). Needs Django ready."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def refuse_other_schema(using: str = "default") -> None:
    """Check that the database has exactly this program's migrations.

    Raises:
        WrongSchemaError: it has more (an older program must not use it), or fewer (`theseller
            migrate` was not run).
    """
    try:
        applied = frozenset(sql_helpers.rows(connections[using], _APPLIED))
    except ProgrammingError:
        # Before the first migrate the table is missing, or this role may not read it yet.
        raise WrongSchemaError(_older("")) from None
    refuse_newer(applied)
    missing = known_migrations() - applied
    if missing:
        raise WrongSchemaError(_older(f" (missing: {_names(missing)})"))


def refuse_newer_schema(database: psycopg.Connection[Any]) -> None:
    """Check that `database` has no migration that is unknown here.

    For `migrate`; the database may be empty or older.

    Raises:
        WrongSchemaError: it has one.
    """
    refuse_newer(_applied(database))


def pending_migrations(database: psycopg.Connection[Any]) -> frozenset[tuple[str, str]]:
    """Return this program's migrations that `database` has not applied."""
    return known_migrations() - _applied(database)


def _applied(database: psycopg.Connection[Any]) -> frozenset[tuple[str, str]]:
    known = database.execute(
        "select to_regclass('public.django_migrations') is not null"
    ).fetchone()
    if not (known and known[0]):
        return frozenset()
    return frozenset((str(app), str(name)) for app, name in database.execute(_APPLIED).fetchall())


def refuse_newer(applied: frozenset[tuple[str, str]]) -> None:
    """Check that every applied migration is known here.

    Raises:
        WrongSchemaError: one is not.
    """
    unknown = applied - known_migrations()
    if unknown:
        raise WrongSchemaError(
            "this database was migrated by a newer version of TheSeller (unknown here:"
            f" {_names(unknown)}): run that version, or restore a backup made before its `theseller"
            " migrate`. Nothing was read or changed"
        )


def _older(detail: str) -> str:
    return (
        f"this database has an older schema than this version of TheSeller needs{detail}: run"
        " `theseller migrate` first"
    )


def _names(migrations: frozenset[tuple[str, str]]) -> str:
    names = [f"{app}.{name}" for app, name in sorted(migrations)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
