"""Target, source, keys and lock of backups, read from the settings."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg.conninfo
from django.conf import settings

from theseller.backups.database_source import EmbeddedSource, Source
from theseller.backups.storage_targets import Target, make_target
from theseller.backups.types import BackupError
from theseller.crypto.key_store_protocol import KeyStore
from theseller.postgres.binaries import find_binaries
from theseller.postgres.os_account import server_account
from theseller.postgres.server_folders import control_folder, prepare_layout, saved_layout

_LOCK = "backups.lock"


def _nothing(_step: str) -> None:
    """Ignore the step."""


@dataclass(frozen=True, slots=True)
class BackupContext:
    """What every operation on backups needs.

    `reached` is called with the name of each step, after it and before the next.
    """

    target: Target
    keys: KeyStore
    environment: str
    source: Source
    lock: Path
    reached: Callable[[str], None] = _nothing


def is_configured() -> bool:
    """Return whether this deployment takes backups itself.

    One with its own database service has that service's backups.
    """
    return bool(settings.ENVIRONMENT.backups)


def backup_context(*, new: bool = False) -> BackupContext:
    """Return this deployment's backup context.

    Args:
        new: whether the database may not exist yet, because a restore is going to make it.

    Raises:
        BackupError: it takes no backups itself, or its database was never started.
    """
    environment = settings.ENVIRONMENT
    if not environment.backups:
        raise BackupError(
            "this deployment takes no backups itself (THESELLER_BACKUPS=none, or a database of its"
            " own service)"
        )
    layout = saved_layout(environment.state)
    if layout is None and new:
        layout = prepare_layout(
            environment.state,
            server_account(control_folder(environment.state) / "data", lambda _sentence: None),
        )
    if layout is None:
        raise BackupError(
            "there is no embedded database in this state folder yet: run `theseller migrate` first"
        )
    password = settings.SECRETS.get("db-backup").reveal()
    conninfo = psycopg.conninfo.make_conninfo(
        host=str(layout.run),
        port=5432,
        user="theseller_backup",
        password=password,
        dbname=environment.database_name,
        connect_timeout=10,
    )
    return BackupContext(
        target=make_target(environment.backups),
        keys=settings.KEY_STORE,
        environment=environment.kind.value,
        source=EmbeddedSource(find_binaries(os.environ), conninfo, layout.archive),
        lock=control_folder(environment.state) / _LOCK,
    )


@contextlib.contextmanager
def try_lock(lock: Path) -> Iterator[bool]:
    """Take the lock of backups for the block; yield whether it was free.

    It does not wait if another process of this machine has the lock.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
