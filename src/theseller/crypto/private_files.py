"""Files that only we can read, written whole or not at all. The key store and the file secret provider stand on these."""

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
from theseller.lib.state_files import LOCK, UNFINISHED_PREFIX, unfinished_name

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def private_directory(directory: Path) -> Path:
    """Make `directory` with mode 0700 if it is missing, and return it.

    Raises:
        UnsafePermissionsError: it exists but is another user's, is open to others, or is no directory.
    """
    if not directory.exists():
        private_parents = [parent for parent in (directory, *directory.parents) if not parent.exists()]
        for missing in reversed(private_parents):
            missing.mkdir(mode=0o700, exist_ok=True)
            sync_directory(missing.parent)
    status = directory.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafePermissionsError(f"{directory} is not a directory: name one that holds nothing else")
    _check_owner_and_mode(directory, status, "700")
    return directory


def read_private(path: Path, most: int = -1) -> bytes:
    """Return the content of a file that is ours alone; with `most`, its first bytes, and no other comes into memory.

    Raises:
        OSError: there is none (FileNotFoundError), or the disk fails.
        UnsafePermissionsError: it is another user's, is open to others, or is a link.
    """
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafePermissionsError(f"{path} is a link: put the file itself there") from None
        if error.errno == errno.EACCES:
            raise UnsafePermissionsError(f"{path} cannot be read by user {os.geteuid()}: `chown {os.geteuid()} {path}`") from None
        raise
    # The open file is what is checked, so nothing can be put in its place between the check and the read.
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        _check_owner_and_mode(path, os.fstat(descriptor), "600")
        return file.read(most) or b""


def write_private(path: Path, content: bytes) -> None:
    """Write `path` with mode 0600: after a crash at any point it holds all of the old content or all of the new.

    The caller holds the directory's lock. On return, the content is on the disk and not only in the page cache.
    """
    temporary = path.with_name(unfinished_name())
    try:
        with os.fdopen(os.open(temporary, _NEW, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # a strange umask may have taken our own rights
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        # Why the content could not be written is what the caller has to know, and not that a full disk takes no zeros either.
        with contextlib.suppress(OSError):
            erase(temporary)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def erase(path: Path) -> None:
    """Overwrite the file with zeros, then remove it, both on the disk before this returns.

    Solid-state disks and copy-on-write file systems may keep the old blocks; that is why key files hold wrapped keys only.

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
    """Erase what a killed writer left in `directory`. The caller holds its lock, so no writer is alive."""
    for leftover in directory.glob(UNFINISHED_PREFIX + "*"):
        erase(leftover)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold `directory` against every other thread and process that asks the same; a dead holder's lock is free at once."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def file_system_time(directory: Path) -> datetime:
    """Return the time by the file system's own stamp, in UTC: what a record made in `directory` now is dated with."""
    lock = directory / LOCK
    os.utime(lock)
    return datetime.fromtimestamp(lock.stat().st_mtime, UTC)


def sync_directory(directory: Path) -> None:
    """Put the directory's own entries on the disk; without it a rename may be undone by a power cut."""
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
