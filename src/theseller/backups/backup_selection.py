"""Which backup a restore takes, and why it is not another."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from theseller.backups.backup_configuration import BackupContext
from theseller.backups.operations import read_manifest, readable
from theseller.backups.types import BackupError
from theseller.erasure.journal_loss_detection import missing_entries
from theseller.lib.ids import creation_time
from theseller.retention.readable_backups import BACKUP_OWNER, backup_of_key, readable_backup_keys

_MANIFEST = re.compile(r"([0-9a-f]{32})/manifest")
#: A newest backup with less than half of the rows of the one before is not taken unasked: a
#: database that was made by mistake is nearly empty.
_MUCH_SMALLER = 2


def rows_of(context: BackupContext, identity: UUID) -> int:
    """Return how many rows a backup contains, by its manifest.

    It raises the errors of `read_manifest`.
    """
    return sum(table.rows for table in read_manifest(context, identity).tables.values())


def select_backup(context: BackupContext, wanted: str, *, say: Callable[[str], None]) -> UUID:
    """Return the backup to restore.

    Args:
        context: target and keys of the backups.
        wanted: its ID, or ``latest`` for the newest that can be read.
        say: is called with a message about each newer one whose key is not in this key store.

    Raises:
        BackupError: it cannot be read, and why; or the newest is much smaller than the one before,
            so that one must be named.
    """
    known = sorted(
        identity
        for entry in readable_backup_keys(context.keys)
        if (identity := readable(context, entry)) is not None
    )
    if wanted in {str(identity) for identity in known}:
        return UUID(wanted)
    keyless = _without_key(context)
    if wanted == "latest" and known:
        for identity in (one for one in keyless if one > known[-1]):
            say(
                f"the key of the newer backup {_named(identity)} is not in this key store: taking"
                f" {_named(known[-1])} instead"
            )
        _refuse_much_smaller(context, known)
        return known[-1]
    raise BackupError(_why_not(context, wanted, known, keyless))


def refuse_shorter_journal(context: BackupContext, wanted: UUID, state: Path) -> None:
    """Check that the erasure journal at hand is complete.

    It must have every entry that it had when `wanted` and when the newest readable backup was
    taken.

    Raises:
        BackupError: it lacks some. Without them the restore would bring back erased data unnoticed.
    """
    newest = max(
        (
            identity
            for entry in readable_backup_keys(context.keys)
            if (identity := readable(context, entry)) is not None
        ),
        default=wanted,
    )
    for identity in dict.fromkeys((wanted, newest)):
        try:
            then = read_manifest(context, identity).journal
        except BackupError:
            if identity == wanted:
                raise
            continue  # Another backup is damaged: this restore does not need it.
        missing = missing_entries(then, context.keys, state) if then is not None else 0
        if then is not None and missing:
            raise BackupError(
                f"the erasure journal at hand lacks {missing} of the {then.count} entries that it"
                f" had when backup {_named(identity)} was taken: the key store and `erasures/` were"
                " put back from an older copy. Put the newest copies back; if there are none,"
                " `--allow-missing-journal` restores, and what those entries say was erased comes"
                " back"
            )


def _without_key(context: BackupContext) -> list[UUID]:
    """Return the complete backups at the target that never had a key here.

    Oldest first.
    """
    at_target = {
        UUID(found[1]) for name in context.target.names() if (found := _MANIFEST.fullmatch(name))
    }
    ours = {
        backup_of_key(entry)
        for entry in context.keys.list()
        if entry.owner.startswith(BACKUP_OWNER)
    }
    return sorted(at_target - ours)


def _refuse_much_smaller(context: BackupContext, known: list[UUID]) -> None:
    if len(known) < 2:  # the newest and the one before
        return
    newest, before = known[-1], known[-2]
    now, then = rows_of(context, newest), rows_of(context, before)
    if now * _MUCH_SMALLER < then:
        raise BackupError(
            f"the newest backup, {_named(newest)}, holds {now} rows, and the one before,"
            f" {_named(before)}, holds {then}. Name the one you mean: `theseller restore {before}`,"
            f" or `theseller restore {newest}`"
        )


def _why_not(context: BackupContext, wanted: str, known: list[UUID], keyless: list[UUID]) -> str:
    newest = f" The newest that can be read is {_named(known[-1])}" if known else ""
    if any(
        entry.destroyed and entry.owner == f"{BACKUP_OWNER}{wanted}"
        for entry in context.keys.list()
    ):
        return f"the key of backup {wanted} was destroyed, so it can't be read any more.{newest}"
    if wanted in {str(identity) for identity in keyless}:
        return (
            f"the key of backup {wanted} is not in this key store: put back the key store that made"
            f" it.{newest}"
        )
    if any(
        entry.owner == f"{BACKUP_OWNER}{wanted}" for entry in readable_backup_keys(context.keys)
    ):
        return f"the files of backup {wanted} are not at {context.target.title}.{newest}"
    if not known:
        missing = (
            f" (the keys of the {len(keyless)} at {context.target.title} are missing)"
            if keyless
            else ""
        )
        return (
            f"no backup here can be read{missing}: look at THESELLER_BACKUPS, and whether this is"
            " the key store that made them"
        )
    return f"there is no readable backup {wanted}. There are: {', '.join(map(str, known))}"


def _named(identity: UUID) -> str:
    return f"{identity} of {creation_time(identity):%Y-%m-%d %H:%M} UTC"
