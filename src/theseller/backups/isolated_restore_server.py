"""Run a backup as a server that only this process and its commands use.

It has its own folder and private socket, no other listener and no job. The caller decides what
happens to it: a drill deletes it, a restore makes it the deployment's database after the erasures
since the backup were repeated in it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql

from theseller.backups import wal_backup
from theseller.backups.backup_configuration import BackupContext
from theseller.backups.database_source import refuse_other_major
from theseller.backups.error_translation import as_backup_error
from theseller.backups.operations import read_manifest
from theseller.backups.sealed_objects import fetch, place_of
from theseller.backups.types import BackupError, Manifest
from theseller.crypto.errors import CannotOpenError
from theseller.postgres.base_backups import unpack, verify_unpacked
from theseller.postgres.binaries import Binaries, find_binaries
from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.os_account import Account, server_account
from theseller.postgres.role_setup import DATABASE, QUARANTINE
from theseller.postgres.server import Server, make_folder
from theseller.postgres.server_folders import Layout, own_folder, prepare_layout
from theseller.postgres.temporary_server_removal import discard

#: Within the quarantine: WAL in plain, deleted with it.
_WAL, _HBA = "wal", "pg_hba.conf"
#: pg_hba.conf. Who may connect: the superuser, through a folder that only the server's own user may
#: enter; and, only while the database has a name that no one can guess, the roles that repeat the
#: erasures, with their passwords. The web's role may not connect.
_HBA_RULES = (
    "local all {superuser} trust\n"
    "local {database} theseller_migrate,theseller_worker,theseller_retention,theseller_probe"
    " scram-sha-256\n"
)
_STEP_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A restored database behind its own socket.

    `conninfo` is the superuser's: only our own operating system user reaches the socket.
    """

    folder: Path
    layout: Layout
    manifest: Manifest
    binaries: Binaries
    server: Server
    hidden_name: str

    def conninfo(self, database: str = DATABASE) -> str:
        """Return the superuser's connection string for a database."""
        return self.server.dsn(SUPERUSER, "", database)

    @contextlib.contextmanager
    def hidden(self) -> Iterator[str]:
        """Rename the database for the block and yield the new name.

        No one can guess the name, and our roles may connect under that name only.
        """
        self._rename(DATABASE, self.hidden_name)
        yield self.hidden_name
        self._rename(self.hidden_name, DATABASE)

    def _rename(self, before: str, after: str) -> None:
        statement = sql.SQL("alter database {} rename to {}").format(
            sql.Identifier(before), sql.Identifier(after)
        )
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(statement)


def lay_out(
    context: BackupContext, identity: UUID, folder: Path, *, whole_wal: bool
) -> tuple[Manifest, Layout]:
    """Write a backup's files to `folder`, opened and verified.

    No server is started.

    Args:
        context: target, keys and source of the backups.
        identity: the backup's ID.
        folder: deleted first, then created.
        whole_wal: whether to write all WAL that was stored with the backup, for the newest state;
            otherwise only the WAL that completes the backup.

    Raises:
        BackupError: it is expired, damaged or incomplete. The message says which.
    """
    with as_backup_error():
        described = read_manifest(context, identity)
        binaries = find_binaries(os.environ)
        refuse_other_major(
            f"the backup was made by PostgreSQL {described.postgres}", described.postgres, binaries
        )
        discard(folder)
        make_folder(folder)
        make_folder(folder / "postgres")
        account = server_account(folder / "postgres" / "data", lambda _sentence: None)
        layout = prepare_layout(folder, account)
        _write_wal(
            context, described, layout, account, whole=whole_wal
        )  # First: it is small, and as likely to be damaged.
        unpack(_content(context, described, "base"), layout, account)
        verify_unpacked(layout, binaries, account)
        _write_as(layout.data / "recovery.signal", b"", account)
    return described, layout


def add_unsealed_wal(former: Layout, layout: Layout) -> int:
    """Add the former database's WAL that is in no backup; return how many.

    A restore of the newest state needs it. PostgreSQL checks each record, so a segment that was cut
    or damaged ends the recovery there and does no harm.
    """
    account = server_account(layout.data, lambda _sentence: None)
    known, added = {path.name for path in (layout.home / _WAL).iterdir()}, 0
    for folder in (former.archive, former.data / "pg_wal"):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if wal_backup.is_segment(path.name) and path.name not in known:
                _write_as(layout.home / _WAL / path.name, path.read_bytes(), account)
                known.add(path.name)
                added += 1
    return added


def refuse_gap(described: Manifest, layout: Layout) -> None:
    """Check that no WAL file is missing between those that are there.

    Raises:
        BackupError: one is. A recovery would end there without saying what is lost.
    """
    missing = wal_backup.first_missing(
        (path.name for path in (layout.home / _WAL).iterdir()), described.first_segment
    )
    if missing is not None:
        raise BackupError(
            f"the WAL file {missing} is missing, and later ones are there: `--until backup-time`"
            " restores what the backup itself holds, `--allow-wal-gap` all until the gap"
        )


@contextlib.contextmanager
def running(
    described: Manifest,
    layout: Layout,
    folder: Path,
    *,
    until: datetime | str | None,
    durable: bool,
) -> Iterator[Quarantine]:
    """Recover the files of `lay_out` and run them for the block.

    `until`: the backup's own moment (a name), an instant, or None for all WAL that is there.

    Raises:
        BackupError: the server ended during recovery: the WAL doesn't reach that far or is damaged.
        ServerFailedError: the server can't be started.
    """
    binaries = find_binaries(os.environ)
    hidden_name = f"{QUARANTINE}{secrets.token_hex(16)}"
    account = server_account(layout.data, lambda _sentence: None)
    _write_as(
        layout.home / _HBA,
        _HBA_RULES.format(superuser=SUPERUSER, database=hidden_name).encode(),
        account,
    )
    server = Server(
        folder,
        binaries=binaries,
        superuser_password="",
        durable=durable,
        purpose="theseller restore",
        extra=_recovery(layout, until),
    )
    server.ensure_started()
    try:
        _await_recovered(server)
        yield Quarantine(folder, layout, described, binaries, server, hidden_name)
    finally:
        server.stop()


def _await_recovered(server: Server) -> None:
    """Wait until a recovering server has replayed its last WAL record.

    It accepts connections before that.

    Raises:
        BackupError: the server ended before.
    """
    while server.poll() is None:
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(server.dsn(SUPERUSER, "", "postgres"), autocommit=True) as connection,
        ):
            row = connection.execute("select pg_is_in_recovery()").fetchone()
            if row == (False,):
                return
        time.sleep(_STEP_SECONDS)
    raise BackupError(
        "this backup can't be recovered as far as was asked: WAL of it is missing or damaged"
    )


def _recovery(layout: Layout, until: datetime | str | None) -> dict[str, str]:
    folder = layout.home / _WAL
    target = {}
    if isinstance(until, datetime):
        target = {"recovery_target_time": until.isoformat(), "recovery_target_action": "promote"}
    elif until is not None:
        target = {"recovery_target_name": until, "recovery_target_action": "promote"}
    return {
        "restore_command": f'cp "{folder}/%f" "%p"',
        "recovery_target_timeline": "current",
        "hba_file": str(layout.home / _HBA),
        "archive_mode": "off",
        "max_connections": "100",  # At least the source's, or recovery refuses.
        **target,
    }


def _write_wal(
    context: BackupContext, described: Manifest, layout: Layout, account: Account, *, whole: bool
) -> None:
    folder = layout.home / _WAL
    own_folder(folder, account)
    if (
        gap := wal_backup.first_missing(
            map(_short, described.objects), described.first_segment, described.last_segment
        )
    ) is not None:
        raise BackupError(f"this backup is incomplete: its manifest names no WAL file {gap}")
    prefix = f"{described.id.hex}/wal/"
    names = [name.removeprefix(prefix) for name in context.target.names(prefix)]
    if missing := [
        name for name in described.objects if name.startswith("wal/") and _short(name) not in names
    ]:
        raise BackupError(f"this backup is incomplete: {len(missing)} of its WAL files are missing")
    for name in names:
        own = wal_backup.is_segment(name) and name <= described.last_segment
        if whole or own:
            _write_as(folder / name, _wal_content(context, described, name), account)


def _wal_content(context: BackupContext, described: Manifest, name: str) -> bytes:
    try:
        return b"".join(_content(context, described, f"wal/{name}"))
    except CannotOpenError:
        later = (
            ""
            if name <= described.last_segment
            else ": `--until backup-time` restores what the backup itself holds, without it"
        )
        raise BackupError(
            f"the WAL file {name} of this backup is damaged, or was tampered with{later}"
        ) from None


def _content(context: BackupContext, described: Manifest, name: str) -> Iterator[bytes]:
    where = place_of(described.id, name, context.environment)
    return fetch(context.target, context.keys, where, sha256=described.objects.get(name, ""))


def _short(name: str) -> str:
    return name.removeprefix("wal/")


def _write_as(path: Path, content: bytes, account: Account) -> None:
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600),
        "wb",
    ) as file:
        file.write(content)
    if account.switch:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
