"""Create a database cluster; the settings that the server runs with."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from theseller.lib.state_file_names import INITDB_PASSWORD
from theseller.postgres import server_start_failures
from theseller.postgres.binaries import Binaries
from theseller.postgres.errors import ServerFailedError
from theseller.postgres.os_account import Account
from theseller.postgres.server_folders import PORT, Layout, own_folder

SUPERUSER = "theseller_super"
#: Partial WAL segments are archived after this long: the most that a lost machine can lose.
ARCHIVE_SECONDS = 300
_MIB = 1024 * 1024
# A new cluster takes 40 MB, its first WAL segment 16 MB; with less the first migration would fail.
SPACE_NEEDED = 300 * _MIB


def initialize(
    layout: Layout, binaries: Binaries, account: Account, superuser_password: str
) -> None:
    """Create the cluster in `layout.data`.

    With checksums, UTF-8 and SCRAM authentication. A half-made cluster is discarded.

    Raises:
        ServerFailedError: too little space, or initdb failed.
    """
    free = shutil.disk_usage(layout.home).free
    if free < SPACE_NEEDED:
        raise ServerFailedError(
            f"{layout.home} has {free // _MIB} MB left; PostgreSQL needs"
            f" {SPACE_NEEDED // _MIB} MB.",
            "Free some space.",
        )
    fresh = layout.home / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    own_folder(fresh, account)
    with _password_file(layout, account, superuser_password) as password_file:
        command = [
            str(binaries.program("initdb")),
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--data-checksums",
            "--no-instructions",
            *_locale(binaries.major),
        ]
        answer = subprocess.run(  # noqa: S603
            command,
            capture_output=True,
            text=True,
            cwd="/",
            env=environment(),
            check=False,
            **account.popen_options(),
        )
    if answer.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise server_start_failures.startup_failure("could not make its data folder", answer.stderr)
    fresh.rename(layout.data)


def check_version(layout: Layout, binaries: Binaries) -> None:
    """Check that the data is of the programs' major version.

    Raises:
        ServerFailedError: it is not; PostgreSQL can't read it.
    """
    made_by = (layout.data / "PG_VERSION").read_text().strip()
    if made_by == str(binaries.major):
        return
    older = made_by.isdigit() and int(made_by) < binaries.major
    raise ServerFailedError(
        f"The database in {layout.data} was made by PostgreSQL {made_by}; the programs found"
        f" are {binaries.version} ({binaries.origin}).",
        ("Upgrade it: `theseller postgres upgrade` (docs/operate/upgrades.md). Or point" if older
         else "Point")
        + f" THESELLER_PG_BIN to PostgreSQL {made_by}'s programs.",
    )  # fmt: skip


def environment() -> dict[str, str]:
    """Return the server's environment; it contains no secret of ours."""
    return {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


def settings(layout: Layout, *, durable: bool, memory: int | None = None) -> Mapping[str, str]:
    """Return the server's settings.

    The log takes LOG, FATAL and PANIC only: an ERROR can quote values of a statement. `durable` is
    False for throw-away databases; `memory` is the machine's, in bytes, read from the system if
    None.
    """
    memory = _machine_memory() if memory is None else memory
    buffers = max(64, min(512, memory // _MIB // 8))
    chosen = {
        "listen_addresses": "",
        "unix_socket_directories": str(layout.run),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "password_encryption": "scram-sha-256",
        "max_connections": "100",
        "shared_buffers": f"{buffers}MB",
        "effective_cache_size": f"{max(128, min(8192, memory // _MIB // 2))}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{max(32, min(256, buffers))}MB",
        "max_wal_size": "2GB",
        # A recycled WAL file keeps its content until overwritten: erased data would remain on disk.
        "wal_recycle": "off",
        "wal_compression": "pglz",
        "max_slot_wal_keep_size": "4GB",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_statement": "none",
        "log_min_duration_statement": "-1",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_checkpoints": "off",
    }
    if not durable:
        chosen |= {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "shared_buffers": "128MB",
            "max_connections": "100",
        }
    return chosen


def archiving(layout: Layout) -> Mapping[str, str]:
    """Return the settings that archive finished WAL to `layout.archive`.

    The backups have to remove it from there.
    """
    return {
        "archive_mode": "on",
        # PostgreSQL's own module: it writes beside, syncs and renames, and refuses to overwrite
        # another content.
        "archive_library": "basic_archive",
        "basic_archive.archive_directory": str(layout.archive),
        "archive_timeout": f"{ARCHIVE_SECONDS}s",
    }


def _locale(major: int) -> list[str]:
    """Return options to sort by code point on every machine.

    Built in since PostgreSQL 17, the C library's before.
    """
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C", "--lc-ctype=C.UTF-8"]


@contextlib.contextmanager
def _password_file(layout: Layout, account: Account, password: str) -> Iterator[Path]:
    """Write a file that only the server's user can read, and remove it.

    /dev/fd would be refused after the change of user.
    """
    path = layout.run / INITDB_PASSWORD
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, password.encode() + b"\n")
        if account.switch:
            os.fchown(handle, account.uid, account.gid)
        os.close(handle)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 2048 * _MIB
