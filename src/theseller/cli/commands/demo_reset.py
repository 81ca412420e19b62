"""`theseller demo-reset`: delete the demo's state.

The next demo then starts empty.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from theseller.cli.demo_start_preparation import demo_lock, running_demo
from theseller.cli.errors import OK, CommandError
from theseller.cli.state_folder_locks import exclusive_state_folder
from theseller.cli.state_folders import (
    is_state_folder,
    marked_environment,
    refuse_other_environment,
    state_folder,
)
from theseller.cli.supervisor import stop_orphans
from theseller.config.environment import EnvironmentKind, read_environment_kind
from theseller.postgres.errors import ServerFailedError
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.orphaned_server import clean_up_after_killed_run
from theseller.postgres.server_folders import control_folder, saved_layout

HELP = "delete the demo's data, keys and accounts (not while it runs)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments; `THESELLER_STATE` names the state folder."""


def run(_args: argparse.Namespace) -> int:
    """Delete the state folder of a demo.

    Raises:
        CommandError: the folder is not a demo's, or is in use. Nothing is deleted then.
    """
    state = state_folder(os.environ)
    kind = read_environment_kind(os.environ)
    if kind is not EnvironmentKind.DEMO:
        raise CommandError(
            f"THESELLER_ENV says that this is {kind}; nothing is deleted.",
            "Unset THESELLER_ENV if you mean a demo.",
        )
    if os.environ.get("DATABASE_URL"):
        raise CommandError(
            "DATABASE_URL names an external database, which no demo has; nothing is deleted.",
            "Unset it if you mean a demo.",
        )
    if not state.exists():
        print("demo-reset: there is nothing to delete")
        return OK
    if not is_state_folder(state):
        raise CommandError(
            f"{state} is not a state folder of TheSeller; nothing is deleted.",
            "Check THESELLER_STATE.",
        )
    refuse_other_environment(state)
    if marked_environment(state) != EnvironmentKind.DEMO:
        raise CommandError(
            f"{state} was made by an earlier version, and nothing in it shows that it belongs to a"
            " demo; nothing is deleted.",
            "If it is a demo's and you want it deleted, remove the folder yourself.",
        )
    _delete(state)
    print(f"demo-reset: deleted {state}")
    return OK


def _delete(state: Path) -> None:
    (state / "processes").mkdir(mode=0o700, exist_ok=True)
    control_folder(state).mkdir(mode=0o711, exist_ok=True)
    lock, database = (
        demo_lock(state),
        LockFile(control_folder(state) / "lock", "theseller demo-reset"),
    )
    try:
        _delete_alone(state, lock, database)
    finally:
        database.release()
        lock.release()


def _delete_alone(state: Path, lock: LockFile, database: LockFile) -> None:
    if not lock.acquire():
        raise CommandError(
            f"The demo is running{running_demo(state)}; nothing is deleted.",
            "Stop it first, with Ctrl-C where it runs.",
        )
    if not database.acquire():
        raise CommandError(
            "The database is in use; nothing is deleted.", "See `theseller postgres status`."
        )
    stop_orphans(state / "processes", print)
    with exclusive_state_folder(state) as alone:
        if not alone:
            raise CommandError(
                f"A process of TheSeller (web, worker or a command) works on {state}; nothing is"
                " deleted.",
                "Stop it first.",
            )
        _remove(state)


def _remove(state: Path) -> None:
    try:
        layout = saved_layout(state)
    except ServerFailedError:
        layout = None
    if layout:
        clean_up_after_killed_run(layout.data, layout.run, print)
        for folder in (layout.run, layout.home):
            # Only folders that settle() made: below the state folder, or by the name it gives.
            if (
                folder.is_relative_to(state)
                or folder.name.startswith("theseller-")
                or folder.parent.name.startswith("theseller-")
            ):
                shutil.rmtree(folder, ignore_errors=not folder.exists())
    shutil.rmtree(state)
