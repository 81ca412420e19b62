"""A lock file that one process at a time has, and that names it.

The kernel releases the lock when its process ends. Processes in several containers may share it:
the file names the holder's PID namespace, since a PID of another one is another process here.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from theseller.postgres.os_processes import ProcessMark, process_mark


class LockFile:
    """A lock with its holder's name, until `release()` or the process's end."""

    def __init__(self, path: Path, purpose: str) -> None:
        self.path = path
        self.purpose = purpose
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock and write our name; False if another process has it."""
        if self._handle is not None:
            return True
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()} {self.purpose}\n{pid_namespace()}\n".encode())
        self._handle = handle
        return True

    def release(self) -> None:
        """Release the lock.

        The file stays: removing it would let two processes lock two files of one name.
        """
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def holder(self) -> tuple[ProcessMark, str] | None:
        """Return the process that has the lock, and its purpose; None if free.

        A process in another container can't be signaled or waited for: its mark is never alive.
        """
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            first, _, namespace = self.path.read_text().strip().partition("\n")
            pid, _, purpose = first.partition(" ")
            if not pid.isdigit():
                return None
            if namespace not in {"", pid_namespace()}:
                return ProcessMark(int(pid), ""), f"{purpose}, in another container"
            found = process_mark(int(pid))
            return (found, purpose) if found else None
        finally:
            os.close(handle)
        return None


def pid_namespace() -> str:
    """Return the identity of this process's PID namespace.

    "" on systems without them.
    """
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
