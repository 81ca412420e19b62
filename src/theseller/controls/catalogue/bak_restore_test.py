"""Security page §11: each backup is restored as a test within a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from theseller.audit.event_types import Tag
from theseller.controls.probe_tools import backup_inspection
from theseller.controls.probe_tools.backup_inspection import BackupRecord
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, Unknown, verdict
from theseller.lib.translation_marks import gettext_noop
from theseller.retention.retention_limits import DRILL_HOURS

CONTROL = Control(
    id="bak-restore-test",
    section=11,
    title=gettext_noop("Restoring is tested with every backup"),
    statement=gettext_noop(
        "Every backup is restored within a day of its making, into a database of its own that no"
        " one else can reach: its files are compared with what was copied, every table with what it"
        " held, every index with its table, and no shop may see another's rows. Then the erasures"
        " since are repeated. What fails any of it is shown as refused."
    ),
    citation="Security page §11; Data Protection Policy 2.6",
    owner=gettext_noop("Operations"),
    freshness=timedelta(hours=1),
    enforced_by=(
        "theseller.backups.restore_drill:drill",
        "theseller.backups.scheduled_operations:maintain_backups",
    ),
    after=(Tag.BACKUP_PROVEN, Tag.BACKUP_REFUSED),
)

_WITHIN = timedelta(hours=DRILL_HOURS)


def probe(context: ProbeContext) -> Outcome:
    """Look at the last drill of every backup that can still be read."""
    untestable = backup_inspection.why_not_testable()
    if untestable is not None:
        return untestable
    living = [one for one in backup_inspection.records(context) if one.living and one.finished_at]
    proven = [one for one in living if one.drill_passed]
    failures = [*_unproven(context, living)]
    if not proven and not failures:
        return Unknown("No backup has been restored yet; the first is, within a day of its making.")
    checked = dict(proven[0].checked) if proven else {}
    return verdict(
        sum(checked.get(what, 0) for what in ("files", "tables", "relations")),
        failures,
        f"{len(proven)} of {len(living)} backup(s) were restored and compared, the last one with"
        f" {checked.get('files', 0)} files, {checked.get('tables', 0)} tables,"
        f" {checked.get('rows', 0)} rows, {checked.get('relations', 0)} tables and indexes read"
        f" through, and {checked.get('tenant tables', 0)} shops' tables tried without a shop.",
        proven=len(proven),
        readable=len(living),
        **{what.replace(" ", "_"): count for what, count in checked.items()},
    )


def _unproven(context: ProbeContext, living: list[BackupRecord]) -> Iterator[str]:
    refused = sum(one.drill_passed is False for one in living)
    if refused:
        yield f"{refused} backup(s) were refused by the last try to restore them."
    late = sum(
        one.drill_passed is not False
        and (one.drilled_at or context.at) - one.begun_at > _WITHIN
        and not _older_drill(context, one)
        for one in living
    )
    if late:
        yield f"{late} backup(s) were not restored within {DRILL_HOURS} hours of their making."
    empty = sum(one.drill_passed is True and not one.checked.get("tables") for one in living)
    if empty:
        yield f"{empty} drill(s) compared no table."


def _older_drill(context: ProbeContext, one: BackupRecord) -> bool:
    """Return whether an earlier drill passed in time.

    A backup may be drilled again later.
    """
    return bool(
        context.number(
            "select count(*) from retention_drill where backup_id = %s and passed and finished_at"
            " <= %s",
            [one.id, one.begun_at + _WITHIN],
        )
    )
