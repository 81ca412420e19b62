"""`theseller migrate`: bring the database to this version.

Roles, tables, grants and the guard's key.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from theseller.audit.command_line_action_file import record_command_line_action
from theseller.audit.event_types import Tag
from theseller.cli.deployment_secrets import (
    ensure_secrets,
    passwords_in_use,
    role_passwords,
    stores_keys_on_this_host_only,
    ticket_keys_in_use,
)
from theseller.cli.django_setup import setup_django, try_connection
from theseller.cli.embedded_server_preparation_and_roles import apply_roles, embedded_server
from theseller.cli.errors import USAGE, CommandError
from theseller.cli.external_postgres_inspection import inspect_server
from theseller.cli.interrupted_move import recover, refuse_other_configuration
from theseller.cli.state_folders import make_state_folder, state_folder
from theseller.config.environment import read_environment_kind, uses_external_server
from theseller.lib import clock
from theseller.postgres.other_deployment_check import (
    ForeignServerError,
    lock_roles,
    refuse_foreign_roles,
)
from theseller.postgres.role_setup import QUARANTINE, ensure_roles
from theseller.postgres.server_folders import saved_layout

HELP = "migrate the database to this version: roles, tables, grants"
#: Characters of a reason, as for a legal hold.
_REASON = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--quiet`, and `--take-over` with its reason."""
    parser.add_argument("--quiet", action="store_true", help="print nothing on success")
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="replace the passwords of the server's roles even if another deployment uses them",
    )
    parser.add_argument(
        "--reason",
        default="",
        metavar="TEXT",
        help=f"with --take-over: the reason for the log, at least {_REASON} characters",
    )


def run(args: argparse.Namespace) -> int:
    """Migrate the embedded or the external database; return 0.

    Raises:
        CommandError: the arguments are incomplete, or the server cannot be used.
    """
    verbosity = 0 if args.quiet else 1
    if args.take_over and (
        len(args.reason.strip()) < _REASON or not os.environ.get("DATABASE_URL")
    ):
        raise CommandError(
            "--take-over is for an external server (DATABASE_URL), and needs a reason for the audit"
            " log.",
            f"Say why in at least {_REASON} characters: --reason TEXT",
            status=USAGE,
        )
    if (interrupted := recover(state_folder(os.environ), say=print)) is not None:
        refuse_other_configuration(interrupted)
    if os.environ.get("DATABASE_URL"):
        migrate_external(
            os.environ["DATABASE_URL"],
            verbosity,
            taking_over=args.reason.strip() if args.take_over else "",
        )
        _try_own_address()
        return 0
    server = embedded_server(state_folder(os.environ), purpose="theseller migrate", say=print)
    with server.running():
        # The first migrate makes the database later; and after an interrupted rotation of the
        # superuser, apply_roles settles its password.
        with contextlib.suppress(psycopg.OperationalError):
            _refuse_newer(server.superuser_dsn("theseller"))
        apply_roles(server)
        _migrate(server.superuser_dsn("theseller"), verbosity)
    return 0


def _try_own_address() -> None:
    """Connect by DATABASE_URL, as the services will.

    THESELLER_ADMIN_URL may name another address of the same server.

    Raises:
        CommandError: a connection pooler answers there.
    """
    from theseller.tenancy.database_startup_checks import ConnectionPoolerError

    try:
        try_connection()
    except ConnectionPoolerError:
        raise CommandError(
            "A connection pooler answers at the address of DATABASE_URL, so no service would start."
            " Roles and tables are made.",
            "Name the server's own address in DATABASE_URL, and run it again.",
        ) from None


def migrate_moved(superuser_dsn: str) -> None:
    """Migrate the embedded database after its rows came from an external one.

    An embedded database belongs to its state folder, so no folder is recorded in it.
    """
    from theseller.tenancy.state_folder_identity import claim_files

    _migrate(superuser_dsn, 0)
    with psycopg.connect(superuser_dsn, autocommit=True) as superuser:
        claim_files(superuser, "", at=clock.now())


def migrate_external(database_url: str, verbosity: int, *, taking_over: str = "") -> None:
    """Migrate an external server.

    The services' own roles may change no table and no role: the server's superuser is passed for
    this call only.
    """
    server = inspect_server(os.environ, urlsplit(database_url).path.strip("/"))
    admin, database, state = server.dsn, server.database, state_folder(os.environ)
    quarantined = database.startswith(QUARANTINE) and _is_quarantine(admin, state)
    foreign = None if quarantined else _foreign(admin, database, state)
    if foreign is not None and not taking_over:
        raise foreign
    passwords = passwords_in_use(state)
    make_state_folder(state)
    secrets = ensure_secrets(state)
    # Before any change: roles, passwords and log of a newer version stay as they are.
    if server.owner:
        _refuse_newer(server.target)
    if foreign is not None:
        details = {"reason": taking_over, "what": "the passwords of a server's roles"}
        record_command_line_action(
            state,
            Tag.ROTATION_FORCED,
            subject=f"database:{database}",
            at=clock.now(),
            details=details,
        )

    def check(superuser: psycopg.Connection[tuple[object, ...]]) -> None:
        lock_roles(superuser)
        if not quarantined and foreign is None:
            refuse_foreign_roles(superuser, passwords, secrets_at=str(state))

    ensure_roles(
        admin,
        role_passwords(secrets),
        database=database,
        external=uses_external_server(os.environ),
        check=check,
    )
    if verbosity:
        server.report_changes(print)
    _migrate(server.target, verbosity)
    if not quarantined:
        _claim_files(server.target, state)


def _is_quarantine(admin: str, state: Path) -> bool:
    """Return whether this is the server of a restore or a drill.

    Its roles and keys are those of the backup's time.
    """
    layouts = [
        saved_layout(folder) for name in ("restore", "drill") if (folder := state / name).is_dir()
    ]
    return str(conninfo_to_dict(admin).get("host", "")) in {
        str(layout.run) for layout in layouts if layout is not None
    }


def _foreign(admin: str, database: str, state: Path) -> Exception | None:
    """Check whose the server and its database are, and change nothing.

    Returns:
        A refusal that `--take-over` overrules, or None if both are this deployment's.

    Raises:
        WrongDatabaseError: the database belongs to another environment, which cannot be overruled.
    """
    from theseller.tenancy.database_environment import WrongDatabaseError, refuse_foreign_database
    from theseller.tenancy.state_folder_identity import (
        OtherHostError,
        folder_identity,
        refuse_other_folder,
    )
    from theseller.tenancy.tenant_ticket_key_installation import refuse_foreign_keys

    passwords, keys = passwords_in_use(state), ticket_keys_in_use(state)
    with psycopg.connect(admin, autocommit=True) as superuser:
        there = (
            superuser.execute("select from pg_database where datname = %s", [database]).fetchone()
            is not None
        )
        refusal: Exception | None = None
        try:
            refuse_foreign_roles(superuser, passwords, secrets_at=str(state))
        except ForeignServerError as error:
            refusal = error
    if there:
        with psycopg.connect(make_conninfo(admin, dbname=database), autocommit=True) as superuser:
            refuse_foreign_database(superuser, read_environment_kind(os.environ).value)
            try:
                refuse_foreign_keys(superuser, keys)
                if stores_keys_on_this_host_only(state):
                    refuse_other_folder(superuser, folder_identity(state))
            except (WrongDatabaseError, OtherHostError) as error:
                refusal = refusal or error
    return refusal


def _claim_files(superuser_dsn: str, state: Path) -> None:
    """Record in the database which state folder has the secrets and keys.

    If the database is not external, or they are in no files, the record is cleared.
    """
    from theseller.tenancy.state_folder_identity import claim_files, folder_identity

    identity = folder_identity(state, make=True) if stores_keys_on_this_host_only(state) else ""
    with psycopg.connect(superuser_dsn, autocommit=True) as superuser:
        claim_files(superuser, identity, at=clock.now())


def _refuse_newer(superuser_dsn: str) -> None:
    """Check that no newer version migrated this database.

    Raises:
        WrongSchemaError: one did. Not even a role is changed then.
    """
    setup_django("migrate", schema=False)
    from theseller.tenancy.schema_version_check import refuse_newer_schema

    with psycopg.connect(superuser_dsn) as superuser:
        refuse_newer_schema(superuser)


def _migrate(superuser_dsn: str, verbosity: int) -> None:
    setup_django("migrate", schema=False)
    from theseller.config.migrate import migrate

    migrate(superuser_dsn, at=clock.now(), verbosity=verbosity)
