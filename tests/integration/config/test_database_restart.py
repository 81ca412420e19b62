"""A restart of the database, clean or not, under a running worker and web.

Both continue, and no job is lost.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

import psycopg
import pytest
from tests.integration.deployment import Deployment
from tests.integration.faults.line import Line
from tests.integration.faults.running import PATIENCE, Running, running

from theseller.postgres.os_processes import wait_until

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("restart")) as built:
        yield built


@pytest.fixture
def served(site: Running) -> Running:
    """Return worker and web, started if the test before ended them."""
    site.start()
    return site


def _clean(deployed: Deployment) -> None:
    deployed.server.stop()


def _immediate(deployed: Deployment) -> None:
    _signalled(deployed, signal.SIGQUIT)


def _killed(deployed: Deployment) -> None:
    _signalled(deployed, signal.SIGKILL)


def _signalled(deployed: Deployment, number: signal.Signals) -> None:
    assert deployed.server.pid is not None
    os.kill(deployed.server.pid, number)
    assert wait_until(lambda: deployed.server.poll() is not None, PATIENCE)


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(_clean, marks=pytest.mark.exhaustive),
        pytest.param(_immediate, marks=pytest.mark.exhaustive),
        _killed,
    ],
)
def test_database_restart_loses_no_job_and_worker_and_web_continue(
    served: Running, stop: Callable[[Deployment], None]
) -> None:
    interrupted = served.logged("worker", "worker_interrupted")
    with served.superuser() as superuser:
        superuser.execute(
            "insert into edge_ratebucket (key, tokens, updated_at) values (%s, 1, now() - interval"
            " '3 days')",
            [stop.__name__],
        )
        # The job waits for this lock, so it is under way when the database stops.
        superuser.execute("begin")
        superuser.execute("lock table edge_ratebucket in access exclusive mode")
        job = _defer(served)
        assert wait_until(lambda: _jobs(served, job) == [("doing", 0)], PATIENCE, step=0.1)
        with contextlib.suppress(psycopg.OperationalError):
            stop(served.deployed)
            superuser.execute("select 1")
    served.deployed.server.ensure_started()
    assert wait_until(lambda: not _jobs(served, job), PATIENCE, step=0.05)
    with served.superuser() as superuser:
        left = superuser.execute(
            "select count(*) from edge_ratebucket where key = %s", [stop.__name__]
        ).fetchone()
    assert left == (0,), "the job that was cut off did not do its work afterwards"
    assert served.worker.poll() is None
    assert served.web.poll() is None
    # A job whose own connection is renewed may end before the worker gives its connection up.
    assert wait_until(lambda: served.logged("worker", "worker_interrupted") > interrupted, PATIENCE)
    served.recurs()


@pytest.mark.parametrize(
    "cut", [Line.silent, pytest.param(Line.refusing, marks=pytest.mark.exhaustive)]
)
def test_web_and_worker_report_a_cut_network_to_the_database_and_continue_after_it(
    served: Running, cut: Callable[[Line], contextlib.AbstractContextManager[None]]
) -> None:
    served.recurs()
    interrupted = served.logged("worker", "worker_interrupted")
    with cut(served.database):
        served.readiness("not ready: database")
        # Also of connections that were idle in the pool.
        status, after, text = served.get("/security/page.json")
        assert (status, after) == (503, "5")
        assert "Our database is unavailable" in text
        assert served.get("/healthz")[0] == 200
        assert wait_until(
            lambda: served.logged("worker", "worker_interrupted") > interrupted, PATIENCE
        )
    assert served.worker.poll() is None
    assert served.web.poll() is None
    served.recurs()
    served.readiness("ready")


def test_worker_and_web_log_the_reason_of_their_exit(served: Running) -> None:
    for process, name, event in (
        (served.worker, "worker", "worker_stopped"),
        (served.web, "serve", "serve_stopped"),
    ):
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        *before, last = served.lines(name)
        assert {"event": event, "reason": "signal", "exit_status": 0}.items() <= last.items(), (
            last,
            before[-5:],
        )


def _defer(served: Running) -> int:
    code = (
        "from procrastinate.contrib.django import"
        " app\nprint(app.configure_task('edge.delete_idle_buckets',"
        " queueing_lock='a-test').defer(timestamp=0))"
    )
    return int(served.deployed.ask(code))


def _jobs(served: Running, job: int) -> list[tuple[str, int]]:
    return [
        (str(status), int(attempts))
        for status, attempts in served.deployed.rows(
            "select status, attempts from procrastinate_jobs where id = %s", job
        )
    ]
