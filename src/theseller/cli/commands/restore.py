"""`theseller restore`: makes a backup the deployment's database, through the quarantine."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psycopg

from theseller.audit.acts import note_act
from theseller.audit.tags import Tag
from theseller.cli.django import setup_django
from theseller.cli.errors import OK, CommandError
from theseller.cli.paths import is_state_folder, state_folder
from theseller.cli.secrets import secret_provider
from theseller.lib import clock
from theseller.postgres.cluster import SUPERUSER
from theseller.postgres.errors import PostgresError
from theseller.postgres.exchange import exchange, finish_exchange, pending
from theseller.postgres.layout import control_folder, saved_layout
from theseller.postgres.lockfile import LockFile
from theseller.postgres.roles import set_password

HELP = "make a backup the database of this deployment, with every erasure since it done again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("backup", nargs="?", default="latest", metavar="ID", help="which backup (default: the newest that can be read)")
    parser.add_argument(
        "--until", metavar="TIME", help="`moment`: as it was when the backup was taken; or an instant, 2026-11-23T14:00Z (default: all WAL)"
    )


def run(args: argparse.Namespace) -> int:
    state = state_folder(os.environ)
    if not is_state_folder(state):
        raise CommandError(
            f"{state} is not a state folder of TheSeller.", "Set THESELLER_STATE to the one whose secrets and keys you have."
        )
    if os.environ.get("DATABASE_URL"):
        raise CommandError("DATABASE_URL names an external database.", "Restore it by its own service; see docs/operate/backups.md.")
    lock = LockFile(control_folder(state) / "lock", "theseller restore")
    control_folder(state).mkdir(parents=True, exist_ok=True)
    if not lock.acquire():
        holder = lock.holder()
        who = f"process {holder[0].pid} ({holder[1]})" if holder else "another process"
        raise CommandError(f"The database of {state} is run by {who}.", "Stop it first: nobody may write while it is replaced.")
    try:
        if pending(state):
            finish_exchange(state)
            print("An earlier restore was interrupted at its last step; it is complete now.")
            return OK
        note_act(state, Tag.DATABASE_RESTORED, subject=f"backup:{args.backup}", at=clock.now())
        _restore(state, args.backup, _until(args.until))
    finally:
        lock.release()
    return OK


def _restore(state: Path, wanted: str, until: datetime | str | None) -> None:
    setup_django("worker", database=False)
    from theseller.retention.backups.commands import settle_and_replay  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.operations import living_keys, readable  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.quarantine import add_unkept_wal, discard, lay_out, running  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.targets import TargetError  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.types import BackupError  # noqa: PLC0415  needs Django ready
    from theseller.retention.backups.workplace import workplace  # noqa: PLC0415  needs Django ready

    folder = state / "restore"
    try:
        place = workplace()
        identity = _chosen(wanted, [readable(place, entry) for entry in living_keys(place)])
        print(f"restoring {identity} into a quarantine: no service can reach it")
        described, layout = lay_out(place, identity, folder, whole_wal=until != "moment")
        former = saved_layout(state)
        if until != "moment" and former is not None:
            add_unkept_wal(former, layout)
        target = described.restore_point if until == "moment" else until
        with running(described, layout, folder, until=target, durable=True) as restored:
            with psycopg.connect(restored.conninfo("postgres"), autocommit=True) as connection:
                set_password(connection, SUPERUSER, secret_provider(state).get("db-superuser").reveal())
            print(f"{settle_and_replay(restored)} connections that ended since were ended and erased again")
        exchange(state, layout)
        discard(folder)
    except (BackupError, TargetError) as error:
        discard(folder)
        raise CommandError(str(error), "Nothing was changed.") from None
    except PostgresError:
        discard(folder)
        raise
    print(f"restored as of {target or 'the last WAL that was kept'}. Start the services again; the former database is kept for seven days.")
    print(
        "Then `theseller audit verify`: lines that are lost with the days since the backup want a word of yours (docs/operate/access.md)."
    )


def _chosen(wanted: str, found: list[UUID | None]) -> UUID:
    known = [identity for identity in found if identity is not None]
    if not known:
        raise CommandError("No backup here can be read.", "Look at THESELLER_BACKUPS, and whether this is the key store that made them.")
    if wanted == "latest":
        return known[-1]
    if wanted not in {str(identity) for identity in known}:
        raise CommandError(f"There is no readable backup {wanted}.", f"There are: {', '.join(map(str, known))}.")
    return UUID(wanted)


def _until(text: str | None) -> datetime | str | None:
    if text is None or text == "moment":
        return text
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError("--until is `moment` or an instant.", "Write it as 2026-11-23T14:00Z.") from None
    if instant.tzinfo is None:
        raise CommandError("--until needs its zone.", "Write it as 2026-11-23T14:00Z.")
    return instant
