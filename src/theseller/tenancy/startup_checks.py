"""What must hold of the database before a process serves anybody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import OperationalError, connections
from django.db.backends.utils import CursorWrapper
from psycopg import Connection

from theseller.crypto.errors import SecretNotFoundError

_MEMBERSHIPS = "select current_user, bool_or(rolsuper), bool_or(rolbypassrls) from pg_roles where pg_has_role(current_user, oid, 'member')"


class UnsafeDatabaseRoleError(RuntimeError):
    """This process would connect with a role that row security does not bind."""


class WrongDatabaseError(RuntimeError):
    """This database belongs to another environment, or to none yet."""


def refuse_unsafe_database(using: str = "default") -> None:
    """Do every check that a serving process needs. Raises UnsafeDatabaseRoleError, WrongDatabaseError."""
    refuse_bypassing_role(using)
    refuse_late_comparison(using)
    refuse_other_environment(settings.ENVIRONMENT.kind.value, using)


def refuse_bypassing_role(using: str = "default") -> None:
    """Raise UnsafeDatabaseRoleError if the role of connection `using` is a superuser, bypasses row security or can become such a role."""
    with _connected(using) as cursor:
        cursor.execute(_MEMBERSHIPS)
        found = cursor.fetchone()
    _refuse_bypassing(*found)


def refuse_bypassing_session(database: Connection[Any]) -> None:
    """Raise UnsafeDatabaseRoleError as `refuse_bypassing_role` does, for a session that is open."""
    _refuse_bypassing(*(database.execute(_MEMBERSHIPS).fetchone() or ("", True, True)))


def _refuse_bypassing(role: str, *reasons: bool) -> None:
    if any(reasons):
        raise UnsafeDatabaseRoleError(
            f"database role {role} bypasses row security (superuser or BYPASSRLS, itself or by membership); "
            "connect as theseller_web or theseller_worker, with the grants of postgres/sql/grants.sql"
        )


def refuse_late_comparison(using: str = "default") -> None:
    """Raise UnsafeDatabaseRoleError if the server evaluates conditions of a statement before it compares rows with the ticket.

    An upgrade of the server or a database made of a dump has the comparison's cost of a new server (decision 0004).
    """
    with _connected(using) as cursor:
        cursor.execute("select procost = 0 from pg_catalog.pg_proc where oid = 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure")
        found = cursor.fetchone()
    if not found or not found[0]:
        raise UnsafeDatabaseRoleError(
            "tenant isolation is not complete on this server: a condition of a statement may be evaluated before the tenant's ticket."
            " `theseller migrate`, with the server's superuser, sets it right; a server without one for us is not supported"
        )


@contextmanager
def _connected(using: str) -> Iterator[CursorWrapper]:
    """Open a cursor, or raise UnsafeDatabaseRoleError that names the role that the database does not let in."""
    try:
        cursor = connections[using].cursor()
    except (OperationalError, SecretNotFoundError) as error:
        role = connections[using].settings_dict["USER"]
        raise UnsafeDatabaseRoleError(
            f"no connection to the database as {role}: {error}. If the database runs, `theseller migrate` makes the roles and passwords of"
            " this version"
        ) from error
    with cursor:
        yield cursor


def refuse_other_environment(environment: str, using: str = "default") -> None:
    """Raise WrongDatabaseError if the database of connection `using` was not migrated for `environment`."""
    with connections[using].cursor() as cursor:
        cursor.execute("select to_regclass('guard.deployment') is not null")
        known = cursor.fetchone()[0]
        row = None
        if known:
            cursor.execute("select environment from guard.deployment")
            row = cursor.fetchone()
    _refuse(None if row is None else row[0], environment)


def claim_database(database: Connection[Any], environment: str, *, at: datetime) -> None:
    """Write into a database that belongs to no environment yet that it is `environment`'s. The connection is a superuser's.

    Raises:
        WrongDatabaseError: it belongs to another one already.
    """
    database.execute("insert into guard.deployment (environment, set_at) values (%s, %s) on conflict do nothing", [environment, at])
    refuse_foreign_database(database, environment)


def refuse_foreign_database(database: Connection[Any], environment: str) -> None:
    """Raise WrongDatabaseError if the database belongs to another environment; one that is empty or new belongs to nobody yet."""
    known = database.execute("select to_regclass('guard.deployment') is not null").fetchone()
    row = database.execute("select environment from guard.deployment").fetchone() if known and known[0] else None
    if row is not None:
        _refuse(row[0], environment)


def _refuse(found: str | None, environment: str) -> None:
    if found is None:
        raise WrongDatabaseError("this database does not say which environment it belongs to: run `theseller migrate` first")
    if found != environment:
        raise WrongDatabaseError(
            f"this database belongs to the environment {found!r}, and this process runs as {environment!r}:"
            " look at DATABASE_URL and THESELLER_ENV. Nothing was read or changed"
        )
