"""Checks of the database before a process serves requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import OperationalError, ProgrammingError, connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege

from theseller.crypto.errors import SecretNotFoundError
from theseller.postgres.role_setup import CROSS_TENANT_ROLES
from theseller.tenancy.database_environment import refuse_other_environment

_MEMBERSHIPS = (
    "select current_user, bool_or(rolsuper), bool_or(rolbypassrls or rolname = any(%s)) from"
    " pg_roles where pg_has_role(current_user, oid, 'member')"
)
_FREE_COMPARISON = (
    "select procost = 0 from pg_catalog.pg_proc where oid ="
    " 'pg_catalog.uuid_eq(uuid,uuid)'::regprocedure"
)
#: A condition that PostgreSQL knows to be leakproof and to cost nothing, and that no row meets: if
#: it is evaluated before the policies, no row reaches them, and the missing ticket is no error.
_CONDITION_BEFORE_POLICIES = (
    "select from guard.isolation_probe where (array[tenant_id])[2] is not null"
)


class UnsafeDatabaseRoleError(RuntimeError):
    """The process would use a role that row security does not bind."""


class ConnectionPoolerError(RuntimeError):
    """A connection pooler answers in the place of the database."""


def refuse_unsafe_database(using: str = "default") -> None:
    """Run every check that a serving process needs.

    Raises:
        ConnectionPoolerError, UnsafeDatabaseRoleError, WrongDatabaseError: a check failed.
    """
    refuse_pooler(using)
    refuse_bypassing_role(using)
    refuse_late_comparison(using)
    refuse_other_environment(settings.ENVIRONMENT.kind.value, using)


def refuse_pooler(using: str = "default") -> None:
    """Check that the connection is one session of the database.

    Raises:
        ConnectionPoolerError: a pooler is between. Tickets, settings, locks and notifications
            belong to a session, which it may change after each transaction.
    """
    with _connected(using):
        refuse_pooled_session(connections[using].connection)


def refuse_pooled_session(database: Connection[Any]) -> None:
    """Check as `refuse_pooler`, for an open connection.

    A server says at the start of a connection which of its processes answers. A pooler says its
    own number, so that it can cancel a statement in whichever session then has it.
    """
    row = database.execute("select pg_backend_pid()").fetchone()
    if row is None or row[0] != database.info.backend_pid:
        raise ConnectionPoolerError(
            "a connection pooler is between this process and the database, such as PgBouncer,"
            " Supavisor or RDS Proxy: name the server's own address in DATABASE_URL"
        )


def refuse_bypassing_role(using: str = "default") -> None:
    """Check that the role can't bypass row security.

    Raises:
        UnsafeDatabaseRoleError: it is a superuser, has BYPASSRLS or can become such a role.
    """
    with _connected(using) as cursor:
        cursor.execute(_MEMBERSHIPS, [list(CROSS_TENANT_ROLES)])
        found = cursor.fetchone()
    _refuse_bypassing(*found)


def refuse_bypassing_session(database: Connection[Any]) -> None:
    """Check as `refuse_bypassing_role`, for an open session.

    Raises:
        UnsafeDatabaseRoleError: the role can bypass row security.
    """
    found = database.execute(_MEMBERSHIPS, [list(CROSS_TENANT_ROLES)]).fetchone()
    _refuse_bypassing(*(found or ("", True, True)))


def _refuse_bypassing(role: str, *reasons: bool) -> None:
    if any(reasons):
        raise UnsafeDatabaseRoleError(
            f"database role {role} bypasses row security (superuser or BYPASSRLS, itself or by"
            " membership); connect as theseller_web or theseller_worker, with the grants of"
            " postgres/sql/grants.sql"
        )


def refuse_late_comparison(using: str = "default") -> None:
    """Check that the tenant's ticket is compared before other conditions.

    A server upgrade or a restored dump resets the comparison's cost to a new server's (decision
    0004). Without a superuser the order comes from the policies, and it is tried (decision 0023).

    Raises:
        UnsafeDatabaseRoleError: it is not.
    """
    with _connected(using) as cursor:
        if compares_first(cursor):
            return
    raise UnsafeDatabaseRoleError(
        "tenant isolation is not complete on this server: a condition of a statement may be"
        " evaluated before the tenant's ticket. `theseller migrate`, with the server's"
        " administrator, sets it right"
    )


def compares_first(cursor: CursorWrapper) -> bool:
    """Return whether policies precede every condition of a statement.

    `cursor` is of a role that row security binds, in no transaction that has a ticket. Where the
    comparison has a cost, that is tried on two rows; the roles of accounts and operators may not
    read these, and have the same policies.
    """
    cursor.execute(_FREE_COMPARISON)
    found = cursor.fetchone()
    if found and found[0]:
        return True
    cursor.execute(
        "select has_any_column_privilege('guard.isolation_probe', 'select'), exists (select from"
        " pg_policy where polrelid = 'guard.isolation_probe'::regclass and polname = 'across')"
    )
    readable, without_superuser = cursor.fetchone()
    if not readable or not without_superuser:
        return bool(without_superuser)
    try:
        with transaction.atomic(using=cursor.db.alias):
            cursor.execute("set local enable_indexscan = off; set local enable_bitmapscan = off")
            cursor.execute(_CONDITION_BEFORE_POLICIES)
    except ProgrammingError as error:
        if isinstance(error.__cause__, InsufficientPrivilege):
            return "no tenant scope is open" in str(error)
        raise
    return False


@contextmanager
def _connected(using: str) -> Iterator[CursorWrapper]:
    """Open a cursor.

    Raises:
        UnsafeDatabaseRoleError: no connection; the message names the role.
    """
    try:
        cursor = connections[using].cursor()
    except (OperationalError, SecretNotFoundError) as error:
        role = connections[using].settings_dict["USER"]
        raise UnsafeDatabaseRoleError(
            f"no connection to the database as {role}: {error}. If the database runs, `theseller"
            " migrate` makes the roles and passwords of this version"
        ) from error
    with cursor:
        yield cursor
