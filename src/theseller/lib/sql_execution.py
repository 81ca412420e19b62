"""Run one SQL statement and return what it answers: the only such helper.

Each function takes anything with a `cursor()` context manager: `django.db.connections[alias]`
or a psycopg connection. It opens no transaction; run it inside the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Values = Sequence[Any] | Mapping[str, Any] | None


class Database(Protocol):
    """A connection of Django's or of psycopg's."""

    def cursor(self) -> Any:  # noqa: ANN401
        """Return a cursor that is a context manager."""


def rows(database: Database, statement: str, values: Values = None) -> list[Any]:
    """Run `statement` and return all rows, each a tuple."""
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[Any] = cursor.fetchall()
    return found


def one(database: Database, statement: str, values: Values = None) -> Any:  # noqa: ANN401
    """Run `statement` and return its first row as a tuple, or None."""
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


def value(database: Database, statement: str, values: Values = None) -> Any:  # noqa: ANN401
    """Run `statement` and return the first column of its first row.

    Raises:
        LookupError: the statement returned no row.
    """
    row = one(database, statement, values)
    if row is None:
        raise LookupError("the statement returned no row")
    return row[0]


def execute(database: Database, statement: str, values: Values = None) -> int:
    """Run `statement` and return how many rows it affected."""
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
