"""Keep what a process knows in that process: no image of its memory on a disk, and none taken by another of the same user.

Two locks, since each is open where the other holds. The limit is inherited by every program we start, PostgreSQL too; but a system that
pipes images to a program (systemd-coredump, apport) starts that program whatever the limit says. The kernel makes no image at all of a
process that is not dumpable; but that ends with each exec, so each program of ours asks for it anew, as its first act.
"""

from __future__ import annotations

import ctypes
import re
import resource
import sys
from pathlib import Path

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
# Loaded at import: the hook of a fork is no place to load a library.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def disable_core_dumps() -> None:
    """Have the system write no image of this process when it crashes, and let no other of this user attach to it (Linux).

    Call it as the first thing of a process. The limit is final, also for what this process starts, unless root raises it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit_memory(extra: int) -> bool:
    """Let this process take at most `extra` bytes more of memory than it has now; return False where the system has no such limit.

    Beyond it Python raises MemoryError, which ends one request and not the process. The limit counts private writable memory
    (RLIMIT_DATA), since address space alone, which RLIMIT_AS counts, says little of a process with threads. It can be lowered
    again by another call, never raised above the first.

    Source: getrlimit(2); Linux 4.7 or newer.
    """
    now = private_memory_bytes()
    if now is None:
        return False
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = now + extra
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most))
    return True


def private_memory_bytes() -> int | None:
    """Return the bytes of private writable memory that this process has mapped (what `limit_memory` limits); None if unknown."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmData:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def core_dumps_disabled() -> bool:
    """Say whether both locks hold for this process; where there is only the one (not Linux), whether that does."""
    dumpable = _LIBC is not None and _LIBC.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0
    return resource.getrlimit(resource.RLIMIT_CORE)[0] == 0 and not dumpable
