"""`theseller migrate`: brings the database to this version: roles, tables, grants, the guard's key."""

from __future__ import annotations

import argparse
import contextlib
import os
from urllib.parse import urlsplit

import psycopg

from theseller.cli.django import setup_django
from theseller.cli.embedded import apply_roles, embedded_server
from theseller.cli.errors import CommandError
from theseller.cli.paths import make_state_folder, state_folder
from theseller.cli.secrets import ensure_secrets, role_passwords
from theseller.config.environment import uses_external_server
from theseller.lib import clock
from theseller.postgres.roles import ensure_roles

HELP = "bring the database to this version: roles, tables, grants"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="say nothing when all went well")


def run(args: argparse.Namespace) -> int:
    verbosity = 0 if args.quiet else 1
    if os.environ.get("DATABASE_URL"):
        _external(os.environ["DATABASE_URL"], verbosity)
        return 0
    server = embedded_server(state_folder(os.environ), purpose="theseller migrate", say=print)
    with server.running():
        _refuse_newer(server.superuser_dsn("theseller"))
        apply_roles(server)
        _migrate(server.superuser_dsn("theseller"), verbosity)
    return 0


def _external(database_url: str, verbosity: int) -> None:
    """The services' own roles may change no table and no role; whoever migrates an external server lends its superuser for it."""
    admin = os.environ.get("THESELLER_ADMIN_URL", "")
    if not admin:
        raise CommandError(
            "DATABASE_URL names an external server, and migrating it needs its superuser.",
            "Give it for this one command: THESELLER_ADMIN_URL=postgresql://postgres@HOST/DATABASE?sslmode=verify-full (password in ~/.pgpass)",
        )
    state = state_folder(os.environ)
    make_state_folder(state)
    ensure_roles(
        admin,
        role_passwords(ensure_secrets(state)),
        database=urlsplit(database_url).path.strip("/"),
        external=uses_external_server(os.environ),
    )
    _migrate(admin, verbosity)


def _refuse_newer(superuser_dsn: str) -> None:
    """Raise WrongSchemaError if a newer version migrated this database: not even a role is changed then."""
    setup_django("migrate", schema=False)
    from theseller.tenancy.schema_version import refuse_newer_schema  # noqa: PLC0415  needs Django ready

    # The first migrate makes the database later; and after an interrupted rotation of the superuser, apply_roles settles its password.
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(superuser_dsn) as superuser:
        refuse_newer_schema(superuser)


def _migrate(superuser_dsn: str, verbosity: int) -> None:
    setup_django("migrate", schema=False)
    from theseller.config.migration import migrate  # noqa: PLC0415  needs Django ready

    migrate(superuser_dsn, at=clock.now(), verbosity=verbosity)
