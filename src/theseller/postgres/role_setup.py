"""Create the database's roles and apply the grants.

Passwords are parameters: this package does not know where they are stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from importlib import resources

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from theseller.postgres.errors import ServerFailedError

DATABASE = "theseller"
#: Name prefix of a restored database until it is put in place.
QUARANTINE = "quarantine_"
OWNER = "theseller_owner"
# Short names, as secrets and command line have them (`db-web`, `postgres psql-as web`).
LOGIN_ROLES: Mapping[str, str] = {
    "migrate": "theseller_migrate",
    "web": "theseller_web",
    "worker": "theseller_worker",
    "retention": "theseller_retention",
    "probe": "theseller_probe",
    "backup": "theseller_backup",
    "pii": "theseller_pii",
    "auth": "theseller_auth",
    "operator": "theseller_operator",
}
#: Used with the embedded server only; elsewhere it can't sign in and doesn't replicate.
BACKUP = "backup"
#: Owners of the cross-tenant functions; no one can sign in as them.
_BYPASS_OWNERS = ("theseller_directory", "theseller_fingerprint", "theseller_requests")
#: The roles that see the rows of all tenants: by BYPASSRLS, or without a superuser by a policy.
CROSS_TENANT_ROLES = (*_BYPASS_OWNERS, LOGIN_ROLES["probe"])
#: Since this version a membership has its own INHERIT option.
_GRANTS_INHERIT = 160_000
# The message of SQLSTATE class 28 (invalid authorization).
_REFUSED = "password authentication failed"
#: The line of grants.sql in whose place the grants of the table descriptors are run.
_DECLARED = "-- {{ grants of the table descriptors }}"


def ensure_roles(
    superuser_dsn: str,
    passwords: Mapping[str, str],
    *,
    database: str = DATABASE,
    external: bool = False,
    check: Callable[[psycopg.Connection[tuple[object, ...]]], None] | None = None,
) -> None:
    """Create or restrict the roles, set passwords, create the database.

    Idempotent.

    Args:
        superuser_dsn: connection string of the administrator to any existing database: a
            superuser or, on an external server, a role with CREATEROLE and CREATEDB.
        passwords: one entry for each of `login_roles(external)`.
        database: the database's name.
        external: whether the server is not the embedded one.
        check: called first, in the transaction that changes the roles; what it raises leaves them
            unchanged.

    Raises:
        ServerFailedError: the superuser's password is not the cluster's.
    """
    roles = login_roles(external=external)
    missing = sorted(set(roles) - set(passwords))
    if missing:
        raise ValueError(f"no password for the roles {', '.join(missing)}")
    with _connect(superuser_dsn) as connection:
        with connection.transaction():
            if check is not None:
                check(connection)
            connection.execute(_script("roles.sql"))
            for short, role in roles.items():
                set_password(connection, role, passwords[short])
            if external:
                _lock_out_backup(connection)
        ensure_database(connection, database)
    close_database(superuser_dsn, database)


def _lock_out_backup(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    # Without a superuser it has no REPLICATION, and only who has that may take it.
    command = "alter role {} nologin {} password null"
    without = "noreplication" if is_superuser(connection) else ""
    connection.execute(
        sql.SQL(command).format(sql.Identifier(LOGIN_ROLES[BACKUP]), sql.SQL(without))
    )


def is_superuser(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether the role of this connection is a superuser."""
    row = connection.execute(
        "select rolsuper from pg_roles where rolname = current_user"
    ).fetchone()
    return row is not None and bool(row[0])


def login_roles(*, external: bool) -> dict[str, str]:
    """Return the roles that sign in, by short name.

    An external server has no backup role.
    """
    return {
        short: role for short, role in LOGIN_ROLES.items() if not (external and short == BACKUP)
    }


def close_database(superuser_dsn: str, database: str) -> None:
    """Restrict a database to our roles, and CREATE to its owner.

    Idempotent; a copy of a database needs it again.
    """
    with (
        _connect(make_conninfo(superuser_dsn, dbname=database)) as connection,
        connection.transaction(),
    ):
        connection.execute(_script("database.sql"))


def ensure_database(
    superuser: psycopg.Connection[tuple[object, ...]], database: str, *, template: str = "template0"
) -> None:
    """Create a database owned by the owner role, or change its owner.

    `superuser` must be in autocommit mode.
    """
    row = superuser.execute(
        "select pg_get_userbyid(datdba)::text from pg_database where datname = %s", [database]
    ).fetchone()
    if row is not None and row[0] != OWNER:
        superuser.execute(
            sql.SQL("alter database {} owner to {}").format(
                sql.Identifier(database), sql.Identifier(OWNER)
            )
        )
    if row is None:
        command = sql.SQL("create database {} owner {} template {}")
        superuser.execute(
            command.format(
                sql.Identifier(database), sql.Identifier(OWNER), sql.Identifier(template)
            )
        )


@contextlib.contextmanager
def bypass_functions_replaceable(
    connection: psycopg.Connection[tuple[object, ...]],
) -> Iterator[None]:
    """Let migrations replace the reviewed bypass functions for the block.

    grants.sql gives these functions owners of their own. A migration acts as the owner of the
    tables, who otherwise may not change a function of another owner. `connection` is the
    administrator's, in autocommit mode. If the process is killed inside, grants.sql revokes the
    right at the next `theseller migrate`.
    """
    found = connection.execute(
        "select distinct r.rolname from pg_proc p join pg_roles r on r.oid = p.proowner where"
        " r.rolname = any(%s)",
        [list(_BYPASS_OWNERS)],
    ).fetchall()
    roles = sql.SQL(", ").join(sql.Identifier(str(name)) for (name,) in found)
    if not found:  # The first migrate: everything is still the owner's.
        yield
        return
    by_grant = connection.info.server_version >= _GRANTS_INHERIT
    owner, option = (
        sql.Identifier(OWNER),
        sql.SQL(" with inherit true, set false" if by_grant else ""),
    )
    try:
        connection.execute(sql.SQL("grant {} to {}{}").format(roles, owner, option))
        if not by_grant:
            connection.execute(sql.SQL("alter role {} inherit").format(owner))
        yield
    finally:
        if not by_grant:
            connection.execute(sql.SQL("alter role {} noinherit").format(owner))
        connection.execute(sql.SQL("revoke {} from {}").format(roles, owner))


def apply_grants(connection: psycopg.Connection[tuple[object, ...]], declared: str) -> None:
    """Run grants.sql in one transaction, as the administrator of the database."""
    script = _script("grants.sql").decode()
    if script.count(_DECLARED) != 1:
        raise ValueError(f"grants.sql must say once where the descriptors' grants go: {_DECLARED}")
    with connection.transaction():
        connection.execute(script.replace(_DECLARED, declared).encode())


def set_password(
    connection: psycopg.Connection[tuple[object, ...]], role: str, password: str
) -> None:
    """Set a role's password by its SCRAM verifier.

    The server never sees the password.
    """
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    connection.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(verifier))
    )


def _connect(dsn: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        return psycopg.connect(dsn, autocommit=True)
    except psycopg.OperationalError as error:
        if _REFUSED not in str(error):
            raise
        raise ServerFailedError(
            "The database refuses its superuser's password: the secret db-superuser is not the one"
            " it was made with.",
            "Put the state folder's secrets/db-superuser back from its backup. For the demo: make"
            " demo-reset.",
        ) from None


def _script(name: str) -> bytes:
    return resources.files("theseller.postgres").joinpath("sql", name).read_bytes()
