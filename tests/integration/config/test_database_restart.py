"""A restart of the database, clean or not, under a running worker and web.

Both continue, and no job is lost.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from tests.demo_deployment import ROOT, free_ports
from tests.integration.deployment import Deployment, deployment
from tests.integration.faults.line import Line

from theseller.postgres.os_processes import stop_with_parent, wait_until
from theseller.postgres.server_folders import conninfo, socket_directory

_PATIENCE = 90.0
pytestmark = pytest.mark.timeout(1800)


@dataclass(slots=True)
class Running:
    """A deployment with its worker and its web process."""

    deployed: Deployment
    port: int
    folder: Path
    stack: contextlib.ExitStack
    database: Line
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def worker(self) -> subprocess.Popen[bytes]:
        return self.processes["worker"]

    @property
    def web(self) -> subprocess.Popen[bytes]:
        return self.processes["serve"]

    @property
    def _environ(self) -> dict[str, str]:
        """Return the environment in which the database is reached by the line."""
        assert isinstance(self.database.listen, Path)
        url = f"postgresql:///theseller?host={self.database.listen.parent}"
        return self.deployed.environ | {"DATABASE_URL": url}

    def start(self) -> None:
        """Start those that do not run, each with a new log, and wait until they do."""
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
                cwd=ROOT, env=self._environ, stdout=log, stderr=log, start_new_session=True,
                # one prctl call, loaded before the fork
                preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )  # fmt: skip
            self.stack.callback(process.wait)
            self.stack.callback(_end, process)
            self.processes[name] = process
        assert wait_until(self.answers, _PATIENCE)
        assert wait_until(
            lambda: any(line["event"] == "worker_started" for line in self.lines("worker")),
            _PATIENCE,
        )

    def lines(self, name: str) -> list[dict[str, object]]:
        """Return what one of them logged. Every line is JSON, or the test fails."""
        return [json.loads(line) for line in (self.folder / f"{name}.log").read_text().splitlines()]

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

    def recurs(self) -> None:
        """Wait until jobs recur, and pages are served."""
        assert wait_until(self.answers, _PATIENCE)
        ticks = _ticks(self)
        assert wait_until(lambda: _ticks(self) > ticks, _PATIENCE, step=0.2), (
            "what recurs does not recur any more"
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    (port,) = free_ports(1)
    # No backups: the worker restarts when its jobs have ended, and a backup that is cut off takes
    # minutes to notice.
    environ = {"THESELLER_PUBLIC_URL": f"http://127.0.0.1:{port}", "THESELLER_BACKUPS": "none"}
    with deployment(environ) as built, contextlib.ExitStack() as stack:
        # The tests' server would lose what was committed in its last moments, and with it that a
        # job was under way.
        _execute(built, "alter database theseller set synchronous_commit = on")
        folder = tmp_path_factory.mktemp("restart")
        line = Line(folder / ".s.PGSQL.5432", socket_directory(built.state) / ".s.PGSQL.5432")
        stack.callback(line.close)
        yield Running(built, port, folder, stack, line)


@pytest.fixture
def running(site: Running) -> Running:
    """Return worker and web, started if the test before ended them."""
    site.start()
    return site


def _execute(built: Deployment, statement: str) -> None:
    with psycopg.connect(
        conninfo(built.state, "theseller_super", built.secret("db-superuser")), autocommit=True
    ) as superuser:
        superuser.execute(statement)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _clean(deployed: Deployment) -> None:
    deployed.server.stop()


def _immediate(deployed: Deployment) -> None:
    _signalled(deployed, signal.SIGQUIT)


def _killed(deployed: Deployment) -> None:
    _signalled(deployed, signal.SIGKILL)


def _signalled(deployed: Deployment, number: signal.Signals) -> None:
    assert deployed.server.pid is not None
    os.kill(deployed.server.pid, number)
    assert wait_until(lambda: deployed.server.poll() is not None, _PATIENCE)


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(_clean, marks=pytest.mark.exhaustive),
        pytest.param(_immediate, marks=pytest.mark.exhaustive),
        _killed,
    ],
)
def test_database_restart_loses_no_job_and_worker_and_web_continue(
    running: Running, stop: Callable[[Deployment], None]
) -> None:
    interrupted = _interruptions(running)
    with running.superuser() as superuser:
        superuser.execute(
            "insert into edge_ratebucket (key, tokens, updated_at) values (%s, 1, now() - interval"
            " '3 days')",
            [stop.__name__],
        )
        # The job waits for this lock, so it is under way when the database stops.
        superuser.execute("begin")
        superuser.execute("lock table edge_ratebucket in access exclusive mode")
        job = _defer(running)
        assert wait_until(lambda: _jobs(running, job) == [("doing", 0)], _PATIENCE, step=0.1)
        with contextlib.suppress(psycopg.OperationalError):
            stop(running.deployed)
            superuser.execute("select 1")
    running.deployed.server.ensure_started()
    assert wait_until(lambda: not _jobs(running, job), _PATIENCE, step=0.05)
    with running.superuser() as superuser:
        left = superuser.execute(
            "select count(*) from edge_ratebucket where key = %s", [stop.__name__]
        ).fetchone()
    assert left == (0,), "the job that was cut off did not do its work afterwards"
    assert running.worker.poll() is None
    assert running.web.poll() is None
    # A job whose own connection is renewed may end before the worker gives its connection up.
    assert wait_until(lambda: _interruptions(running) > interrupted, _PATIENCE)
    running.recurs()


@pytest.mark.parametrize(
    "cut", [Line.silent, pytest.param(Line.refusing, marks=pytest.mark.exhaustive)]
)
def test_web_and_worker_report_a_cut_network_to_the_database_and_continue_after_it(
    running: Running, cut: Callable[[Line], contextlib.AbstractContextManager[None]]
) -> None:
    running.recurs()
    interrupted = _interruptions(running)
    with cut(running.database):
        assert wait_until(
            lambda: running.get("/readyz")[2] == "not ready: database\n", _PATIENCE
        ), running.get("/readyz")
        # Also of connections that were idle in the pool.
        status, after, text = running.get("/security/page.json")
        assert (status, after) == (503, "5")
        assert "Our database is unavailable" in text
        assert running.get("/healthz")[0] == 200
        assert wait_until(lambda: _interruptions(running) > interrupted, _PATIENCE)
    assert running.worker.poll() is None
    assert running.web.poll() is None
    running.recurs()
    assert wait_until(lambda: running.get("/readyz")[2] == "ready\n", _PATIENCE)


def test_worker_and_web_log_the_reason_of_their_exit(running: Running) -> None:
    for process, name, event in (
        (running.worker, "worker", "worker_stopped"),
        (running.web, "serve", "serve_stopped"),
    ):
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        last = running.lines(name)[-1]
        assert (last["event"], last["reason"], last["exit_status"]) == (event, "signal", 0)


def _defer(running: Running) -> int:
    code = (
        "from procrastinate.contrib.django import"
        " app\nprint(app.configure_task('edge.delete_idle_buckets',"
        " queueing_lock='a-test').defer(timestamp=0))"
    )
    return int(running.deployed.ask(code))


def _jobs(running: Running, job: int) -> list[tuple[str, int]]:
    return [
        (str(status), int(attempts))
        for status, attempts in running.deployed.rows(
            "select status, attempts from procrastinate_jobs where id = %s", job
        )
    ]


def _interruptions(running: Running) -> int:
    return sum(line["event"] == "worker_interrupted" for line in running.lines("worker"))


def _ticks(running: Running) -> int:
    return int(
        running.deployed.rows(
            "select coalesce(max(defer_timestamp), 0) from procrastinate_periodic_defers where"
            " task_name = 'config.reap'"
        )[0][0]
    )
