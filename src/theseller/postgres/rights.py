"""Who may do what, as the live catalogue has it, and as it must be: `sql/rights.txt`, which `grants.sql`, `roles.sql`, `database.sql` and
the migrations make of a new database. A test makes one and compares, so the list can't say anything else than these files do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol


class Cursor(Protocol):
    """What psycopg's and Django's cursors have in common."""

    def execute(self, query: Any, parameters: Any = None, /) -> object:  # noqa: ANN401  each library names its own types
        """Run a statement."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Rights that somebody has and must not have, and the other way round; sentences, sorted."""

    extra: tuple[str, ...]
    missing: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.extra or self.missing)


def read_rights(cursor: Cursor, *, administrators: Sequence[str] = ()) -> tuple[str, ...]:
    """Return every right in the database of `cursor`, a sentence each. Call it inside a transaction.

    `administrators` are roles besides the cluster's first superuser that the operator knows of, such as a managed service's own.

    Raises:
        ValueError: a name of these is one of our roles, which would make all of its rights invisible, or holds a comma.
    """
    for name in administrators:
        if name.startswith("theseller_") or "," in name or not name:
            raise ValueError("an administrator of the database is a role that is not TheSeller's, named without commas")
    cursor.execute("select set_config('theseller.admins', %s, true)", [",".join(administrators)])
    cursor.execute(_file("rights.sql"))
    return tuple(row[0] for row in cursor.fetchall())


#: Rights to rewrite what was erased, which PostgreSQL 17 brought: `grants.sql` gives none of them before.
_SINCE_17 = frozenset(
    {
        "role theseller_retention may become pg_checkpoint, and has its rights at once",
        "role theseller_retention may become pg_maintain, and has its rights at once",
        "theseller_retention may execute on function pg_catalog.pg_switch_wal()",
    }
)


def expected_rights(*, server_version: int = 180_000) -> tuple[str, ...]:
    """Return every right that there must be, and no other. `server_version` is PostgreSQL's `server_version_num`."""
    lines = (line for line in _file("rights.txt").splitlines() if line and not line.startswith("#"))
    return tuple(line for line in lines if server_version >= 170_000 or line not in _SINCE_17)


def compare(found: Sequence[str], expected: Sequence[str]) -> Difference:
    """Return what is there too much, and what is missing."""
    return Difference(tuple(sorted(set(found) - set(expected))), tuple(sorted(set(expected) - set(found))))


def _file(name: str) -> str:
    return resources.files("theseller.postgres").joinpath("sql", name).read_text()
