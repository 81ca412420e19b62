"""Security page §6: backups with a former seller expire within 90 days.

A restore erases that seller again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools import backup_inspection
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, Unknown, verdict
from theseller.lib.translation_marks import gettext_noop
from theseller.retention.retention_limits import BACKUP_DAYS, ERASURE_DAYS_MAX

CONTROL = Control(
    id="life-backups-90",
    section=6,
    title=gettext_noop("Backups from before you left are deleted within 90 days"),
    statement=gettext_noop(
        "What is erased from the database stays in backups from before until they expire, 28 days"
        " after they were made. A restore, and each rehearsal of one, repeats every erasure since"
        " the backup, from a journal outside the database, before anyone can reach it."
    ),
    citation="Security page §6; Data Protection Policy 1.4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.backups.operations:prune",
        "theseller.erasure.replay:replay_erasures",
        "theseller.backups.restore:restore",
    ),
    after=(Tag.CONNECTION_DISCONNECTED, Tag.BACKUP_ENDED, Tag.BACKUP_PROVEN),
)

#: The page's promise, written again here: the program's own limits may be stricter, and may not be
#: laxer.
_PROMISED_DAYS = 90
_ENDED = """
select d.at, c.issued_at from connections_disconnection d
left join erasure_certificate c on c.tenant_id = d.tenant_id and c.subject_id = d.connection_id
"""


@dataclass(frozen=True, slots=True)
class _Ended:
    """A connection that ended.

    `erased_at` is since when the database has no row of it, None until that is proven.
    """

    at: datetime
    erased_at: datetime | None


def probe(context: ProbeContext) -> Outcome:
    """Find the backups that may contain an ended connection.

    It reports on which day the last of them expires.
    """
    untestable = backup_inspection.why_not_testable()
    if untestable is not None:
        return untestable
    ended = [_Ended(*row) for row in context.rows(_ENDED)]
    living = list(backup_inspection.live_backup_keys(context).values())
    drill = next((one for one in backup_inspection.records(context) if one.drill_passed), None)
    failures = [*_readable_too_long(context, ended, living)]
    if drill is None and not failures:
        return Unknown(
            "No backup has been restored yet, so it is not proven that a restore erases former"
            " sellers again."
        )
    if drill is not None and "erasures" not in drill.checked:
        failures.append("The last drill did not repeat the erasures since its backup.")
    possible = [made for made in living for one in ended if _may_hold(made, one)]
    last = (
        " The last backup that may contain one of them expires on"
        f" {_expires(max(possible)):%Y-%m-%d}."
        if possible
        else " No backup contains them."
    )
    return verdict(
        len(ended),
        failures,
        f"{len(ended)} connection(s) ended.{last} The last drill did every erasure until then"
        " again.",
        ended_connections=len(ended),
        backups_from_before=len(set(possible)),
        last_expires=f"{_expires(max(possible)):%Y-%m-%d}" if possible else "",
    )


def _may_hold(made: datetime, one: _Ended) -> bool:
    return one.erased_at is None or made <= one.erased_at


def _expires(made: datetime) -> datetime:
    return made + timedelta(days=BACKUP_DAYS)


def _readable_too_long(
    context: ProbeContext, ended: list[_Ended], living: list[datetime]
) -> Iterator[str]:
    if BACKUP_DAYS + ERASURE_DAYS_MAX > _PROMISED_DAYS:
        yield (
            f"The program's own limits are {ERASURE_DAYS_MAX} days for an erasure and {BACKUP_DAYS}"
            " more for a backup."
        )
    past = sum(
        context.at - one.at > timedelta(days=_PROMISED_DAYS)
        and any(_may_hold(made, one) for made in living)
        for one in ended
    )
    if past:
        yield (
            f"{past} connection(s) ended more than {_PROMISED_DAYS} days ago and may be in a backup"
            " that can still be read."
        )
