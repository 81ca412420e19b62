"""Security page §11: backups are automatic and encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from theseller.audit.event_types import Tag
from theseller.backups.sealed_objects import object_name
from theseller.backups.storage_targets import Target
from theseller.backups.wal_backup import finished
from theseller.controls.probe_tools import backup_inspection
from theseller.controls.probe_tools.backup_inspection import BackupRecord
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import (
    Control,
    EnforcementKind,
    Failed,
    Outcome,
    Unknown,
    must_find,
    verdict,
)
from theseller.crypto.errors import CannotOpenError
from theseller.crypto.seal_stream import stream_key_id
from theseller.lib.translation_marks import gettext_noop
from theseller.postgres.server_folders import saved_layout

CONTROL = Control(
    id="bak-automatic",
    section=11,
    title=gettext_noop("Backups are automatic and encrypted"),
    statement=gettext_noop(
        "The worker takes a backup of the whole database every day, and keeps the log of changes"
        " between as it is written, so that a lost machine costs minutes. Each is sealed under a"
        " key of its own before its first byte is written, and is stored in the one place that the"
        " deployment names, which is shown here. Whether that is the region of the database is not"
        " checked."
    ),
    citation="Security page §11; Data Protection Policy 2.6",
    owner=gettext_noop("Operations"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.backups.tasks:maintain_backups_periodically",
        "theseller.backups.operations:take",
        "theseller.crypto.seal_stream:seal_stream",
    ),
    after=(Tag.BACKUP_TAKEN, Tag.BACKUP_FAILED),
    kind=EnforcementKind.SOFTWARE_AND_DEPLOYMENT,
)

#: One a day, and two hours for what may be slow.
_OLDEST = timedelta(hours=26)
#: The server hands over its log every five minutes if anything was written; the worker takes it
#: every minute.
_LOG_WAITS = timedelta(minutes=15)
#: Words that the plain copy of any cluster contains, and the beginning of a token.
_PLAIN = (b"PG_VERSION", b"postgresql.conf", b"pg_hba.conf", b"Atzr|")
_SEARCHED = 8 << 20
_ARCHIVER = """
select current_setting('archive_mode') <> 'off',
  last_failed_time > coalesce(last_archived_time, '-infinity') from pg_stat_archiver
"""


def probe(context: ProbeContext) -> Outcome:
    """Check the newest complete backup, its sealing, and archived WAL.

    Its age, the first bytes of its files, and whether the server's last attempt to archive WAL
    failed.
    """
    untestable = backup_inspection.why_not_testable()
    if untestable is not None:
        return (
            untestable
            if isinstance(untestable, Unknown)
            else Failed("This deployment keeps no backups at all.")
        )
    newest = next(
        (one for one in backup_inspection.records(context) if one.living and one.finished_at), None
    )
    born: datetime = context.rows("select set_at from guard.deployment")[0][0]
    if newest is None and context.at - born < _OLDEST:
        hours = (context.at - born).total_seconds() / 3600
        return Unknown(
            f"This deployment is {hours:.0f} hour(s) old and has no backup yet; the first is due"
            " within a day."
        )
    if newest is None:
        return Failed("There is no backup that could be restored.")
    age = context.at - newest.begun_at
    kept = backup_inspection.target()
    names = kept.names(object_name(newest.id, ""))
    must_find(_is_plain(b"planted " + _PLAIN[0]), "plain text of a database")
    return verdict(
        len(names),
        [*_late(age), *_unsealed(newest, kept, names), *_log(context)],
        f"The newest backup is {max(age.total_seconds(), 0) / 3600:.1f} hour(s) old,"
        f" {newest.bytes / 1e6:.1f} MB, sealed under a key of its own, in"
        f" {backup_inspection.target_description()}.",
        age_hours=int(age.total_seconds() // 3600),
        bytes=newest.bytes,
        where=backup_inspection.target_description(),
    )


def _late(age: timedelta) -> Iterator[str]:
    if age > _OLDEST:
        yield f"The newest backup is {age.total_seconds() / 3600:.0f} hours old."


def _is_plain(content: bytes) -> bool:
    return any(word in content for word in _PLAIN)


def _unsealed(newest: BackupRecord, kept: Target, names: tuple[str, ...]) -> Iterator[str]:
    for needed in ("base", "manifest"):
        if object_name(newest.id, needed) not in names:
            yield "A file of the newest backup is not where it was put."
    for name in names:
        try:
            sealed = stream_key_id(backup_inspection.read_head(kept, name)) == newest.key
        except CannotOpenError:
            sealed = False
        if not sealed:
            yield "A file of the newest backup is not sealed under its key."
        elif _is_plain(backup_inspection.read_head(kept, name, _SEARCHED)):
            yield "A file of the newest backup holds plain text."


def archiver(context: ProbeContext) -> tuple[bool, bool]:
    """Return whether WAL is archived, and whether the last try failed."""
    on, failing = context.rows(_ARCHIVER)[0]
    return bool(on), bool(failing)


def _log(context: ProbeContext) -> Iterator[str]:
    on, failing = archiver(context)
    if not on:
        yield (
            "The database's server doesn't hand over its log of changes: it was started without the"
            " backups' settings."
        )
    elif failing:
        yield "The database's server can't hand over its log of changes."
    layout = saved_layout(context.state)
    waiting = finished(layout.archive) if layout else ()
    oldest = (
        min(((layout.archive / name).stat().st_mtime for name in waiting), default=None)
        if layout
        else None
    )
    if oldest is not None and context.at.timestamp() - oldest > _LOG_WAITS.total_seconds():
        yield (
            f"A log of changes has waited {(context.at.timestamp() - oldest) / 60:.0f} minutes for"
            " being kept."
        )
