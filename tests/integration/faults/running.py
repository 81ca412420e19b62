"""A deployment with its worker and its web process, whose parts a test cuts off."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from tests.demo_deployment import ROOT, free_ports
from tests.integration.deployment import Deployment, deployment
from tests.integration.faults.line import Line

from theseller.postgres.os_processes import stop_with_parent, wait_until
from theseller.postgres.server_folders import conninfo, socket_directory

PATIENCE = 240.0
# Not the newest time: a clock that was ahead dates ticks in the future.
_TICKS = (
    "select coalesce(max(id), 0) from procrastinate_periodic_defers where task_name = 'config.reap'"
)
_SESSIONS = (
    "select usename, state, wait_event, now() - state_change, left(query, 200) from pg_stat_activity"
    " where usename = 'theseller_worker'"
)
_JOBS = "select id, task_name, status, attempts, scheduled_at, worker_id from procrastinate_jobs"


@dataclass(slots=True)
class Running:
    """A deployment with its worker and its web process.

    They reach the database by the line `database`. `variables` are set for both.
    """

    deployed: Deployment
    port: int
    folder: Path
    stack: contextlib.ExitStack
    database: Line
    variables: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def worker(self) -> subprocess.Popen[bytes]:
        return self.processes["worker"]

    @property
    def web(self) -> subprocess.Popen[bytes]:
        return self.processes["serve"]

    def start(self) -> None:
        """Start those that do not run, and wait until they do.

        Each begins a new log.
        """
        commands = {
            "worker": ["worker"],
            "serve": ["serve", "--port", str(self.port), "--workers", "1"],
        }
        for name, command in commands.items():
            if name in self.processes and self.processes[name].poll() is None:
                continue
            log = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", "theseller.cli.main", *command],
                cwd=ROOT, env=self.environ, stdout=log, stderr=log, start_new_session=True,
                # one prctl call, loaded before the fork
                preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )  # fmt: skip
            self.stack.callback(process.wait)
            self.stack.callback(_end, process)
            self.processes[name] = process
        assert wait_until(self.answers, PATIENCE)
        assert wait_until(
            lambda: any(line["event"] == "worker_started" for line in self.lines("worker")),
            PATIENCE,
        )

    @property
    def environ(self) -> dict[str, str]:
        """Return the environment in which the database is reached by the line."""
        assert isinstance(self.database.listen, Path)
        url = f"postgresql:///theseller?host={self.database.listen.parent}"
        return self.deployed.environ | {"DATABASE_URL": url} | self.variables

    def lines(self, name: str) -> list[dict[str, object]]:
        """Return what one of them logged. Every line is JSON, or the test fails."""
        # The last line may not be whole yet.
        text = (self.folder / f"{name}.log").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in text.splitlines()]

    def logged(self, name: str, event: str) -> int:
        """Return how often one of them logged an event."""
        return sum(line["event"] == event for line in self.lines(name))

    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        dsn = conninfo(self.deployed.state, "theseller_super", self.deployed.secret("db-superuser"))
        return psycopg.connect(dsn, autocommit=True)

    def answers(self) -> bool:
        """Say whether a page that asks the database is served."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/security/page.json")[0] == 200
        return False

    def get(self, path: str) -> tuple[int, str, str]:
        """Return status, Retry-After and text of a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": "127.0.0.1"})
            answer = connection.getresponse()
            return answer.status, answer.headers["Retry-After"] or "", answer.read().decode()

    def readiness(self, wanted: str) -> None:
        """Wait until `/readyz` says what is wanted."""
        seen: list[object] = []

        def says() -> bool:
            try:
                seen.append(self.get("/readyz")[2])
            except (OSError, http.client.HTTPException) as error:
                seen.append(error)
            return seen[-1] == f"{wanted}\n"

        assert wait_until(says, PATIENCE, step=0.3), seen[-1]

    def recurs(self) -> None:
        """Wait until jobs recur, and pages are served."""
        assert wait_until(self.answers, PATIENCE)
        ticks = self.ticks()
        assert wait_until(lambda: self.ticks() > ticks, PATIENCE, step=0.2), (
            f"what recurs does not recur any more\n{self.last_words()}"
        )

    def ticks(self) -> int:
        """Return the number of the last tick of a job that recurs every ten seconds."""
        return int(self.deployed.rows(_TICKS)[0][0])

    def last_words(self) -> str:
        """Return what the worker logged last, and what its sessions and jobs are."""
        seen = [
            *(self.folder / "worker.log").read_text(errors="replace").splitlines()[-40:],
            *map(str, self.deployed.rows(_SESSIONS)),
            *map(str, self.deployed.rows(_JOBS)),
        ]
        return "\n".join(one[:400] for one in seen)


@contextlib.contextmanager
def running(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Set up a deployment; its worker and web are started by `Running.start`."""
    (port,) = free_ports(1)
    # No backups: the worker restarts when its jobs have ended, and a backup that is cut off takes
    # minutes to notice.
    environ = {"THESELLER_PUBLIC_URL": f"http://127.0.0.1:{port}", "THESELLER_BACKUPS": "none"}
    with deployment(environ) as built, contextlib.ExitStack() as stack:
        # The tests' server would lose what was committed in its last moments, and with it that a
        # job was under way.
        with psycopg.connect(
            conninfo(built.state, "theseller_super", built.secret("db-superuser")), autocommit=True
        ) as superuser:
            superuser.execute("alter database theseller set synchronous_commit = on")
        line = Line(folder / ".s.PGSQL.5432", socket_directory(built.state) / ".s.PGSQL.5432")
        stack.callback(line.close)
        yield Running(built, port, folder, stack, line, dict(variables or {}))


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
