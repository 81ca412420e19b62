"""Run several programs: start in order, restart, stop in reverse order.

Pid files with start times let the next run find what a killed supervisor left running; on Linux the
kernel ends the children with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

from theseller.cli.errors import CommandError
from theseller.postgres.os_processes import (
    ProcessMark,
    process_mark,
    stop_processes,
    stop_with_parent,
)
from theseller.postgres.server import Server

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
# After this many seconds a program counts as stable: its next failure counts as the first.
_STABLE_AFTER = 30.0
_STEP = 0.05
_LOG_LIMIT = 10 * 1024 * 1024


class StopRequestedError(BaseException):
    """A request to stop.

    It is no Exception: no handler on the way may take it for a failure.
    """


class Service(Protocol):
    """Something that runs beside us.

    `start` returns when it is ready or raises; `launch` starts it without waiting; `close` is
    called after its end.
    """

    @property
    def name(self) -> str:
        """Name for messages and log files."""

    def start(self) -> None:
        """Start it and return when it is ready, or raise."""

    def launch(self) -> None:
        """Start it without waiting."""

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""

    def terminate(self) -> None:
        """Request its end and return immediately."""

    def kill(self) -> None:
        """End it immediately."""

    def close(self) -> None:
        """Release what it used, after its end."""


@dataclass(slots=True)
class Program:
    """A child process.

    `ready` is called until it returns true; output is written to `log`, which remains after the
    run.
    """

    name: str
    argv: Sequence[str]
    folder: Path
    log: Path
    environ: Mapping[str, str]
    ready: Callable[[], bool] = lambda: True
    start_patience: float = 120.0
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def mark_file(self) -> Path:
        """File with the process's ID and start time."""
        return self.folder / f"{self.name}.pid"

    def start(self) -> None:
        """Start the child and wait until it is ready.

        Raises:
            CommandError: it ended before, or was not ready in time.
        """
        self._await_ready(self._launch())

    def launch(self) -> None:
        """Start the child and do not wait."""
        self._launch()

    def _launch(self) -> int:
        """Start the child; return the length of its log before it."""
        # Processes that the ended child started (gunicorn's workers, which have the port) must end
        # before the next one starts.
        self.close()
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.log.chmod(0o600)
            begun = log.tell()
            self._child = subprocess.Popen(  # noqa: S603
                list(self.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environ),
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop them in order
                # SIGKILL, not SIGTERM: if the supervisor ends, the database ends too, and nothing
                # is gained by waiting. All of the programs survive a kill.
                # one prctl call, loaded before the fork
                preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )
        own = process_mark(self._child.pid)
        if own:
            own.save(self.mark_file)
        return begun

    def poll(self) -> int | None:
        """Return the exit status, None while the child runs, 0 without a child."""
        return self._child.poll() if self._child else 0

    def terminate(self) -> None:
        """Send SIGTERM to the child's session."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the child's session."""
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """End whatever it started in its own session, and remove it from the list."""
        self._signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait()
        self._child = None
        self.mark_file.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, number)

    def _await_ready(self, begun: int) -> None:
        deadline = time.monotonic() + self.start_patience
        while not self.ready():
            status = self.poll()
            if status is not None:
                raise CommandError(
                    f"{self.name} ended while starting ({describe_exit(status)}).",
                    self._log_tail(begun),
                )
            if time.monotonic() > deadline:
                raise CommandError(
                    f"{self.name} is not ready after {self.start_patience:.0f} s.",
                    self._log_tail(begun),
                )
            time.sleep(_STEP)

    def _log_tail(self, begun: int) -> str:
        with self.log.open("rb") as log:
            log.seek(begun)
            lines = log.read().decode(errors="replace").strip().splitlines()
        return (
            "\n  ".join([f"Its log is {self.log}; it ends:", *(line[-300:] for line in lines[-6:])])
            if lines
            else f"Its log is {self.log}; it is empty."
        )


@dataclass(slots=True)
class DatabaseService:
    """The embedded server as one of the services."""

    server: Server
    name: str = "PostgreSQL"

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        self.server.ensure_started()

    def launch(self) -> None:
        """Start the server as `start` does."""
        # Waits all the same: nothing else of ours can work before it is ready.
        self.server.ensure_started()

    def poll(self) -> int | None:
        """Return the server's exit status, or None while it runs."""
        return self.server.poll()

    def terminate(self) -> None:
        """Request a fast shutdown."""
        self.server.request_stop()

    def kill(self) -> None:
        """Request an immediate shutdown; the next start recovers."""
        self.server.stop_immediately()

    def close(self) -> None:
        """Stop the server if it runs, and wait."""
        self.server.stop()


@dataclass(slots=True)
class _Supervised:
    service: Service
    started: float
    failures: int = 0
    restart_at: float | None = None


class Supervisor:
    """Runs services.

    `say` is called with a message for each event. Use it inside `signals()`, in the main thread.
    """

    def __init__(self, say: Callable[[str], None], *, patience: float = 15.0) -> None:
        self._report = say
        self._patience = patience
        self._watched: list[_Supervised] = []
        self._stopping = False
        self._kill_now = False

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Turn Ctrl-C and SIGTERM into StopRequestedError for the block.

        A second one, while stopping, ends the services immediately.
        """
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, service: Service) -> None:
        """Start one more service; it is stopped before all earlier ones.

        The caller handles a failure.
        """
        # Watched before it is ready, so that a stop while it starts stops it too.
        self._watched.append(_Supervised(service, time.monotonic()))
        service.start()

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Restart services that end, until `until()` is true.

        Raises:
            StopRequestedError: a signal arrived.
        """
        while not until():
            for one in self._watched:
                self._supervise(one, time.monotonic())
            time.sleep(_STEP)

    def stop(self) -> None:
        """Stop all services, the last started first.

        Each gets a request to stop and then, after the patience or a second signal, SIGKILL.
        """
        self._stopping = True
        while self._watched:
            service = self._watched.pop().service
            if service.poll() is None:
                begun = time.monotonic()
                service.terminate()
                killed = not self._ended(service, self._patience)
                if killed:
                    service.kill()
                    self._ended(service, 10.0, killed=True)
                took = time.monotonic() - begun
                self._say(
                    f"stopped {service.name} in {took:.1f} s" + (" (at once)" if killed else "")
                )
            service.close()

    def _say(self, sentence: str) -> None:
        # A terminal that was closed must not keep us from stopping what we started.
        with contextlib.suppress(OSError):
            self._report(sentence)

    def _ended(self, service: Service, patience: float, *, killed: bool = False) -> bool:
        deadline = time.monotonic() + patience
        while service.poll() is None:
            if time.monotonic() > deadline:
                return False
            # A second signal counts for all services.
            if self._kill_now and not killed:
                return False
            time.sleep(_STEP)
        return True

    def _supervise(self, one: _Supervised, at: float) -> None:
        if one.restart_at is not None:
            if at >= one.restart_at and not self._dependency_down(one):
                self._restart(one)
            return
        status = one.service.poll()
        if status is None:
            return
        if at - one.started > _STABLE_AFTER:
            one.failures = 0
        self._schedule(one, at, f"{one.service.name} ended ({describe_exit(status)})")

    def _dependency_down(self, one: _Supervised) -> bool:
        """Return whether a service started before this one is down.

        This one may depend on it.
        """
        return any(
            other.restart_at is not None for other in self._watched[: self._watched.index(one)]
        )

    def _schedule(self, one: _Supervised, at: float, event: str) -> None:
        one.failures += 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (one.failures - 1))
        one.restart_at = at + pause
        self._say(f"{event}; starting it again in {pause:g} s")

    def _restart(self, one: _Supervised) -> None:
        one.restart_at, one.started = None, time.monotonic()
        try:
            one.service.launch()
        # whatever the reason, the others go on and this one is tried again
        except Exception as error:  # noqa: BLE001
            if one.service.poll() is None:
                one.service.kill()
            self._schedule(
                one, time.monotonic(), f"{one.service.name} could not be started: {error}"
            )
        else:
            self._say(f"{one.service.name} is running again")

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            self._kill_now = True
            return
        # Set here already: a second signal, before the first has unwound to stop(), must not
        # interrupt the unwinding.
        self._stopping = True
        raise StopRequestedError


def stop_orphans(folder: Path, say: Callable[[str], None]) -> int:
    """Stop what a killed supervisor left; return the number of pid files.

    Call it under the supervisor's lock.

    Raises:
        CommandError: a process could not be stopped.
    """
    paths = sorted(folder.glob("*.pid"))
    for path in paths:
        found = ProcessMark.load(path)
        if found and found.alive():
            say(f"stopping {path.stem} (process {found.pid}), left by a run that was killed")
            patience = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
            if not stop_processes([found], signals=patience, group=True):
                raise CommandError(
                    f"{path.stem} (process {found.pid}) of an earlier run can't be stopped.",
                    f"Stop it: kill -9 {found.pid}",
                )
        path.unlink()
    return len(paths)


def describe_exit(status: int) -> str:
    """Return how a process ended, in words."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"
