"""`theseller migrate`: brings the database to this version: roles (embedded server only), tables, grants."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import cast

import psycopg

from theseller.cli.django import setup_django
from theseller.cli.embedded import apply_roles, embedded_server
from theseller.cli.paths import state_folder
from theseller.postgres.roles import apply_grants

HELP = "bring the database to this version: roles, tables, grants"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="say nothing when all went well")


def run(args: argparse.Namespace) -> int:
    with contextlib.ExitStack() as stack:
        if not os.environ.get("DATABASE_URL"):
            server = embedded_server(state_folder(os.environ), purpose="theseller migrate", say=print)
            apply_roles(stack.enter_context(server.running()))
        migrate(verbosity=0 if args.quiet else 1)
    return 0


def migrate(*, verbosity: int) -> None:
    """Apply migrations and grants as theseller_migrate, which acts as the owner."""
    setup_django("migrate")
    from django.core.management import call_command  # noqa: PLC0415  needs Django ready
    from django.db import connection  # noqa: PLC0415  needs Django ready

    call_command("migrate", interactive=False, verbosity=verbosity)
    connection.ensure_connection()
    apply_grants(cast("psycopg.Connection[tuple[object, ...]]", connection.connection))
    connection.close()
