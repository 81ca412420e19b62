"""`theseller backup`: take, list, prune and test backups.

The worker does all of it by itself; the command does it immediately and shows the result.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.lib import clock
from theseller.postgres.replaced_databases import replaced_databases

if TYPE_CHECKING:
    from theseller.backups.types import Backup, Drill

HELP = "take, list, prune and test backups"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs `now`, `list`, `prune` and `drill`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    now = verbs.add_parser("now", help="take a backup and test-restore it (default)")
    listed = verbs.add_parser(
        "list",
        help="list backups with age and test result; exits with 1 if none passed its restore test",
    )
    prune = verbs.add_parser("prune", help="delete backups that have reached their maximum age")
    again = verbs.add_parser(
        "drill", help="restore a backup into a temporary database and verify it"
    )
    again.add_argument("backup", type=UUID, metavar="ID", help="ID of the backup")
    for one in (now, listed, prune, again):
        # Suppressed when absent, or its default would undo a `--json` given before the verb.
        one.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document"
        )


def run(args: argparse.Namespace) -> int:
    """Run the verb; return 1 if a drill failed, or if none has passed.

    Raises:
        CommandError: the backup could not be taken, read or drilled.
    """
    setup_django("worker")
    from theseller.backups.error_translation import as_backup_error
    from theseller.backups.types import BackupError

    try:
        with as_backup_error():
            return _list(as_json=args.json) if args.verb == "list" else _act(args)
    except BackupError as error:
        raise CommandError(
            f"{error}.", "`theseller backup list` shows the state of each backup."
        ) from None


def _act(args: argparse.Namespace) -> int:
    from theseller.backups.backup_configuration import backup_context, try_lock
    from theseller.backups.operations import keep_wal, prune, take

    place = backup_context()
    with try_lock(place.lock) as ours:
        if not ours:
            raise CommandError(
                "The worker is busy with backups.",
                "Try again in a minute, or look with `theseller backup list`.",
            )
        if args.verb == "prune":
            ended = prune(place, at=clock.now())
            print(
                json.dumps({"ended": [str(one) for one in ended]}, indent=1)
                if args.json
                else f"{len(ended)} ended"
            )
            return OK
        if args.verb == "drill":
            return _report(_drill(args.backup), {"backup": str(args.backup)}, as_json=args.json)
        prune(place, at=clock.now())
        taken = take(place, now=clock.now)
        keep_wal(place)
        if not args.json:
            print(f"{taken.id}  {taken.bytes / 1e6:.1f} MB at {place.target.title}")
        document = {"backup": str(taken.id), "bytes": taken.bytes, "target": place.target.title}
        return _report(_drill(taken.id), document, as_json=args.json)


def _drill(identity: UUID) -> Drill:
    from django.conf import settings

    from theseller.backups.backup_configuration import backup_context
    from theseller.backups.migration_and_erasure_replay import replay_in_quarantine
    from theseller.backups.queries import backup
    from theseller.backups.restore_drill import drill

    if backup(identity) is None:
        raise CommandError(f"There is no backup {identity}.", "`theseller backup list` shows them.")
    folder = settings.ENVIRONMENT.state / "drill"
    return drill(
        backup_context(),
        identity,
        folder,
        replay=replay_in_quarantine,
        at=clock.now(),
        now=clock.now,
    )


def _report(found: Drill, document: dict[str, object], *, as_json: bool) -> int:
    """Print the result of a drill; return 1 if it failed.

    `document` is what else is known of the backup.
    """
    if as_json:
        drilled = {
            "passed": found.passed,
            "begun_at": found.begun_at.isoformat(),
            "finished_at": found.finished_at.isoformat(),
            "checked": dict(found.checked),
            "faults": list(found.faults),
        }
        print(json.dumps({**document, "drill": drilled}, indent=1))
        return OK if found.passed else FAILURE
    counts = ", ".join(f"{count} {what}" for what, count in found.checked.items())
    print(
        f"drill: {'passed' if found.passed else 'FAILED'} in"
        f" {(found.finished_at - found.begun_at).total_seconds():.1f} s ({counts})"
    )
    for fault in found.faults:
        print(f"  {fault}")
    return OK if found.passed else FAILURE


def _list(*, as_json: bool) -> int:
    from django.conf import settings

    from theseller.backups.queries import backups
    from theseller.retention.retention_limits import BACKUP_DAYS

    found = backups()
    if as_json:
        document = {
            "backups": [
                _document(one, one.begun_at + timedelta(days=BACKUP_DAYS)) for one in found
            ],
            "replaced_databases": [
                {
                    "folder": str(one.path),
                    "bytes": one.bytes,
                    "removed_after": one.removed_after.isoformat(),
                }
                for one in replaced_databases(settings.ENVIRONMENT.state)
            ],
        }
        print(json.dumps(document, indent=1))
        return OK if any(one.good for one in found) else FAILURE
    print(f"{'BACKUP':36}  {'TAKEN':16}  {'MB':>8}  {'ROWS':>10}  {'EXPIRES':10}  STATE")
    for one in found:
        expires = one.begun_at + timedelta(days=BACKUP_DAYS)
        # Of one that was taken after the moment to which the database was restored, the database
        # does not know the size.
        size = f"{one.bytes / 1e6:.1f}" if one.bytes else "?"
        print(
            f"{one.id}  {one.begun_at:%Y-%m-%d %H:%M}  {size:>8}  {_rows(one):>10} "
            f" {expires:%Y-%m-%d}  {_state(one)}"
        )
    for former in replaced_databases(settings.ENVIRONMENT.state):
        print(
            f"{former.path}: a replaced database, {former.bytes / 1e6:.1f} MB, removed after"
            f" {former.removed_after:%Y-%m-%d}"
        )
    return OK if any(one.good for one in found) else FAILURE


def _document(one: Backup, expires: datetime) -> dict[str, object]:
    """Return one backup for programs.

    What is not known is null, such as the size of one taken after the restored moment.
    """
    rows = _rows(one)
    return {
        "backup": str(one.id),
        "taken_at": one.begun_at.isoformat(),
        "bytes": one.bytes or None,
        "rows": int(rows) if rows.isdigit() else None,
        "expires_at": expires.isoformat(),
        "state": _word(one),
        "why": one.failed or None,
        "key_destroyed_at": one.key_destroyed_at.isoformat() if one.key_destroyed_at else None,
        "drilled_at": one.drilled_at.isoformat() if one.drilled_at else None,
        "good": one.good,
    }


def _word(one: Backup) -> str:
    """Return the state of a backup as one word."""
    if one.failed:
        return "failed"
    if not one.alive:
        return "ended"
    if one.finished_at is None:
        return "unfinished"
    return "unproven" if one.drill_passed is None else "proven" if one.drill_passed else "refused"


def _rows(one: Backup) -> str:
    """Return how many rows a backup contains, by its manifest.

    "-" if it is not complete, "?" if it cannot be read now.
    """
    from theseller.backups.backup_configuration import backup_context
    from theseller.backups.backup_selection import rows_of
    from theseller.backups.error_translation import as_backup_error
    from theseller.backups.types import BackupError

    if not one.alive or one.finished_at is None:
        return "-"
    try:
        with as_backup_error():
            return str(rows_of(backup_context(), one.id))
    except BackupError:
        return "?"


def _state(one: Backup) -> str:
    if one.failed:
        return f"failed ({one.failed})"
    if not one.alive:
        return f"expired since {one.key_destroyed_at:%Y-%m-%d}"
    if one.finished_at is None:
        return "in progress, or interrupted"
    if one.drill_passed is None:
        return "unproven"
    return "proven" if one.drill_passed else "FAILED ITS DRILL"
