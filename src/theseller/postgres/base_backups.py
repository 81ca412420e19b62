"""Base backups by PostgreSQL's own programs: stream, unpack, verify.

The stream is one tar of the data folder with PostgreSQL's manifest in it (SHA-256 of each file) and
no WAL: WAL comes from the archive.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator

from theseller.lib.chunks_as_file import as_file
from theseller.postgres import initdb_and_settings
from theseller.postgres.binaries import Binaries
from theseller.postgres.client_program_execution import client_environment, last_line
from theseller.postgres.errors import DamagedBackupError, PostgresError
from theseller.postgres.os_account import Account
from theseller.postgres.server_folders import Layout, own_folder
from theseller.postgres.tar_extract import UnexpectedMemberError, extract

_CHUNK_BYTES = 1024 * 1024


class BackupFailedError(PostgresError):
    """The copy of the running cluster failed: its output is no backup."""


def base_backup(binaries: Binaries, conninfo: str) -> Iterator[bytes]:
    """Yield the running cluster as a tar.

    `conninfo` is of a role that may replicate; its password is passed by the environment.

    Raises:
        BackupFailedError: by the iteration, if pg_basebackup failed, even after its last byte.
    """
    command = [
        str(binaries.program("pg_basebackup")),
        "--pgdata=-",
        "--format=tar",
        "--wal-method=none",
        "--checkpoint=fast",
        "--no-password",
        "--manifest-checksums=SHA256",
        "--no-sync",
    ]
    # A file, not a pipe: no one reads a pipe meanwhile, and a full one would block the program.
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
            cwd="/",
            env=client_environment(conninfo),
            bufsize=0,
        )
        try:
            output = child.stdout
            if output is None:
                raise BackupFailedError("pg_basebackup has no output.")
            while piece := output.read(_CHUNK_BYTES):
                yield piece
            if child.wait() != 0:
                words.seek(0)
                raise BackupFailedError(
                    f"pg_basebackup failed: {last_line(words.read())}",
                    "The database's log says more.",
                )
        finally:
            # If the reader stops early, the program must not wait forever.
            if child.poll() is None:
                child.kill()
                child.wait()
            if child.stdout is not None:
                child.stdout.close()


def unpack(tar: Iterable[bytes], layout: Layout, account: Account) -> None:
    """Unpack the tar of `base_backup` to `layout.data`, which must not exist.

    The files belong to the server's account. They are written beside and renamed, so that `data` is
    complete if it exists.

    Raises:
        DamagedBackupError: it is no such tar, or has unexpected content.
    """
    fresh = layout.home / "data.restoring"
    if fresh.exists():
        shutil.rmtree(fresh)
    own_folder(fresh, account)
    try:
        extract(as_file(tar), fresh)
    except UnexpectedMemberError as error:
        raise DamagedBackupError(f"The backup's content is no data folder: {error}.") from None
    except (tarfile.TarError, EOFError, ValueError):
        raise DamagedBackupError("The backup's content is no data folder.") from None
    for path in (fresh, *fresh.rglob("*")):
        if account.switch:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        path.chmod(0o700 if path.is_dir() else 0o600)
    fresh.rename(layout.data)


def verify_unpacked(layout: Layout, binaries: Binaries, account: Account) -> None:
    """Compare each file with PostgreSQL's manifest.

    Raises:
        DamagedBackupError: a file is missing, unexpected, or different.
    """
    answer = subprocess.run(  # noqa: S603
        [
            str(binaries.program("pg_verifybackup")),
            "--no-parse-wal",
            "--exit-on-error",
            str(layout.data),
        ],
        capture_output=True,
        cwd="/",
        env=initdb_and_settings.environment(),
        check=False,
        **account.popen_options(),
    )
    if answer.returncode != 0:
        raise DamagedBackupError(
            f"pg_verifybackup refuses the restored files: {last_line(answer.stderr)}"
        )
