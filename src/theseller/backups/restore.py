"""Make a backup the deployment's database.

It is written, recovered and its erasures are repeated in a quarantine; then it replaces the former
database. A kill before the exchange leaves the former database as it was; one within it is finished
by the next call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psycopg

from theseller.backups.backup_configuration import BackupContext
from theseller.backups.backup_selection import refuse_shorter_journal, select_backup
from theseller.backups.error_translation import as_backup_error
from theseller.backups.isolated_restore_server import (
    Quarantine,
    add_unsealed_wal,
    lay_out,
    refuse_gap,
    running,
)
from theseller.backups.migration_and_erasure_replay import migrate_and_replay
from theseller.backups.types import Restored
from theseller.lib.secret_type import Secret
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.role_setup import set_password
from theseller.postgres.server_folders import saved_layout
from theseller.postgres.swap_data_dir import swap_data_dir
from theseller.postgres.temporary_server_removal import discard

#: The time of the backup, as a choice of `until`.
BACKUP_TIME = "backup-time"
#: The quarantine's folder in the state folder.
FOLDER = "restore"


def restore(
    context: BackupContext,
    state: Path,
    wanted: str,
    *,
    until: datetime | str | None,
    allow_wal_gap: bool,
    allow_missing_journal: bool = False,
    superuser_password: Secret,
    say: Callable[[str], None] = lambda _sentence: None,
) -> Restored:
    """Replace the database of `state` with a backup.

    The caller has the lock of `state`, and the server is stopped.

    Args:
        context: target, keys and source of the backups.
        state: the state folder.
        wanted: a backup's ID, or ``latest``.
        until: BACKUP_TIME, an instant, or None for all WAL that there is.
        allow_wal_gap: whether to accept the state before a missing WAL file.
        allow_missing_journal: whether to restore although the erasure journal lacks entries.
        superuser_password: the password that the restored database's superuser gets.
        say: is called with a message about each backup that cannot be taken.

    Raises:
        BackupError: nothing was changed; the message says why.
        ServerFailedError: the exchange was interrupted; the same call again finishes it.
        OSError: as ServerFailedError.
    """
    folder = state / FOLDER
    try:
        with as_backup_error():
            identity = select_backup(context, wanted, say=say)
            if not allow_missing_journal:
                refuse_shorter_journal(context, identity, state)
            described, layout = lay_out(context, identity, folder, whole_wal=until != BACKUP_TIME)
            context.reached("laid out")
            former = saved_layout(state)
            if until != BACKUP_TIME and former is not None:
                add_unsealed_wal(former, layout)
            if until is None and not allow_wal_gap:
                refuse_gap(described, layout)
            target = described.restore_point if until == BACKUP_TIME else until
            with running(described, layout, folder, until=target, durable=True) as restored:
                context.reached("recovered")
                _settle_superuser(restored, superuser_password)
                again, to_authorise, keys = migrate_and_replay(restored)
                context.reached("replayed")
    except BaseException:
        discard(folder)
        raise
    swap_data_dir(state, layout, reached=context.reached)
    discard(folder)
    context.reached("discarded")
    return Restored(identity, described.begun_at, again, to_authorise, keys)


def _settle_superuser(restored: Quarantine, password: Secret) -> None:
    with psycopg.connect(restored.conninfo("postgres"), autocommit=True) as connection:
        set_password(connection, SUPERUSER, password.reveal())
