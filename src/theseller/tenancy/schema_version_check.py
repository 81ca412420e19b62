"""Refuse a database whose schema this program can't run on.

Compares the migrations of this program with those that the database records as applied. A database
of a later release states the oldest release that may run on it (`schema_release`).
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import ProgrammingError, connections
from django.db.migrations.loader import MigrationLoader

from theseller.lib import sql_execution
from theseller.tenancy.schema_release import RELEASE, StatedRelease, stated_release

_APPLIED = "select app, name from django_migrations"
_SHOWN = 3


class WrongSchemaError(RuntimeError):
    """The database's schema is not this version's."""


def known_migrations() -> frozenset[tuple[str, str]]:
    """Return this program's migrations as (app, name). Needs Django ready."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def refuse_other_schema(using: str = "default") -> None:
    """Check that this program may run on the database.

    Raises:
        WrongSchemaError: a later release migrated it and does not admit this one; or `theseller
            migrate` of this release was not run.
    """
    try:
        applied = frozenset(sql_execution.rows(connections[using], _APPLIED))
    except ProgrammingError:
        # Before the first migrate the table is missing, or this role may not read it yet.
        raise WrongSchemaError(_older("")) from None
    _refuse(applied, stated_release(connections[using]))


def refuse_other_schema_of(database: psycopg.Connection[Any]) -> None:
    """Check as `refuse_other_schema`, for an open session.

    Raises:
        WrongSchemaError: this program may not run on it.
    """
    _refuse(_applied(database), stated_release(database))


def refuse_newer_schema(database: psycopg.Connection[Any]) -> None:
    """Check that no later release migrated `database`.

    For `migrate`, which no release admits on its schema: an earlier one would take the rights of
    the later tables away. The database may be empty or older.

    Raises:
        WrongSchemaError: one did.
    """
    stated, unknown = stated_release(database), _applied(database) - known_migrations()
    if unknown or (stated is not None and stated.is_newer):
        raise WrongSchemaError(_newer(unknown, stated))


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


def _refuse(applied: frozenset[tuple[str, str]], stated: StatedRelease | None) -> None:
    unknown, missing = applied - known_migrations(), known_migrations() - applied
    if stated is not None and stated.is_newer:
        if not stated.admits:
            raise WrongSchemaError(_newer(unknown, stated))
    elif unknown:
        raise WrongSchemaError(_newer(unknown, stated))
    if missing:
        raise WrongSchemaError(_older(f" (missing: {_names(missing)})"))
    if stated is None or stated.release < RELEASE:
        raise WrongSchemaError(_older(f" (release {RELEASE})"))


def _newer(unknown: frozenset[tuple[str, str]], stated: StatedRelease | None) -> str:
    if stated is None or not stated.is_newer:
        why = f"unknown here: {_names(unknown)}"
    else:
        why = (
            f"release {stated.release}, on which programs of release {stated.oldest} and later"
            f" may run; this is release {RELEASE}"
        )
    return (
        f"this database was migrated by a newer version of TheSeller ({why}): run that version, or"
        " restore a backup made before its `theseller migrate`. Nothing was read or changed"
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
