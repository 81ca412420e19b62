"""Security page §11: no backup is kept longer than 90 days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools import backup_inspection
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, Unknown, verdict
from theseller.lib.translation_marks import gettext_noop
from theseller.retention.retention_limits import BACKUP_DAYS, BACKUP_DAYS_MAX

CONTROL = Control(
    id="bak-cap",
    section=11,
    title=gettext_noop("No backup lives longer than 90 days"),
    statement=gettext_noop(
        "Each backup has a key of its own. The key is destroyed when the backup is 28 days old,"
        " which ends every copy of it, wherever one lies; then its files are removed. The age"
        " counts from the backup's own name and not from a record that could be changed. The cap"
        " can't be exceeded by configuration."
    ),
    citation="Security page §11; Data Protection Policy 1.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=("theseller.backups.operations:prune", "theseller.retention.retention_limits"),
    after=(Tag.BACKUP_ENDED,),
)

#: The page's promise, written again here: the program's own limit may be stricter, and may not be
#: laxer.
_PROMISED_DAYS = 90
#: A machine that was off ends at once what became due meanwhile.
_LATE = timedelta(days=1)
#: Files of an expired backup are removed in the same minute, unless the target doesn't answer.
_SWEPT_AFTER = timedelta(hours=1)


def probe(context: ProbeContext) -> Outcome:
    """Check the age of backup keys, and search for files without a key."""
    untestable = backup_inspection.why_not_testable()
    if untestable is not None:
        return untestable
    living = backup_inspection.live_backup_keys(context)
    oldest = max((context.at - made for made in living.values()), default=timedelta(0))
    names = backup_inspection.target().names()
    if living and not names:
        return Unknown(
            "There are keys of backups, and the target has no file of them: their age can't be"
            " tested."
        )
    return verdict(
        len(living) and len(living) + len(names),
        [*_old(oldest), *_unreadable_files(context, names)],
        f"{len(living)} backup(s) can be read, the oldest {max(oldest.days, 0)} day(s) old; none"
        f" may reach {BACKUP_DAYS} days, and no file of another is left.",
        readable=len(living),
        files=len(names),
        oldest_days=max(oldest.days, 0),
        limit_days=BACKUP_DAYS,
    )


def _old(oldest: timedelta) -> Iterator[str]:
    if max(BACKUP_DAYS, BACKUP_DAYS_MAX) > _PROMISED_DAYS:
        yield f"The program's own limit is {max(BACKUP_DAYS, BACKUP_DAYS_MAX)} days."
    if oldest > timedelta(days=BACKUP_DAYS) + _LATE:
        yield f"A backup of {oldest.days} days ago can still be read."


def _unreadable_files(context: ProbeContext, names: tuple[str, ...]) -> Iterator[str]:
    living = {identity.hex for identity in backup_inspection.live_backup_keys(context)}
    ended = {one.id.hex: one.key_destroyed_at for one in backup_inspection.records(context)}
    unreadable = 0
    for name in names:
        backup = name.split("/", 1)[0]
        at = ended.get(backup)
        unreadable += backup not in living and (at is None or context.at - at > _SWEPT_AFTER)
    if unreadable:
        yield f"{unreadable} file(s) at the target belong to no existing key."
