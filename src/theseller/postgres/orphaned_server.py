"""Clean up after a killed run: an orphaned server and stale lock files."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

from theseller.postgres.errors import ServerFailedError
from theseller.postgres.os_processes import (
    ProcessMark,
    command_line,
    process_mark,
    processes_in,
    stop_processes,
)
from theseller.postgres.server_folders import PORT

# Fast shutdown, immediate shutdown, kill: data is safe in each case, in the last two by recovery.
_SHUTDOWN_SIGNALS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))


def clean_up_after_killed_run(data: Path, run: Path, say: Callable[[str], None]) -> None:
    """Stop an orphaned server on `data`, then remove stale lock files.

    Call it under our own lock only, so that no other supervisor starts a server meanwhile.
    """
    found = orphaned_server(data)
    if found:
        say(f"stopping PostgreSQL (process {found.pid}), left by a run that was killed")
        if not stop_processes([found], signals=_SHUTDOWN_SIGNALS):
            raise ServerFailedError(
                f"PostgreSQL's process {found.pid} holds {data} and can't be stopped.",
                f"Stop it by hand: kill {found.pid}",
            )
    stragglers = [one for one in map(process_mark, processes_in(data)) if one]
    if stragglers and not stop_processes(
        stragglers, signals=((signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
    ):
        numbers = ", ".join(str(one.pid) for one in stragglers)
        raise ServerFailedError(
            f"Processes {numbers} still work in {data} and can't be stopped.",
            "Stop them by hand, then try again.",
        )
    # A reused or zombie pid in these files would prevent a start; no server is running now.
    for stale in (data / "postmaster.pid", run / f".s.PGSQL.{PORT}.lock", run / f".s.PGSQL.{PORT}"):
        with contextlib.suppress(FileNotFoundError):
            stale.unlink()


def orphaned_server(data: Path) -> ProcessMark | None:
    """Return the running server that `postmaster.pid` names, or None."""
    try:
        first = (data / "postmaster.pid").read_text().split("\n", 1)[0].strip()
    except FileNotFoundError:
        return None
    if not first.isdigit():
        return None
    pid = int(first)
    arguments = command_line(pid)
    is_ours = (
        any(Path(word).name == "postgres" for word in arguments[:1]) and str(data) in arguments
    )
    return process_mark(pid) if is_ours else None
