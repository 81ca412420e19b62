"""A full disk under the database, and under the logs, while web and worker run."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from tests.demo_deployment import ROOT, free_ports
from tests.integration.backups.test_full_database_disk import _fill, _on_a_small_disk
from tests.integration.faults.running import PATIENCE, Running, running

from theseller.postgres.os_processes import stop_with_parent, wait_until

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(1800)]
_COUNT = "select count(*) from edge_ratebucket"


def _sign_in(served: Running) -> int:
    """Send a form, which the database has to count; return the status."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/sign-in/", headers={"Host": "127.0.0.1"})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            return answer.status
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        token = text.split('name="csrfmiddlewaretoken" value="')[1].partition('"')[0]
        connection.request(
            "POST",
            "/sign-in/",
            f"email=unknown%40example.com&password=x&csrfmiddlewaretoken={token}",
            {
                "Host": "127.0.0.1",
                "Cookie": cookie,
                "Origin": f"http://127.0.0.1:{served.port}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        return connection.getresponse().status


@pytest.mark.parametrize("stops", [False, True], ids=["no-table-can-grow", "the-server-stops"])
def test_web_and_worker_continue_after_the_disk_of_the_database_was_full(
    tmp_path_factory: pytest.TempPathFactory, *, stops: bool
) -> None:
    folder = tmp_path_factory.mktemp("full")
    (metrics,) = free_ports(1)
    variables = {"THESELLER_METRICS_PORT": str(metrics)}
    with running(folder, variables) as served, _on_a_small_disk(served.deployed) as data:
        served.start()
        served.readiness("ready")
        assert _sign_in(served) == 422
        _fill(data / "filler", leave=0)
        if stops:
            with contextlib.suppress(psycopg.Error):
                for _ in range(40):
                    served.deployed.rows("select txid_current(), pg_switch_wal()")
            assert wait_until(lambda: served.deployed.server.poll() is not None, PATIENCE)
            served.readiness("not ready: database")
        else:
            with pytest.raises(psycopg.errors.DiskFull), served.superuser() as superuser:
                superuser.execute(
                    "create table fills as select * from generate_series(1, 10000000)"
                )
        statuses = {_sign_in(served) for _ in range(8)}
        statuses |= {served.get("/security/page.json")[0] for _ in range(8)}
        assert statuses <= ({503} if stops else {200, 422, 429, 503}), statuses
        assert served.get("/healthz")[0] == 200
        assert (served.worker.poll(), served.web.poll()) == (None, None)
        (data / "filler").unlink()
        if stops:
            served.deployed.server.ensure_started()  # as `theseller postgres start` does
        served.recurs()
        served.readiness("ready")
        assert (served.worker.poll(), served.web.poll()) == (None, None)
        # Pages again write what they count.
        assert _sign_in(served) == 422


def test_web_and_worker_work_while_their_log_cannot_be_written(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running(tmp_path_factory.mktemp("log")) as served, contextlib.ExitStack() as stack:
        full = stack.enter_context(Path("/dev/full").open("wb", buffering=0))
        for name, command in {
            "worker": ["worker"],
            "serve": ["serve", "--port", str(served.port), "--workers", "1"],
        }.items():
            process = subprocess.Popen(
                [sys.executable, "-m", "theseller.cli.main", *command],
                cwd=ROOT, env=served.environ, stdout=full, stderr=full, start_new_session=True,
                # one prctl call, loaded before the fork
                preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(os.killpg, process.pid, signal.SIGKILL)
            served.processes[name] = process
        assert wait_until(served.answers, PATIENCE)
        served.recurs()
        served.readiness("ready")
        # What they log: a form without its token, a page that does not exist.
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/sign-in/", "x=1", {"Host": "127.0.0.1"})
            assert connection.getresponse().status == 403
        # The database ends their connections: they log it, and connect again.
        served.deployed.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename like"
            " 'theseller%' and pid <> pg_backend_pid()"
        )
        served.recurs()
        served.readiness("ready")
        assert (served.worker.poll(), served.web.poll()) == (None, None)
