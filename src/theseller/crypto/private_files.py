"""Files with mode 0600 that are written atomically.

They have keys, secrets and the other files of the state folder that no one else may read.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from theseller.crypto.errors import UnsafePermissionsError
from theseller.lib.state_file_names import LOCK, UNFINISHED_PREFIX, unfinished_name

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def private_directory(directory: Path) -> Path:
    """Create `directory` with mode 0700 if it is missing, and return it.

    Raises:
        UnsafePermissionsError: it belongs to another user, is open to others, or is no directory.
    """
    if not directory.exists():
        private_parents = [
            parent for parent in (directory, *directory.parents) if not parent.exists()
        ]
        for missing in reversed(private_parents):
            missing.mkdir(mode=0o700, exist_ok=True)
            sync_directory(missing.parent)
    status = directory.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafePermissionsError(
            f"{directory} is not a directory: name one that holds nothing else"
        )
    _check_owner_and_mode(directory, status, "700")
    return directory


def read_private(path: Path, most: int = -1) -> bytes:
    """Return the content of a private file, or its first `most` bytes.

    Raises:
        OSError: there is none (FileNotFoundError), or the disk fails.
        UnsafePermissionsError: it belongs to another user, is open to others, or is a link.
    """
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafePermissionsError(f"{path} is a link: put the file itself there") from None
        if error.errno == errno.EACCES:
            raise UnsafePermissionsError(
                f"{path} cannot be read by user {os.geteuid()}: `chown {os.geteuid()} {path}`"
            ) from None
        raise
    # The open file is checked, so it can't be replaced between check and read.
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        _check_owner_and_mode(path, os.fstat(descriptor), "600")
        return file.read(most) or b""


def write_private(path: Path, content: bytes) -> None:
    """Write `path` atomically with mode 0600.

    After a crash at any point it has all of the old content or all of the new. The caller holds the
    directory's lock. The content has been synced to the disk on return.
    """
    temporary = path.with_name(unfinished_name())
    try:
        with os.fdopen(os.open(temporary, _NEW, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # an unusual umask may have removed our own rights
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        # The caller needs the first error, not that a full disk can't be zeroed either.
        with contextlib.suppress(OSError):
            erase(temporary)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def erase(path: Path) -> None:
    """Overwrite the file with zeros, sync, then remove it.

    Solid-state disks and copy-on-write file systems may keep the old blocks; therefore key files
    hold wrapped keys only.

    Raises:
        FileNotFoundError: there is none.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "wb") as file:
        file.write(bytes(os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_directory(path.parent)


def erase_unfinished(directory: Path) -> None:
    """Erase the temporary files of killed writers.

    The caller holds the directory's lock, so no writer is running.
    """
    for leftover in directory.glob(UNFINISHED_PREFIX + "*"):
        erase(leftover)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Lock `directory` against all other threads and processes that use this.

    The kernel releases the lock of an ended process.
    """
    descriptor = os.open(
        directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def file_system_time(directory: Path) -> datetime:
    """Return the file system's current time, in UTC.

    It is the time that a file written to `directory` now would get.
    """
    lock = directory / LOCK
    os.utime(lock)
    return datetime.fromtimestamp(lock.stat().st_mtime, UTC)


def sync_directory(directory: Path) -> None:
    """Sync the directory's entries; otherwise a power loss may undo a rename."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_owner_and_mode(path: Path, status: os.stat_result, mode: str) -> None:
    if status.st_uid != os.geteuid():
        raise UnsafePermissionsError(
            f"{path} belongs to user {status.st_uid}, and this process is user {os.geteuid()}:"
            f" run as that user, or `chown {os.geteuid()} {path}`"
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise UnsafePermissionsError(f"{path} is open to other users: `chmod {mode} {path}`")
