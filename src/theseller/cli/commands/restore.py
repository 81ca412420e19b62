"""`theseller restore`: make a backup the deployment's database.

The backup is prepared in a quarantine.
"""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from pathlib import Path

from theseller.audit.command_line_action_file import record_command_line_action
from theseller.audit.event_types import Tag
from theseller.cli.deployment_secrets import secret_provider
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import OK, CommandError
from theseller.cli.move_record import refuse_unfinished_move
from theseller.cli.state_folders import (
    is_restored_copy,
    is_state_folder,
    make_state_folder,
    refuse_other_environment,
    state_folder,
)
from theseller.lib import clock
from theseller.postgres.exclusive_lock_file import LockFile
from theseller.postgres.server import make_folder
from theseller.postgres.server_folders import control_folder
from theseller.postgres.swap_data_dir import finish_swap, swap_pending

_AFTERWARDS = """The former database is kept beside it for seven days.
Now: 1. start the services again; a backup is taken immediately, since earlier ones don't contain
        the new history.
     2. theseller audit verify. If events of the lost days are missing, record it in the log:
        theseller audit record-restore --reason …"""
HELP = "restore the database from a backup and replay later erasures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the backup, the moment to restore, and what to overrule."""
    parser.add_argument(
        "backup",
        nargs="?",
        default="latest",
        metavar="ID",
        help="ID of the backup (default: the newest readable one)",
    )
    parser.add_argument(
        "--allow-wal-gap",
        action="store_true",
        help="if a WAL file is missing, restore up to the gap",
    )
    parser.add_argument(
        "--allow-missing-journal",
        action="store_true",
        help="restore even if erasure journal entries are missing; erased data reappears",
    )
    parser.add_argument(
        "--until",
        metavar="TIME",
        help=(
            "restore to this time, 2026-11-23T14:00Z, or `backup-time` for the time of the backup"
            " (default: latest)"
        ),
    )


def run(args: argparse.Namespace) -> int:
    """Restore the backup, or finish an interrupted restore.

    Raises:
        CommandError: the folder, the server or the backup does not allow it. The database is
            unchanged then.
    """
    until = _until(args.until)
    state = state_folder(os.environ)
    refuse_other_environment(state)
    if is_restored_copy(state):
        make_state_folder(state)
    if not is_state_folder(state):
        raise CommandError(
            f"{state} is not a state folder of TheSeller.",
            "Set THESELLER_STATE to the one whose secrets and keys you have.",
        )
    if os.environ.get("DATABASE_URL"):
        raise CommandError(
            "DATABASE_URL names an external database.",
            "Restore it by its own service; see docs/operate/backups.md.",
        )
    refuse_unfinished_move(state)
    make_folder(control_folder(state))
    lock = LockFile(control_folder(state) / "lock", "theseller restore")
    if not lock.acquire():
        holder = lock.holder()
        who = f"process {holder[0].pid} ({holder[1]})" if holder else "another process"
        raise CommandError(
            f"The database of {state} is run by {who}.",
            "Stop it first: the database must not change during a restore.",
        )
    try:
        if swap_pending(state):
            finish_swap(state)
            _discard_quarantine(state)
            print("An earlier restore was interrupted at its last step; it is complete now.")
            print(_AFTERWARDS)
            return OK
        record_command_line_action(
            state, Tag.DATABASE_RESTORED, subject=f"backup:{args.backup}", at=clock.now()
        )
        _restore(
            state,
            args.backup,
            until,
            allow_wal_gap=args.allow_wal_gap,
            allow_missing_journal=args.allow_missing_journal,
        )
    finally:
        lock.release()
    return OK


def _restore(
    state: Path,
    wanted: str,
    until: datetime | str | None,
    *,
    allow_wal_gap: bool,
    allow_missing_journal: bool,
) -> None:
    setup_django("worker", database=False)
    from theseller.backups.backup_configuration import backup_context
    from theseller.backups.error_translation import as_backup_error
    from theseller.backups.restore import restore
    from theseller.backups.types import BackupError

    print("restoring into a quarantine: no service can reach it")
    try:
        with as_backup_error():
            place, password = backup_context(new=True), secret_provider(state).get("db-superuser")
        made = restore(
            place,
            state,
            wanted,
            until=until,
            allow_wal_gap=allow_wal_gap,
            allow_missing_journal=allow_missing_journal,
            superuser_password=password,
            say=print,
        )
    except BackupError as error:
        raise CommandError(
            f"Nothing was restored: {error}.", "The database is as it was."
        ) from None
    reached = (
        "the time of the backup" if until == "backup-time" else until or "the end of the stored WAL"
    )
    print(f"restored backup {made.backup} of {made.begun_at:%Y-%m-%d %H:%M} UTC, up to {reached}.")
    print(f"{made.ended_again} connections that were closed later were closed and erased again.")
    if made.keys_destroyed:
        print(
            f"{made.keys_destroyed} keys of connections that had ended were alive in this copy of"
            " the key store, and were destroyed."
        )
    if made.to_authorise:
        print(
            f"{made.to_authorise} connections have to be authorized again: their keys were replaced"
            " since. Their connection page says so."
        )
    print(_AFTERWARDS)


def _discard_quarantine(state: Path) -> None:
    setup_django("worker", database=False)
    from theseller.backups.restore import FOLDER
    from theseller.postgres.temporary_server_removal import discard

    discard(state / FOLDER)


def _until(text: str | None) -> datetime | str | None:
    if text is None or text == "backup-time":
        return text
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            "--until takes `backup-time` or a time.", "Write it as 2026-11-23T14:00Z."
        ) from None
    if instant.tzinfo is None:
        raise CommandError("--until needs a time zone.", "Write it as 2026-11-23T14:00Z.")
    return instant
