"""Disable core dumps and limit memory.

Two settings disable core dumps, since each covers a case that the other does not. The limit is
inherited by every program that is started, PostgreSQL included; but a system that pipes core dumps
to a program (systemd-coredump, apport) starts it whatever the limit. The kernel dumps no process
that is not dumpable; but exec resets that, so each program sets it again first.
"""

from __future__ import annotations

import ctypes
import re
import resource
import sys
from pathlib import Path

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
# Loaded at import: a fork hook must not load a library.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def disable_core_dumps() -> None:
    """Disable core dumps and ptrace by the same user (Linux).

    Call it first in a process. The limit is final, also for child processes, unless root raises it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit_memory(extra: int) -> bool:
    """Limit this process to `extra` more bytes of memory than it has now.

    Beyond it Python raises MemoryError, which ends one request and not the process. The limit
    counts private writable memory (RLIMIT_DATA): address space, which RLIMIT_AS counts, means
    little in a process with threads. Another call can lower it, never raise it above the first.

    Returns False where the system has no such limit.

    Source: getrlimit(2); Linux 4.7 or newer.
    """
    now = private_memory_bytes()
    if now is None:
        return False
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = now + extra
    resource.setrlimit(
        resource.RLIMIT_DATA,
        (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most),
    )
    return True


def private_memory_bytes() -> int | None:
    """Return the private writable memory in bytes; None if unknown.

    It is what `limit_memory` limits.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(r"^VmData:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def core_dumps_disabled() -> bool:
    """Return whether core dumps of this process are disabled.

    Outside of Linux only the limit counts.
    """
    dumpable = _LIBC is not None and _LIBC.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) != 0
    return resource.getrlimit(resource.RLIMIT_CORE)[0] == 0 and not dumpable
