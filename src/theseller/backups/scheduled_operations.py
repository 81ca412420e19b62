"""The recurring maintenance of backups, most urgent steps first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from theseller.backups.backup_configuration import (
    BackupContext,
    backup_context,
    is_configured,
    try_lock,
)
from theseller.backups.error_translation import as_backup_error
from theseller.backups.migration_and_erasure_replay import replay_in_quarantine
from theseller.backups.operations import keep_wal, prune, take
from theseller.backups.queries import backups, newest_finished, rows
from theseller.backups.restore import FOLDER
from theseller.backups.restore_drill import drill
from theseller.backups.sealed_objects import object_name
from theseller.backups.types import Backup, BackupError, MaintenanceReport
from theseller.lib.deletion_time import deletion_time
from theseller.postgres.replaced_databases import delete_replaced_databases
from theseller.postgres.temporary_server_removal import discard
from theseller.retention.retention_limits import BACKUP_HOURS
from theseller.tenancy.schema_release import schema_is_newer

#: A new deployment takes its first backup after this time: before, there is little data.
_FIRST_AFTER = timedelta(minutes=5)
#: After a failure the next try waits twice as long as the last one did, and an hour at most: each
#: leaves a record and a tombstone.
_LONGEST_PAUSE_MINUTES = 60
_AGAIN = timedelta(hours=6)
#: A date that is further ahead than this was set by a clock that was ahead.
_SKEW = timedelta(minutes=1)


def maintain_backups(
    context: BackupContext, state: Path, *, at: datetime, now: Callable[[], datetime]
) -> MaintenanceReport:
    """Expire, seal WAL, take a backup, drill, and remove former databases.

    Each step only if it is due. A step that fails is reported and does not prevent the next.
    Nothing is done if another process has the lock.
    """
    done: list[str] = []
    failed: list[str] = []

    def attempt(step: Callable[[], list[str]]) -> None:
        try:
            with as_backup_error():
                done.extend(step())
        except BackupError as error:
            failed.append(str(error))

    with try_lock(context.lock) as ours:
        if ours:
            attempt(lambda: [f"ended {one}" for one in prune(context, at=deletion_time(at))])
            attempt(lambda: _keep_wal(context))
            attempt(lambda: _take(context, at=at, now=now))
            attempt(lambda: _drill(context, state / "drill", now=now))
            attempt(lambda: _clear(state, at=at))
    return MaintenanceReport(tuple(done), tuple(failed))


def is_due(context: BackupContext, *, at: datetime) -> bool:
    """Return whether a backup must be taken now.

    It must if the newest is a day old or missing at its target, or if the database was restored
    since; if there is none, some time after the database was created.
    """
    if at < _not_before(at):
        return False
    newest = newest_finished(context.keys)
    if newest is not None and newest.begun_at > at + _SKEW:
        # A clock that was ahead dated it. It is not known how old it is.
        last = rows("select max(begun_at) from retention_backup where finished_at <= %s", [at])
        return last[0][0] is None or at - last[0][0] >= timedelta(hours=BACKUP_HOURS)
    if newest is not None:
        return (
            at - newest.begun_at >= timedelta(hours=BACKUP_HOURS)
            or _is_missing(newest, context)
            or _on_other_timeline(newest, context)
        )
    born = rows("select set_at from guard.deployment")
    return bool(born) and at - born[0][0] >= _FIRST_AFTER


def seal_archived_wal() -> None:
    """Seal archived WAL into the newest backup, or remove it if there is none.

    Does nothing where this deployment keeps no backups itself, or while another process works on
    them.
    """
    if is_configured():
        context = backup_context()
        with try_lock(context.lock) as ours:
            if ours:
                keep_wal(context)


def _keep_wal(context: BackupContext) -> list[str]:
    sealed = keep_wal(context)
    return [f"kept {sealed} files of WAL"] if sealed else []


def _take(context: BackupContext, *, at: datetime, now: Callable[[], datetime]) -> list[str]:
    if not is_due(context, at=at):
        return []
    taken = take(context, now=now)
    return [f"took {taken.id}", *_keep_wal(context)]


def _drill(context: BackupContext, folder: Path, *, now: Callable[[], datetime]) -> list[str]:
    unproven = _unproven(at=now())
    # A copy with the schema of a later release is refused by this one's `migrate`.
    if unproven is None or schema_is_newer():
        return []
    found = drill(context, unproven.id, folder, replay=replay_in_quarantine, at=now(), now=now)
    return [f"{'proved' if found.passed else 'refused'} {unproven.id}"]


def _clear(state: Path, *, at: datetime) -> list[str]:
    """Delete what a killed restore left, and databases replaced a week ago.

    No restore is running: this process uses the database.
    """
    discard(state / FOLDER)
    removed = delete_replaced_databases(state, at=at)
    return [f"removed {removed} replaced databases"] if removed else []


def _not_before(at: datetime) -> datetime:
    """Return when the next attempt may begin.

    The wait doubles with each failure since the last success, up to a limit.
    """
    count, last = rows(
        "select count(*), max(begun_at) from retention_backup where failed is not null and begun_at"
        " > coalesce((select max(begun_at) from retention_backup where finished_at is not null),"
        " '1970-01-01')"
    )[0]
    if last is None:
        return datetime.min.replace(tzinfo=UTC)
    pause = timedelta(minutes=min(2 ** min(int(count) - 1, 10), _LONGEST_PAUSE_MINUTES))
    begun: datetime = last
    return begun + pause if begun <= at + _SKEW else datetime.min.replace(tzinfo=UTC)


def _is_missing(newest: Backup, context: BackupContext) -> bool:
    return not context.target.names(object_name(newest.id, "manifest"))


def _on_other_timeline(newest: Backup, context: BackupContext) -> bool:
    """WAL of a restored database can't be replayed on a backup from before."""
    last = rows("select last_segment from retention_backup where id = %s", [newest.id])
    return bool(last and last[0][0]) and str(last[0][0])[:8] != context.source.current_segment()[:8]


def _unproven(*, at: datetime) -> Backup | None:
    """Return the newest readable backup that needs a drill.

    It was never drilled, or it failed a while ago: its disk may have been missing.
    """
    living = (
        one for one in backups() if one.alive and one.finished_at is not None and not one.failed
    )
    return next(
        (
            one
            for one in living
            if one.drilled_at is None or (not one.drill_passed and at - one.drilled_at >= _AGAIN)
        ),
        None,
    )
