"""`theseller backup`: take, list and drill backups. The worker does all of it by itself; this is for now and for looking."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from theseller.cli.django import setup_django
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.lib import clock
from theseller.postgres.exchange import replaced

if TYPE_CHECKING:
    from theseller.retention.backups.types import Backup

HELP = "take, list and drill backups"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    verbs.add_parser("now", help="take one now, and drill it (this is the default)")
    verbs.add_parser("list", help="say which there are, how old, and which are proven; exit status 1 if none is good")
    verbs.add_parser("prune", help="end what has reached its age")
    again = verbs.add_parser("drill", help="rehearse the restore of one again")
    again.add_argument("backup", type=UUID, metavar="ID")


def run(args: argparse.Namespace) -> int:
    setup_django("worker")
    from theseller.retention.backups.sentences import in_one_sentence  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.types import BackupError  # noqa: PLC0415  needs Django ready

    try:
        with in_one_sentence():
            return _list() if args.verb == "list" else _act(args)
    except BackupError as error:
        raise CommandError(f"{error}.", "`theseller backup list` says how the backups stand.") from None


def _act(args: argparse.Namespace) -> int:
    from theseller.retention.backups.operations import keep_wal, prune, take  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.workplace import alone, workplace  # noqa: PLC0415  needs Django ready

    place = workplace()
    with alone(place.lock) as ours:
        if not ours:
            raise CommandError("The worker is busy with backups.", "Try again in a minute, or look with `theseller backup list`.")
        if args.verb == "prune":
            print(f"{len(prune(place, at=clock.now()))} ended")
            return OK
        if args.verb == "drill":
            return _drill(args.backup)
        prune(place, at=clock.now())
        taken = take(place, now=clock.now)
        keep_wal(place)
        print(f"{taken.id}  {taken.bytes / 1e6:.1f} MB at {place.target.title}")
        return _drill(taken.id)


def _drill(identity: UUID) -> int:
    from django.conf import settings  # noqa: PLC0415  needs Django ready

    from theseller.retention.backups.commands import settle_and_replay  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.drill import drill  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.queries import backup  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.workplace import workplace  # noqa: PLC0415  needs Django ready

    if backup(identity) is None:
        raise CommandError(f"There is no backup {identity}.", "`theseller backup list` shows them.")
    folder = settings.ENVIRONMENT.state / "drill"
    found = drill(workplace(), identity, folder, replay=settle_and_replay, at=clock.now(), now=clock.now)
    looked = ", ".join(f"{count} {what}" for what, count in found.checked.items())
    print(f"drill: {'passed' if found.passed else 'FAILED'} in {(found.finished_at - found.begun_at).total_seconds():.1f} s ({looked})")
    for fault in found.faults:
        print(f"  {fault}")
    return OK if found.passed else FAILURE


def _list() -> int:
    from django.conf import settings  # noqa: PLC0415  needs Django ready

    from theseller.retention.backups.queries import backups  # noqa: PLC0415  needs Django ready
    from theseller.retention.limits import BACKUP_DAYS  # noqa: PLC0415  needs Django ready

    found = backups()
    print(f"{'BACKUP':36}  {'TAKEN':16}  {'MB':>8}  {'ROWS':>10}  {'EXPIRES':10}  STATE")
    for one in found:
        expires = one.begun_at + timedelta(days=BACKUP_DAYS)
        # Of one that was taken after the moment to which the database was restored, the database does not know the size.
        size = f"{one.bytes / 1e6:.1f}" if one.bytes else "?"
        print(f"{one.id}  {one.begun_at:%Y-%m-%d %H:%M}  {size:>8}  {_rows(one):>10}  {expires:%Y-%m-%d}  {_state(one)}")
    for former in replaced(settings.ENVIRONMENT.state):
        print(f"{former.path}: a replaced database, {former.bytes / 1e6:.1f} MB, removed after {former.removed_after:%Y-%m-%d}")
    return OK if any(one.good for one in found) else FAILURE


def _rows(one: Backup) -> str:
    """Return how many rows a backup holds, by its manifest; "-" if it is no whole one, "?" if it can't be read now."""
    from theseller.retention.backups.choosing import rows_of  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.sentences import in_one_sentence  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.types import BackupError  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.workplace import workplace  # noqa: PLC0415  needs Django ready

    if not one.alive or one.finished_at is None:
        return "-"
    try:
        with in_one_sentence():
            return str(rows_of(workplace(), one.id))
    except BackupError:
        return "?"


def _state(one: Backup) -> str:
    if one.failed:
        return f"failed ({one.failed})"
    if not one.alive:
        return f"dead since {one.key_destroyed_at:%Y-%m-%d}"
    if one.finished_at is None:
        return "being taken, or broken off"
    if one.drill_passed is None:
        return "unproven"
    return "proven" if one.drill_passed else "REFUSED BY ITS DRILL"
