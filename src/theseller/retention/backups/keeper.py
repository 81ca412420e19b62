"""What the recurring job does about backups, in the order in which a promise would break first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from theseller.retention.backups.commands import settle_and_replay
from theseller.retention.backups.drill import drill
from theseller.retention.backups.operations import keep_wal, prune, take
from theseller.retention.backups.queries import backups, newest_finished
from theseller.retention.backups.types import Backup
from theseller.retention.backups.workplace import Workplace, alone, rows
from theseller.retention.limits import BACKUP_HOURS

#: A fresh deployment has little to keep, and its first minutes have better things to do.
_FIRST_AFTER = timedelta(minutes=5)


def keep(place: Workplace, folder: Path, *, at: datetime, now: Callable[[], datetime]) -> tuple[str, ...]:
    """Let die what is due, keep finished WAL, take a backup if one is due, drill the one that is unproven; return what was done.

    Does nothing if another process is at it.
    """
    with alone(place.lock) as ours:
        if not ours:
            return ()
        done = [f"ended {one}" for one in prune(place, at=at)]
        if sealed := keep_wal(place):
            done.append(f"kept {sealed} files of WAL")
        if is_due(place, at=at):
            done.append(f"took {take(place, at=at).id}")
            keep_wal(place)
        if (unproven := _unproven()) is not None:
            found = drill(place, unproven.id, folder, replay=settle_and_replay, at=now(), now=now)
            done.append(f"{'proved' if found.passed else 'refused'} {unproven.id}")
        return tuple(done)


def is_due(place: Workplace, *, at: datetime) -> bool:
    """Say whether a backup must be taken now: none is younger than a day, or the database was restored since."""
    newest = newest_finished(place.keys)
    if newest is not None:
        return at - newest.begun_at >= timedelta(hours=BACKUP_HOURS) or _on_other_timeline(newest, place)
    born = rows("select set_at from guard.deployment")
    return bool(born) and at - born[0][0] >= _FIRST_AFTER


def _on_other_timeline(newest: Backup, place: Workplace) -> bool:
    """WAL of a restored database can't be replayed on a backup from before."""
    last = rows("select last_segment from retention_backup where id = %s", [newest.id])
    return bool(last and last[0][0]) and str(last[0][0])[:8] != place.source.current_segment()[:8]


def _unproven() -> Backup | None:
    """Return the newest living backup that was never drilled."""
    return next(
        (one for one in backups() if one.alive and one.finished_at is not None and one.drilled_at is None and not one.failed),
        None,
    )
