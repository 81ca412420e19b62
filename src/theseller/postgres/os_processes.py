"""Processes identified by pid and start time, since pids are reused."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from theseller.lib.state_file_names import new_mark_name

_PR_SET_PDEATHSIG = 1
# A constant to us, but not to a type checker that would call the other system's half unreachable.
_LINUX = bool(sys.platform == "linux")
_LIBC = ctypes.CDLL(None, use_errno=True) if _LINUX else None


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process.

    `started` is opaque (ticks since boot, or the text of `ps`), compared for equality only.
    """

    pid: int
    started: str

    def alive(self) -> bool:
        """Say whether the process still runs.

        A later process with the same number is another one.
        """
        return start_time(self.pid) == self.started

    def save(self, path: Path) -> None:
        """Write the mark atomically."""
        fresh = path.with_name(new_mark_name(path.name))
        fresh.write_text(json.dumps({"pid": self.pid, "started": self.started}))
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> ProcessMark | None:
        """Return the saved mark; None if there is none or it can't be read."""
        try:
            saved = json.loads(path.read_text())
            return cls(int(saved["pid"]), str(saved["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def process_mark(pid: int) -> ProcessMark | None:
    """Return the mark of a running process; None for none and for a zombie."""
    started = start_time(pid)
    return None if started is None else ProcessMark(pid, started)


def start_time(pid: int) -> str | None:
    """Return a process's start time as opaque text; None as `process_mark`."""
    if _LINUX:
        return _start_time_linux(pid)
    answer = _ps(pid, "stat=,lstart=")
    return None if answer is None or answer.startswith("Z") else answer.split(maxsplit=1)[-1]


def _start_time_linux(pid: int) -> str | None:
    try:
        # The name in parentheses may hold spaces and parentheses itself; fields are counted after
        # the last one.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else fields[19]


def command_line(pid: int) -> list[str]:
    """Return a process's arguments; `[]` if it ended or may not be read."""
    if _LINUX:
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return []
        return [part.decode(errors="replace") for part in raw.split(b"\0") if part]
    answer = _ps(pid, "command=")
    return answer.split() if answer else []


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose working directory is `folder`.

    Limited to what this user may see. Linux only; `[]` elsewhere.
    """
    if not _LINUX:
        return []
    found: list[int] = []
    wanted = str(folder.resolve())
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (
                    str((entry / "cwd").readlink()) == wanted
                    and start_time(int(entry.name)) is not None
                ):
                    found.append(int(entry.name))
    return sorted(found)


def stop_processes(
    marks: Iterable[ProcessMark],
    *,
    signals: Iterable[tuple[signal.Signals, float]],
    group: bool = False,
) -> bool:
    """Send each signal in turn and wait its seconds; return whether all ended.

    With `group`, signal the process group.
    """
    remaining = list(marks)
    for number, patience in signals:
        for one in filter(ProcessMark.alive, remaining):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if group:
                    os.killpg(one.pid, number)
                else:
                    os.kill(one.pid, number)
        if wait_until(partial(_all_ended, remaining), patience):
            return True
        remaining = [one for one in remaining if one.alive()]
    return False


def _all_ended(marks: Iterable[ProcessMark]) -> bool:
    return not any(one.alive() for one in marks)


def wait_until(condition: Callable[[], bool], patience: float, *, step: float = 0.02) -> bool:
    """Poll `condition` up to `patience` seconds; return whether it held."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(step)
    return True


def stop_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return a preexec function: signal the child when its parent ends.

    Also if the parent is killed. Linux only; elsewhere None, and the pid files let the next run
    find the process.
    """
    if _LIBC is None:
        return None
    parent, libc = os.getpid(), _LIBC

    def ask_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def _ps(pid: int, columns: str) -> str | None:
    answer = subprocess.run(  # noqa: S603
        ["ps", "-o", columns, "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or None
