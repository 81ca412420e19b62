"""`theseller postgres`: run, inspect or upgrade the embedded server.

It also opens psql as a database role, and prints the SQL that the administrator of an external
server runs for us.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
from pathlib import Path

from theseller.audit.command_line_action_file import record_command_line_action
from theseller.audit.event_types import Tag
from theseller.cli.administrator_role_sql import ADMINISTRATOR, administrator_sql
from theseller.cli.database_move import refuse_running
from theseller.cli.deployment_secrets import secret_provider
from theseller.cli.embedded_server_preparation_and_roles import apply_roles, embedded_server
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.cli.postgres_upgrade import upgrade
from theseller.cli.service_readiness import notify_ready
from theseller.cli.state_folders import is_state_folder, state_folder
from theseller.cli.supervisor import DatabaseService, StopRequestedError, Supervisor
from theseller.lib import clock
from theseller.postgres.binaries import find_binaries
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.os_processes import ProcessMark, stop_processes
from theseller.postgres.replaced_databases import delete_databases_of_other_majors
from theseller.postgres.role_setup import DATABASE, LOGIN_ROLES
from theseller.postgres.server_folders import (
    PORT,
    SERVER_LOG,
    control_folder,
    saved_layout,
    socket_directory,
)

HELP = "start, stop, query or upgrade the embedded PostgreSQL server; SQL for a managed one"
_PURPOSE = "theseller postgres start"
_AFTER_UPGRADE = """\
Now: 1. start database, web and worker: theseller doctor.
     2. the worker takes a new backup at once: `theseller backup list`. Backups from before are of
        the old version, and only its programs can restore them.
     3. the old database is in {aside}. It holds data that will be deleted later on:
        theseller postgres upgrade --remove-old, within seven days."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("start", help="run the server in the foreground until Ctrl-C")
    verbs.add_parser("stop", help="stop the server that `start` runs")
    status = verbs.add_parser(
        "status", help="show whether the server runs, and where; exits with 1 if it does not"
    )
    status.add_argument("--json", action="store_true", help="print one JSON document")
    upgrade_ = verbs.add_parser(
        "upgrade", help="copy the database into a new cluster of a newer major version, and switch"
    )
    upgrade_.add_argument(
        "--old-programs",
        type=Path,
        metavar="FOLDER",
        help="folder of the programs of the version that made the database, if they are not found",
    )
    upgrade_.add_argument(
        "--remove-old",
        action="store_true",
        help="delete the databases that earlier upgrades replaced, and do nothing else",
    )
    psql = verbs.add_parser("psql-as", help="open psql as a database role")
    psql.add_argument("role", choices=[*LOGIN_ROLES, "superuser"], help="the database role")
    psql.add_argument("arguments", nargs=argparse.REMAINDER, help="further arguments for psql")
    administrator = verbs.add_parser(
        "administrator-sql",
        help="print SQL that gives TheSeller an administrator of its own on a managed server",
    )
    administrator.add_argument(
        "--name",
        default=ADMINISTRATOR,
        type=_role_name,
        help=f"name of that role; default {ADMINISTRATOR}",
    )


def run(args: argparse.Namespace) -> int:
    """Run the verb; `status` returns 1 if the server does not run.

    Raises:
        CommandError: the folder is no state folder, or the server cannot be used.
    """
    if args.verb == "administrator-sql":
        print(administrator_sql(args.name))
        return OK
    state = state_folder(os.environ)
    if args.verb == "start":
        return _start(state)
    if not is_state_folder(state):
        raise CommandError(
            f"There is no state in {state} yet.",
            "Run `theseller demo` or `theseller migrate` first, or set THESELLER_STATE.",
        )
    if args.verb == "upgrade":
        return _remove_old(state) if args.remove_old else _upgrade(state, args.old_programs)
    if args.verb == "stop":
        return _stop(state)
    if args.verb == "status":
        return _status(state, as_json=args.json)
    return _psql(
        state, args.role, args.arguments[1:] if args.arguments[:1] == ["--"] else args.arguments
    )


def _role_name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", text) or text.startswith(("theseller_", "pg_")):
        raise argparse.ArgumentTypeError(
            "lower-case letters, digits and _, beginning with a letter, and not with theseller_ or"
            " pg_"
        )
    return text


def _start(state: Path) -> int:
    server = embedded_server(state, purpose=_PURPOSE, say=print)
    supervisor = Supervisor(print)
    with supervisor.signals(), contextlib.suppress(StopRequestedError):
        try:
            supervisor.start(DatabaseService(server))
            apply_roles(server)
            print(
                f"PostgreSQL {server.binaries.version} runs: socket {server.socket_dir}, log"
                f" {server.log}. Ctrl-C stops it."
            )
            notify_ready(os.environ)
            supervisor.watch()
        finally:
            supervisor.stop()
    return OK


def _upgrade(state: Path, old_programs: Path | None) -> int:
    if os.environ.get("DATABASE_URL"):
        raise CommandError(
            "DATABASE_URL names an external server. Nothing was changed.",
            "Upgrade it by its own means, then run `theseller migrate`.",
        )
    refuse_running(state)
    done = upgrade(state, old_programs)
    print(
        f"{done.tables} tables with {done.rows} rows are the same in PostgreSQL {done.before} and"
        f" {done.after}. The database is of PostgreSQL {done.after} now."
    )
    print(_AFTER_UPGRADE.format(aside=done.aside))
    return OK


def _remove_old(state: Path) -> int:
    removed = delete_databases_of_other_majors(state)
    for path in removed:
        print(f"deleted {path}")
    if not removed:
        print("There is no database of another major version.")
    return OK


def _holder(state: Path) -> tuple[ProcessMark, str] | None:
    return LockFile(control_folder(state) / "lock", "").holder()


def _stop(state: Path) -> int:
    holder = _holder(state)
    if holder is None:
        print("PostgreSQL is not running.")
        return OK
    found, purpose = holder
    if purpose != _PURPOSE:
        raise CommandError(
            f"PostgreSQL belongs to process {found.pid} ({purpose}).",
            "Stop that one instead: with Ctrl-C, or its container.",
        )
    if not stop_processes([found], signals=((signal.SIGTERM, 60.0),)):
        raise CommandError(
            f"Process {found.pid} does not stop.", f"kill -9 {found.pid}; the next start recovers."
        )
    print("stopped")
    return OK


def _status(state: Path, *, as_json: bool) -> int:
    holder, layout = _holder(state), saved_layout(state)
    if as_json:
        document = {
            "running": holder is not None,
            "process": holder[0].pid if holder else None,
            "purpose": holder[1] if holder else None,
            "socket": str(socket_directory(state)),
            "data": str(layout.data) if layout else None,
            "log": str(state / "log" / SERVER_LOG),
        }
        print(json.dumps(document, indent=1))
        return OK if holder else FAILURE
    print(f"running: {f'yes, under process {holder[0].pid} ({holder[1]})' if holder else 'no'}")
    print(f"socket:  {socket_directory(state)}")
    print(f"data:    {layout.data if layout else 'not made yet'}")
    print(f"log:     {state / 'log' / SERVER_LOG}")
    return OK if holder else FAILURE


def _psql(state: Path, role: str, arguments: list[str]) -> int:
    """Replace this process by psql.

    The password is passed in the environment: every user of the machine can see arguments.
    """
    psql = str(find_binaries(os.environ).program("psql"))
    record_command_line_action(state, Tag.DATABASE_OPENED, subject=f"role:{role}", at=clock.now())
    environ = {
        **os.environ,
        "PGHOST": str(socket_directory(state)),
        "PGPORT": str(PORT),
        "PGUSER": LOGIN_ROLES.get(role, SUPERUSER),
        "PGDATABASE": DATABASE,
        "PGPASSWORD": secret_provider(state).get(f"db-{role}").reveal(),
        # Statements can hold people's data; history would keep them.
        "PSQL_HISTORY": os.devnull,
    }
    os.execve(psql, [psql, *arguments], environ)  # noqa: S606
