"""Which release this program is, and which releases may run on its schema.

`theseller migrate` states both numbers in the database, so that a program of an earlier release
knows whether it may go on there, and may come back after a rollback (decision 0026).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connections
from psycopg import Connection

from theseller.lib import sql_execution

#: Number of this release: one more than that of the release that was recorded last
#: (docs/develop/migrations.md).
RELEASE = 2
#: The oldest release whose programs may run on this release's schema: the one before at the latest.
OLDEST_RELEASE = 1

# By way of JSON: an older database lacks the columns, and a column that is missing is an error.
_STATED = (
    "select (to_jsonb(d) ->> 'schema_release')::int, (to_jsonb(d) ->> 'oldest_release')::int from"
    " guard.deployment d"
)
_EXISTS = "select to_regclass('guard.deployment') is not null"
_HAS_COLUMNS = (
    "select exists (select from pg_attribute where attrelid = to_regclass('guard.deployment') and"
    " attname = 'schema_release' and not attisdropped)"
)


@dataclass(frozen=True, slots=True)
class StatedRelease:
    """The release of a schema, and the oldest whose programs may run on it."""

    release: int
    oldest: int

    @property
    def is_newer(self) -> bool:
        """Return whether a later release migrated the database."""
        return self.release > RELEASE

    @property
    def admits(self) -> bool:
        """Return whether this program may run on the database of a later release."""
        return self.is_newer and self.oldest <= RELEASE


def stated_release(database: sql_execution.Database) -> StatedRelease | None:
    """Return what the database states, None if it states nothing."""
    if not sql_execution.value(database, _EXISTS):
        return None
    row = sql_execution.one(database, _STATED)
    if row is None or row[0] is None or row[1] is None:
        return None
    return StatedRelease(int(row[0]), int(row[1]))


def schema_is_newer(using: str = "default") -> bool:
    """Return whether a later release migrated the database.

    An earlier program doesn't know every table there: it must not certify an erasure, judge the
    schema, or rehearse a restore.
    """
    stated = stated_release(connections[using])
    return stated is not None and stated.is_newer


def state_release(database: Connection[Any]) -> None:
    """State this program's release in the database.

    Nothing is done before the migration that adds the columns. Called before the first migration
    as well, since programs of the release before check the database while the migrations run.
    `database` is the administrator's connection.
    """
    if sql_execution.value(database, _HAS_COLUMNS):
        database.execute(
            "update guard.deployment set schema_release = %s, oldest_release = %s where"
            " (schema_release, oldest_release) is distinct from (%s, %s)",
            [RELEASE, OLDEST_RELEASE, RELEASE, OLDEST_RELEASE],
        )
