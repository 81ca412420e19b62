"""kill -9 of processes of the web, the worker and the database.

What they say meanwhile is true, and everything continues by itself.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.faults.running import PATIENCE, Running, running

from theseller.postgres.os_processes import process_mark, wait_until

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("faults")) as found:
        yield found


@pytest.fixture
def served(site: Running) -> Running:
    site.start()
    site.readiness("ready")
    site.recurs()
    return site


def test_a_killed_process_of_the_web_is_replaced(served: Running) -> None:
    (first,) = _children(served.web.pid)
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: _children(served.web.pid) not in ([], [first]), PATIENCE)
    assert wait_until(served.answers, PATIENCE)
    served.readiness("ready")


def test_processes_of_the_web_end_with_gunicorns_first_process(served: Running) -> None:
    (left,) = [process_mark(one) for one in _children(served.web.pid)]
    assert left is not None
    served.web.kill()
    served.web.wait(60)
    # It has the port; a service manager ends it with the service.
    assert wait_until(lambda: not left.alive(), PATIENCE)
    served.start()
    served.readiness("ready")


def test_a_killed_worker_is_reported_and_the_next_one_does_its_jobs(served: Running) -> None:
    with served.superuser() as superuser:
        superuser.execute("begin")
        # The job waits for this lock, so it is under way when the worker is killed.
        superuser.execute("lock table edge_ratebucket in access exclusive mode")
        job = int(
            served.deployed.ask(
                "from procrastinate.contrib.django import app\n"
                "print(app.configure_task('edge.delete_idle_buckets',"
                " queueing_lock='a-test').defer(timestamp=0))"
            )
        )
        status = "select status from procrastinate_jobs where id = %s"
        assert wait_until(lambda: served.deployed.rows(status, job) == [("doing",)], PATIENCE)
        served.worker.kill()
        served.worker.wait(60)
    served.readiness("not ready: worker")
    assert served.get("/readyz?without=worker")[0] == 200
    assert served.answers()
    found = served.deployed.theseller("status")
    assert found.returncode == 1
    assert "no worker" in found.stdout.lower()
    served.start()
    served.readiness("ready")
    assert wait_until(lambda: not served.deployed.rows(status, job), PATIENCE * 2)


def test_a_killed_backend_restarts_the_database_and_all_continue(served: Running) -> None:
    before = served.logged("worker", "worker_interrupted")
    ((backend,),) = served.deployed.rows(
        "select pid from pg_stat_activity where usename = 'theseller_worker' limit 1"
    )
    os.kill(int(backend), signal.SIGKILL)
    assert wait_until(lambda: served.logged("worker", "worker_interrupted") > before, PATIENCE)
    served.recurs()
    served.readiness("ready")
    assert (served.worker.poll(), served.web.poll()) == (None, None)


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
