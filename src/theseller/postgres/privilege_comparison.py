"""Compare the database's privileges with the expected list.

`sql/rights.txt` is the list: what `grants.sql`, `roles.sql`, `database.sql` and the migrations
grant in a new database. A test creates one and compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol


class Cursor(Protocol):
    """What psycopg's and Django's cursors have in common."""

    # each library names its own types
    def execute(self, query: Any, parameters: Any = None, /) -> object:  # noqa: ANN401
        """Run a statement."""

    def fetchall(self) -> list[Any]:
        """Return all rows."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Privileges that are granted and must not be, and missing ones."""

    extra: tuple[str, ...]
    missing: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.extra or self.missing)


def read_rights(cursor: Cursor, *, administrators: Sequence[str] = ()) -> tuple[str, ...]:
    """Return every privilege in the database of `cursor`, a sentence each.

    Call it inside a transaction. `administrators` are roles besides the cluster's first superuser
    that the operator knows, such as a managed service's own.

    Raises:
        ValueError: one of these is a role of ours, which would hide its privileges, or contains a
            comma.
    """
    for name in administrators:
        if name.startswith("theseller_") or "," in name or not name:
            raise ValueError(
                "an administrator of the database is a role that is not TheSeller's, named without"
                " commas"
            )
    cursor.execute("select set_config('theseller.admins', %s, true)", [",".join(administrators)])
    cursor.execute(_file("rights.sql"))
    return tuple(row[0] for row in cursor.fetchall())


_CHECKPOINT = "role theseller_retention may become pg_checkpoint"
_WITH_INHERIT = ", and has its rights at once"
_MAINTAIN = f"role theseller_retention may become pg_maintain{_WITH_INHERIT}"
#: PostgreSQL 18 has a function of its own for this.
_CLEAR_SAMPLES = (
    (
        "function guard.clear_samples(relation regclass, inherited boolean) belongs to"
        " (administrator), and acts with its rights"
    ),
    (
        "theseller_retention may execute on function guard.clear_samples(relation regclass,"
        " inherited boolean)"
    ),
)
_BACKUP_ROLE = "role theseller_backup: may sign in, replicates, at most 4 connections"
_NO_BACKUP_ROLE = "role theseller_backup: at most 4 connections"


def expected_rights(
    *, server_version: int = 180_000, external: bool = False, superuser: bool = True
) -> tuple[str, ...]:
    """Return every privilege that must exist, and no other.

    `server_version` is PostgreSQL's `server_version_num`; `external`: the server is not the
    embedded one, so no backup role signs in; `superuser`: one prepared the database.
    """
    if not superuser:
        return _without_superuser()
    replaced: dict[str, str | None] = {}
    if server_version < 170_000:
        replaced[_MAINTAIN] = None
    if (
        server_version < 160_000
    ):  # A membership had no options of its own yet, and this role is NOINHERIT.
        replaced[_CHECKPOINT + _WITH_INHERIT] = _CHECKPOINT
    if external:
        replaced[_BACKUP_ROLE] = _NO_BACKUP_ROLE
    found = [
        right for line in _lines("rights.txt") if (right := replaced.get(line, line)) is not None
    ]
    return tuple(sorted([*found, *(_CLEAR_SAMPLES if server_version < 180_000 else ())]))


def _without_superuser() -> tuple[str, ...]:
    """Return `rights.txt` with the changes of `rights_without_superuser.txt`.

    These are the same on every version from 17 on: PostgreSQL's own roles give nothing.
    """
    changes = _lines("rights_without_superuser.txt")
    taken = {line.removeprefix("- ") for line in changes if line.startswith("- ")}
    given = {line.removeprefix("+ ") for line in changes if line.startswith("+ ")}
    return tuple(sorted((set(_lines("rights.txt")) - taken) | given))


def prepared_by_superuser(cursor: Cursor) -> bool:
    """Return whether a superuser prepared the database of `cursor`.

    Without one, each table of tenants has a third policy (`guard.protect`). That every table and
    role is of one kind is compared by the controls.
    """
    cursor.execute(
        "select not exists (select from pg_catalog.pg_policy where polname = 'across' and polrelid"
        " = 'guard.isolation_probe'::regclass)"
    )
    return bool(cursor.fetchall()[0][0])


def _lines(name: str) -> list[str]:
    return [line for line in _file(name).splitlines() if line and not line.startswith("#")]


def compare(found: Sequence[str], expected: Sequence[str]) -> Difference:
    """Return the unexpected and the missing privileges."""
    return Difference(
        tuple(sorted(set(found) - set(expected))), tuple(sorted(set(expected) - set(found)))
    )


def _file(name: str) -> str:
    return resources.files("theseller.postgres").joinpath("sql", name).read_text()
