"""Take backups, keep the WAL after them, and expire them on time.

The key of a backup is made before its first byte and destroyed before its last: a file without its
key is noise, wherever copies of it lie. So the key store, not a listing of files, says what is
deleted. Every operation may be killed at any point and called again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from theseller import __version__
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.backups import manifest_format as manifests
from theseller.backups import wal_backup
from theseller.backups.backup_configuration import BackupContext
from theseller.backups.error_translation import as_backup_error
from theseller.backups.queries import backup, newest_finished, rows
from theseller.backups.sealed_objects import Written, fetch, keep, object_name, place_of
from theseller.backups.storage_targets import TargetError
from theseller.backups.types import Backup, BackupError, Manifest
from theseller.crypto.errors import CannotOpenError
from theseller.crypto.key_file_format import KeyRecord
from theseller.crypto.key_types import DataKey, Purpose
from theseller.erasure.journal_loss_detection import journal_extent
from theseller.lib.ids import creation_time, new_id_at
from theseller.retention.readable_backups import BACKUP_OWNER, backup_of_key, readable_backup_keys
from theseller.retention.retention_limits import BACKUP_DAYS

ACTOR = "process:retention"


def take(context: BackupContext, *, now: Callable[[], datetime]) -> Backup:
    """Take one backup: files, the WAL that completes them, then the manifest.

    The caller has the lock.

    Args:
        context: target, keys and source of the backups.
        now: the clock. It is read when the backup begins, at the moment that it contains, and when
            it is complete: hours may lie between them.

    Raises:
        BackupError: it failed. Its key is destroyed, so that it can never be taken for a backup.
    """
    at = now()
    made = new_id_at(at)
    key = context.keys.create(Purpose.BACKUP, f"{BACKUP_OWNER}{made}")
    context.reached("key")
    _begin(made, key.id, context, at=at)
    context.reached("begun")
    try:
        with as_backup_error():
            described, size = _write(made, key, context, at=at, now=now)
            keep(
                context.target,
                key,
                place_of(made, "manifest", context.environment),
                [manifests.encode(described)],
            )
        context.reached("manifest")
    except Exception as error:
        _give_up(made, key.id, context, error, at=now())
        raise
    whole = now()
    with transaction.atomic():
        rows(
            "update retention_backup set finished_at = %s, bytes = %s, first_segment = %s,"
            " last_segment = %s where id = %s",
            [whole, size, described.first_segment, described.last_segment, made],
        )
        record(
            Tag.BACKUP_TAKEN,
            actor=ACTOR,
            tenant=None,
            subject=f"backup:{made}",
            at=whole,
            details={"bytes": size},
        )
    context.reached("finished")
    found = backup(made)
    if found is None:
        raise BackupError("the record of a backup vanished while it was taken")
    return found


def _begin(made: UUID, key: UUID, context: BackupContext, *, at: datetime) -> None:
    with transaction.atomic():
        rows(
            "insert into retention_backup (id, key_id, target, begun_at) values (%s, %s, %s, %s)",
            [made, key, context.target.title, at],
        )
        record(Tag.BACKUP_INTENDED, actor=ACTOR, tenant=None, subject=f"backup:{made}", at=at)


def _write(
    made: UUID, key: DataKey, context: BackupContext, *, at: datetime, now: Callable[[], datetime]
) -> tuple[Manifest, int]:
    before = newest_finished(context.keys)
    first = context.source.current_segment()
    base = keep(
        context.target, key, place_of(made, "base", context.environment), context.source.base()
    )
    context.reached("base")
    restore_point = f"theseller-{made.hex}"
    moment, snapshot_at = context.source.mark(restore_point), now()
    context.reached("marked")
    objects = {"base": base}
    for name in wal_backup.finished(context.source.archive):
        if before is not None:
            _keep_for(before, name, context)
        if wal_backup.is_segment(name) and first <= name <= moment.segment:
            objects[f"wal/{name}"] = wal_backup.keep_segment(
                context.source.archive,
                name,
                made,
                target=context.target,
                key=key,
                environment=context.environment,
            )
            context.reached(f"wal/{name}")
    _refuse_gap(objects, first, moment.segment)
    described = Manifest(
        id=made,
        environment=context.environment,
        software=__version__,
        postgres=context.source.version,
        begun_at=at,
        snapshot_at=snapshot_at,
        first_segment=first,
        last_segment=moment.segment,
        restore_point=restore_point,
        tables=moment.tables,
        objects={name: one.sha256 for name, one in objects.items()},
        journal=journal_extent(context.keys, settings.ENVIRONMENT.state),
    )
    return described, sum(one.bytes for one in objects.values())


def _refuse_gap(objects: Mapping[str, Written], first: str, last: str) -> None:
    """Refuse a gap: without a segment of the WAL the copied files are useless."""
    if (
        missing := wal_backup.first_missing(
            (name.removeprefix("wal/") for name in objects), first, last
        )
    ) is not None:
        raise BackupError(
            f"WAL is missing from the archive: {missing}. The next backup starts over"
        )


def keep_wal(context: BackupContext) -> int:
    """Seal the archived WAL into the newest backup; return how many files.

    Each file is then removed from the archive, where it was in plain. Before the first backup there
    is nothing to replay it on, and it is only removed. The caller has the lock.
    """
    newest = newest_finished(context.keys)
    prefix = object_name(newest.id, "wal/") if newest else ""
    kept = {name.removeprefix(prefix) for name in context.target.names(prefix)} if newest else set()
    names = wal_backup.finished(context.source.archive)
    for name in names:
        if newest is not None and name not in kept:
            _keep_for(newest, name, context)
            context.reached(f"sealed {name}")
        wal_backup.delete_segment(context.source.archive, name)
        context.reached(f"removed {name}")
    return len(names)


def _keep_for(newest: Backup, name: str, context: BackupContext) -> None:
    key = context.keys.get(_key_of(newest.id))
    wal_backup.keep_segment(
        context.source.archive,
        name,
        newest.id,
        target=context.target,
        key=key,
        environment=context.environment,
    )


def prune(context: BackupContext, *, at: datetime) -> tuple[UUID, ...]:
    """Expire the backups that reached their limit; return their IDs.

    Backups that a killed process left incomplete expire, too. The key store decides, not the
    database: a database that was restored or lost does not lengthen a backup's life. A complete
    backup that the database does not know, because it is older itself, is recorded in it. One that
    was complete and is not at the target keeps its key until its age limit: a disk that is not
    mounted must not cost every backup. The caller has the lock.
    """
    living = list(readable_backup_keys(context.keys))
    expired = [entry for entry in living if _age_limit(entry) <= at]
    died = [_end(context, entry, at=at) for entry in expired]
    kept, whole = set(context.target.names()), set()
    for entry in living:
        identity = backup_of_key(entry)
        if entry in expired:
            continue
        if identity is not None and object_name(identity, "manifest") in kept:
            # One that can't be read is not adopted, and stays: else an attacker at the target could
            # decide what is destroyed.
            with contextlib.suppress(BackupError, CannotOpenError):
                _adopt(context, entry, identity)
            whole.add(identity)
        elif identity is None or not _is_finished(identity):
            died.append(_end(context, entry, at=at))
    _record_ends(context, at=at)
    _sweep(context, whole)
    return tuple(died)


def _age_limit(entry: KeyRecord) -> datetime:
    identity = backup_of_key(entry)
    # A key that doesn't say what it belongs to can't be shown to be young.
    return creation_time(identity or entry.id) + timedelta(days=BACKUP_DAYS)


def _adopt(context: BackupContext, entry: KeyRecord, identity: UUID) -> None:
    """Record a complete backup that the database does not know as finished.

    Its process was killed at the last step, or the database is older than the backup.
    """
    if _is_finished(identity):
        return
    described = read_manifest(context, identity)
    rows(
        "insert into retention_backup (id, key_id, target, begun_at, finished_at, first_segment,"
        " last_segment) values (%s, %s, %s, %s, %s, %s, %s) on conflict (id) do update set"
        " finished_at = excluded.finished_at, first_segment = excluded.first_segment, last_segment"
        " = excluded.last_segment",
        [
            identity,
            entry.id,
            context.target.title,
            described.begun_at,
            described.snapshot_at,
            described.first_segment,
            described.last_segment,
        ],
    )


def _is_finished(identity: UUID) -> bool:
    return bool(
        rows("select 1 from retention_backup where id = %s and finished_at is not null", [identity])
    )


def read_manifest(context: BackupContext, identity: UUID) -> Manifest:
    """Open the manifest of a backup.

    Raises:
        BackupError, CannotOpenError, KeyDestroyedError, TargetError: it is damaged, expired, or not
            there.
    """
    found = manifests.decode(
        b"".join(
            fetch(context.target, context.keys, place_of(identity, "manifest", context.environment))
        )
    )
    if found.id != identity or found.environment != context.environment:
        raise BackupError("the manifest belongs to another backup")
    return found


def _end(context: BackupContext, entry: KeyRecord, *, at: datetime) -> UUID:
    """End one backup by destroying its key, which ends every copy of it.

    Its objects are deleted afterwards.
    """
    identity = backup_of_key(entry) or entry.id
    with transaction.atomic(durable=True):
        record(
            Tag.BACKUP_END_INTENDED, actor=ACTOR, tenant=None, subject=f"backup:{identity}", at=at
        )
    context.reached("end intended")
    context.keys.destroy(entry.id)
    context.reached("key destroyed")
    return identity


def _record_ends(context: BackupContext, *, at: datetime) -> None:
    """Record which backups have expired, according to the key store.

    It includes those after whose expiry this process was killed.
    """
    for identity, key in rows(
        "select id, key_id from retention_backup where key_destroyed_at is null order by begun_at"
    ):
        if not context.keys.exists(key):
            with transaction.atomic():
                rows(
                    "update retention_backup set key_destroyed_at = %s where id = %s",
                    [at, identity],
                )
                record(
                    Tag.BACKUP_ENDED, actor=ACTOR, tenant=None, subject=f"backup:{identity}", at=at
                )
            context.reached("end recorded")


def _sweep(context: BackupContext, living: Collection[UUID]) -> None:
    """Delete the objects of our backups that can no longer be read.

    Other objects at the target may belong to others.
    """
    folders = {identity.hex for identity in living}
    others = [name for name in context.target.names() if name.split("/", 1)[0] not in folders]
    unreadable = _unreadable(context) if others else set()
    for name in others:
        if name.split("/", 1)[0] in unreadable:
            context.target.delete(name)
            context.reached(f"deleted {name}")


def _unreadable(context: BackupContext) -> set[str]:
    """Return the folders of the backups whose key this store destroyed."""
    ours = [entry for entry in context.keys.list() if entry.owner.startswith(BACKUP_OWNER)]
    living = {backup_of_key(entry) for entry in ours if not entry.destroyed}
    return {
        identity.hex
        for entry in ours
        if (identity := backup_of_key(entry)) is not None and identity not in living
    }


def _give_up(
    made: UUID, key: UUID, context: BackupContext, error: Exception, *, at: datetime
) -> None:
    context.keys.destroy(key)
    # The text of another error may contain data.
    why = str(error) if isinstance(error, BackupError) else type(error).__name__
    with transaction.atomic():
        rows(
            "update retention_backup set failed = %s, key_destroyed_at = %s where id = %s",
            [why[:200], at, made],
        )
        record(
            Tag.BACKUP_FAILED,
            actor=ACTOR,
            tenant=None,
            subject=f"backup:{made}",
            at=at,
            details={"error": type(error).__name__},
        )
    with contextlib.suppress(
        TargetError
    ):  # The target may be what failed; the next pruning sweeps.
        _sweep(
            context,
            {
                identity
                for entry in readable_backup_keys(context.keys)
                if (identity := backup_of_key(entry)) is not None
            },
        )


def readable(context: BackupContext, entry: KeyRecord) -> UUID | None:
    """Return the backup of a key if it is complete at the target, else None.

    It reads no database.
    """
    identity = backup_of_key(entry)
    return (
        identity
        if identity is not None and context.target.names(object_name(identity, "manifest"))
        else None
    )


def _key_of(identity: UUID) -> UUID:
    return UUID(str(rows("select key_id from retention_backup where id = %s", [identity])[0][0]))
