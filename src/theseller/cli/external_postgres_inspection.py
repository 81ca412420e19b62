"""The external server that `theseller migrate` prepares.

How it is reached, what it must be, and what it contains already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from theseller.cli.errors import CommandError
from theseller.lib.database_failures import classify
from theseller.postgres.role_setup import OWNER

#: The oldest PostgreSQL that is supported, as `server_version_num`.
VERSION_MIN = 150_000
#: The oldest for an administrator who is no superuser (decision 0023).
VERSION_MIN_WITHOUT_SUPERUSER = 170_000
#: Lines of `report_changes`: `theseller setup` shows them, too.
NO_SUPERUSER = "the administrator is no superuser"
DATABASE_ADMINISTRATORS = "THESELLER_DATABASE_ADMINISTRATORS"
#: The roles of others that the comparison of rights reports unless they are declared (rights.sql).
_ADMINISTRATORS = """
select rolname from pg_roles
where oid <> 10 and not starts_with(rolname, 'theseller_') and not starts_with(rolname, 'pg_')
  and (rolcanlogin or rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls)
order by 1
"""
#: Databases that exist on nearly every server, to connect to while ours does not.
_MAINTENANCE_DATABASES = ("postgres", "template1")
_EXAMPLE = (
    "THESELLER_ADMIN_URL='postgresql://postgres@HOST/?sslmode=verify-full' (password in PGPASSWORD)"
)


@dataclass(frozen=True, slots=True)
class ExternalServer:
    """What was found on the server.

    `dsn` is the administrator's connection string, to a database that exists; `owner` is the role
    that owns our database, "" if there is none yet; `superuser`: the administrator is one;
    `administrators` are the server's roles that THESELLER_DATABASE_ADMINISTRATORS has to name.
    """

    dsn: str
    database: str
    roles: bool
    owner: str
    superuser: bool = True
    administrators: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """The administrator's connection string of our database.

        The database may not exist yet.
        """
        return make_conninfo(self.dsn, dbname=self.database)

    def report_changes(self, say: Callable[[str], None]) -> None:
        """Say what preparing it made that was not there, and what it lacks."""
        if not self.roles:
            say("created the roles of TheSeller")
        if not self.owner:
            say(f"created the database {self.database}")
        elif self.owner != OWNER:
            say(f"the database {self.database} belongs to {OWNER} now; before, to {self.owner}")
        if not self.superuser:
            say(f"{NO_SUPERUSER}: docs/operate/managed-database.md says what differs")
            say(f"{DATABASE_ADMINISTRATORS}={','.join(self.administrators)}")


def inspect_server(environ: Mapping[str, str], database: str) -> ExternalServer:
    """Connect as the administrator of THESELLER_ADMIN_URL and change nothing.

    The URL may name our database, though it does not exist yet, or another, or none.

    Raises:
        CommandError: there is no such URL, or it would send a password unencrypted; the server is
            too old; the role may not make roles; or the database contains something else.
        psycopg.Error: the server cannot be reached.
    """
    admin = environ.get("THESELLER_ADMIN_URL", "")
    if not admin:
        raise CommandError(
            "DATABASE_URL names an external server, and migrating it needs its administrator.",
            f"Give it for this one command: {_EXAMPLE}",
        )
    _refuse_plain(admin, environ)
    dsn, found = _connect(admin, database)
    with found as connection:
        _refuse_pooler(connection)
        superuser = _check_administrator(connection)
        (owner,) = _row(
            connection,
            "select (select pg_get_userbyid(datdba)::text from pg_database where datname = %s)",
            database,
        )
        (roles,) = _row(
            connection, "select exists (select from pg_roles where rolname = %s)", OWNER
        )
        administrators = connection.execute(_ADMINISTRATORS).fetchall()
    server = ExternalServer(
        dsn, database, bool(roles), str(owner or ""), superuser,
        tuple(str(name) for (name,) in administrators),
    )  # fmt: skip
    if owner and owner != OWNER:
        _refuse_used(server)
    return server


def _refuse_pooler(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    from theseller.tenancy.database_startup_checks import (
        ConnectionPoolerError,
        refuse_pooled_session,
    )

    try:
        refuse_pooled_session(connection)
    except ConnectionPoolerError:
        raise CommandError(
            "A connection pooler answers at the address of THESELLER_ADMIN_URL. Nothing was"
            " changed.",
            "Name the server's own address, here and in DATABASE_URL.",
        ) from None


def _check_administrator(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether the administrator is a superuser.

    Raises:
        CommandError: the server is too old, or the role may not do what is needed.
    """
    version, superuser, role, may_make = _row(
        connection,
        "select current_setting('server_version_num')::int, rolsuper, rolname, rolcreaterole and"
        " rolcreatedb from pg_roles where rolname = current_user",
    )
    major = int(str(version)) // 10_000
    if int(str(version)) < VERSION_MIN:
        raise CommandError(
            f"The server is PostgreSQL {major}; TheSeller needs {VERSION_MIN // 10_000} or newer."
            " Nothing was changed.",
            "Upgrade it, or name another server in DATABASE_URL.",
        )
    if superuser:
        return True
    if int(str(version)) < VERSION_MIN_WITHOUT_SUPERUSER:
        raise CommandError(
            f"The role {role} of THESELLER_ADMIN_URL is not a superuser, and the server is"
            f" PostgreSQL {major}. Nothing was changed.",
            f"Without a superuser, PostgreSQL {VERSION_MIN_WITHOUT_SUPERUSER // 10_000} or newer is"
            " needed: on older ones tenant isolation would not be complete. Upgrade the server, or"
            " name its superuser.",
        )
    if not may_make:
        raise CommandError(
            f"The role {role} of THESELLER_ADMIN_URL may not make roles and databases. Nothing was"
            " changed.",
            "It needs CREATEROLE and CREATEDB. `theseller postgres administrator-sql` prints what"
            " makes such a role.",
        )
    _refuse_roles_of_another(connection, str(role))
    return False


def _refuse_roles_of_another(
    connection: psycopg.Connection[tuple[object, ...]], administrator: str
) -> None:
    """Check that this administrator may change the roles that are there.

    Raises:
        CommandError: another made them, so it may not.
    """
    (foreign,) = _row(
        connection,
        "select string_agg(quote_ident(r.rolname), ', ' order by r.rolname) from pg_roles r where"
        " starts_with(r.rolname, 'theseller_') and r.rolname <> current_user and not exists (select"
        " from pg_auth_members m where m.roleid = r.oid and m.admin_option and"
        " pg_has_role(current_user, m.member, 'usage'))",
    )
    if foreign:
        raise CommandError(
            f"The role {administrator} of THESELLER_ADMIN_URL did not make the roles {foreign} and"
            " may not change them. Nothing was changed.",
            "Name the administrator who made them, or have it run: grant"
            f" {foreign} to {administrator} with admin option;",
        )


def _refuse_plain(admin: str, environ: Mapping[str, str]) -> None:
    try:
        given = conninfo_to_dict(admin)
    except psycopg.Error:
        raise CommandError(
            "THESELLER_ADMIN_URL can't be read.", f"Write it like this: {_EXAMPLE}"
        ) from None
    host = str(given.get("host") or environ.get("PGHOST") or "/")
    if (
        not host.startswith(("/", "@"))
        and (given.get("sslmode") or environ.get("PGSSLMODE")) != "verify-full"
    ):
        raise CommandError(
            "THESELLER_ADMIN_URL must say sslmode=verify-full, or name a Unix socket directory by"
            " ?host=/path.",
            "An administrator's password must not be sent to a server whose identity is not"
            " verified.",
        )


def _connect(admin: str, database: str) -> tuple[str, psycopg.Connection[tuple[object, ...]]]:
    """Connect to our database or, while it does not exist, to another."""
    wanted = str(conninfo_to_dict(admin).get("dbname") or database)
    missing: psycopg.Error | None = None
    for name in dict.fromkeys((wanted, *_MAINTENANCE_DATABASES)):
        dsn = make_conninfo(admin, dbname=name, connect_timeout=10)
        try:
            return dsn, psycopg.connect(dsn, autocommit=True)
        except psycopg.OperationalError as error:
            failure = classify(error)
            if failure is None or failure.reason != "database_missing":
                raise
            missing = missing or error
    raise missing or CommandError("The server has no database to connect to.")


def _refuse_used(server: ExternalServer) -> None:
    """Check that a database of another owner is empty.

    Raises:
        CommandError: it contains something that is not ours.
    """
    with psycopg.connect(server.target, autocommit=True) as connection:
        (used,) = _row(
            connection,
            "select to_regclass('guard.deployment') is null and exists (select from pg_class c join"
            " pg_namespace n on n.oid = c.relnamespace where n.nspname not in ('pg_catalog',"
            " 'information_schema', 'pg_toast') and n.nspname not like 'pg\\_temp%')",
        )
    if used:
        raise CommandError(
            f"The database {server.database} belongs to {server.owner} and contains data that is"
            " not TheSeller's. Nothing was changed.",
            "Name another in DATABASE_URL: `theseller migrate` makes it.",
        )


def _row(
    connection: psycopg.Connection[tuple[object, ...]], query: str, *parameters: object
) -> tuple[object, ...]:
    row = connection.execute(query.encode(), parameters or None).fetchone()
    if row is None:
        raise CommandError("The server does not say who is connected.")
    return row
