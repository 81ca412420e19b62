"""A whole demo as real processes, started by the command of `make demo`.

It has its own folder and ports, and is removed when it is closed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from tests import preloaded

from theseller.postgres.initdb_and_settings import SUPERUSER
from theseller.postgres.os_processes import (
    ProcessMark,
    process_mark,
    stop_processes,
    stop_with_parent,
    wait_until,
)
from theseller.postgres.server_folders import conninfo, saved_layout

ROOT = Path(__file__).resolve().parent.parent
#: The emulated Amazon allows this many times its usual rates, so that years arrive in seconds.
RATE_SCALE = "2000"
READY_PATIENCE = 120.0
STOP_PATIENCE = 40.0
_READY = "TheSeller runs"
# What the surrounding shell or pytest may have set for itself must not reach the demo.
_FOREIGN = ("THESELLER_", "DATABASE_URL", "DJANGO_", "PG")
# Which PostgreSQL the tests run on does: what a test starts must not take another one's programs
# (bin/test-platforms).
_INHERITED = {"THESELLER_PG_BIN"}


def inherited_environ() -> dict[str, str]:
    """Return this process's variables without those of a deployment.

    The surrounding shell or pytest may have set some for a deployment of its own.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or not name.startswith(_FOREIGN)
    }


class DemoError(AssertionError):
    """The demo did not do what was waited for. The message ends with its last words."""


@dataclass(slots=True)
class Demo:
    """One demo. `root` holds `demo.log`, what the demo printed, and `state`, all that it keeps."""

    root: Path
    web_port: int
    emulator_port: int
    rate_scale: str = RATE_SCALE
    settings: Mapping[str, str] = field(
        default_factory=dict
    )  # what the operator of this demo has set besides
    people: str = "canaries"  # recipients that a search finds wherever they are
    options: tuple[str, ...] = ()  # of `theseller demo`, besides these
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _observer: psycopg.Connection[tuple[Any, ...]] | None = field(default=None, init=False)

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def output(self) -> Path:
        return self.root / "demo.log"

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def emulator(self) -> str:
        return f"http://127.0.0.1:{self.emulator_port}"

    @property
    def origins(self) -> tuple[str, str]:
        return self.web, self.emulator

    def start(self) -> float:
        """Start the demo, on what an earlier start left; return the seconds until it was ready."""
        begun = time.monotonic()
        said = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "theseller.cli.main", "demo", "--rate-scale",
                    self.rate_scale, "--people", self.people, *self.options],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=self.environ, start_new_session=True,
                # one prctl call, loaded before the fork
                preexec_fn=stop_with_parent(signal.SIGTERM),  # noqa: PLW1509
            )  # fmt: skip
        child = self._child

        def ready() -> bool:
            return (
                _READY in self.output.read_text(errors="replace")[said:] or child.poll() is not None
            )

        if not wait_until(ready, READY_PATIENCE, step=0.1) or child.poll() is not None:
            raise DemoError(f"the demo did not start\n{self.last_words()}")
        return time.monotonic() - begun

    @property
    def environ(self) -> dict[str, str]:
        """Return the environment in which `theseller …` uses this demo."""
        return (
            inherited_environ()
            | dict(self.settings)
            | {
                "THESELLER_STATE": str(self.state),
                "THESELLER_PORT": str(self.web_port),
                "THESELLER_EMULATOR_PORT": str(self.emulator_port),
            }
        )

    def stop(self) -> None:
        """Stop it as Ctrl-C does, and wait until everything has ended."""
        child, self._child = self._child, None
        self._close_observer()
        if child is None:
            return
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            try:
                child.wait(STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                raise DemoError(
                    f"the demo did not stop within {STOP_PATIENCE:g} s\n{self.last_words()}"
                ) from None
        if child.returncode:
            raise DemoError(f"the demo ended with status {child.returncode}\n{self.last_words()}")

    def kill(self) -> None:
        """Kill the demo itself by kill -9.

        The kernel ends its children; the next start must cope with what it leaves.
        """
        child, self._child = self._child, None
        self._close_observer()
        if child is not None:
            child.kill()
            child.wait()

    def close(self) -> None:
        """End it, whatever state it is in, and remove its folder."""
        with contextlib.suppress(DemoError):
            self.stop()
        left = [
            found
            for path in (self.state / "processes").glob("*.pid")
            if (found := ProcessMark.load(path))
        ]
        stop_processes(left, signals=((signal.SIGKILL, 5.0),), group=True)
        layout = saved_layout(self.state)
        if layout and not layout.home.is_relative_to(self.state):
            shutil.rmtree(layout.home, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def secret(self, name: str) -> str:
        """Return one of the deployment's secrets: what must be found nowhere else."""
        return (self.state / "secrets" / name).read_text().strip()

    @property
    def password(self) -> str:
        """Return the password of the demo's people."""
        return self.secret("demo-cast-password")

    def process(self, name: str) -> ProcessMark:
        """Return the living process `web`, `worker` or `emulated-amazon`, as the supervisor knows it."""
        found = ProcessMark.load(self.state / "processes" / f"{name}.pid")
        if found is None or not found.alive():
            raise DemoError(f"{name} does not run\n{self.last_words()}")
        return found

    @property
    def data(self) -> Path:
        """Return PostgreSQL's data directory."""
        layout = saved_layout(self.state)
        if layout is None:
            raise DemoError("the database was never made")
        return layout.data

    def postmaster(self) -> ProcessMark:
        """Return PostgreSQL's first process."""
        try:
            found = process_mark(int((self.data / "postmaster.pid").read_text().split()[0]))
        except (OSError, ValueError, IndexError):
            found = None
        if found is None:
            raise DemoError(f"PostgreSQL does not run\n{self.last_words()}")
        return found

    def superuser(self, database: str = "theseller") -> psycopg.Connection[tuple[Any, ...]]:
        """Return an autocommit connection that sees everything, to look at what the product stored."""
        return psycopg.connect(
            conninfo(self.state, SUPERUSER, self.secret("db-superuser"), database), autocommit=True
        )

    def rows(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds, as a superuser.

        All queries share a connection, which is opened again where it was lost: a new one costs a
        hundred times what a query does, and tests repeat one twice a second.
        """
        if self._observer is not None:
            with contextlib.suppress(psycopg.OperationalError):
                return self._observer.execute(query, parameters).fetchall()
            self._close_observer()
        self._observer = self.superuser()
        return self._observer.execute(query, parameters).fetchall()

    def _close_observer(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.close()

    def ask_emulator(
        self, method: str, path: str, body: dict[str, object] | None = None
    ) -> dict[str, Any]:
        """Use one of the emulated Amazon's switches below /_emulator/."""
        connection = http.client.HTTPConnection("127.0.0.1", self.emulator_port, timeout=20)
        with contextlib.closing(connection):
            payload = json.dumps(body or {}) if method == "POST" else None
            connection.request(
                method, f"/_emulator/{path}", payload, {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            content = answer.read()
            if answer.status >= 400:
                raise DemoError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return dict(json.loads(content)) if content else {}

    def slow_amazon(self, *operations: str) -> None:
        """Have the emulated Amazon take three seconds for an answer, until it is restarted.

        What is pulled in the background would otherwise take most of the processor. `operations`
        are globs such as `finances.*`; all others answer at once.
        """
        self.ask_emulator("DELETE", "faults")
        for operation in operations:
            self.ask_emulator("POST", "faults", {"operation": operation, "kind": "slow"})

    def theseller(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `theseller ARGUMENTS` beside the demo."""
        return preloaded.run(["-m", "theseller.cli.main", *arguments], environ=self.environ)

    def last_words(self) -> str:
        """Return the ends of what the demo and its programs wrote."""
        texts = []
        for path in (self.output, *sorted((self.state / "log").glob("*.log"))):
            with contextlib.suppress(OSError):
                lines = path.read_text(errors="replace").splitlines()
                texts.append(
                    "\n".join([f"--- {path.name}", *(line[-300:] for line in lines[-10:])])
                )
        return "\n".join(texts)


def free_ports(count: int) -> list[int]:
    """Return ports that are free at this moment.

    They lie below those that systems give to outgoing connections, one of which could take a port
    before the server that it is meant for.
    """
    found: set[int] = set()
    while len(found) < count:
        port = 12_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


@contextlib.contextmanager
def running_demo(
    rate_scale: str = RATE_SCALE,
    settings: Mapping[str, str] | None = None,
    options: tuple[str, ...] = (),
) -> Iterator[Demo]:
    """Run a demo for the length of the block, with `settings` in its environment."""
    # Short, for a socket's path is bounded, and passable, for the database may run as another user.
    root = Path(tempfile.mkdtemp(prefix="ts-"))
    root.chmod(0o711)
    web, emulator = free_ports(2)
    demo = Demo(root, web, emulator, rate_scale, settings or {}, options=options)
    try:
        demo.start()
        yield demo
    finally:
        demo.close()
