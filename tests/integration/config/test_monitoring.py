"""`/readyz`, `/metrics` and `theseller status` of a deployment with a real web process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from tests.demo_deployment import ROOT, free_ports
from tests.integration.deployment import Deployment, deployment
from tests.trace_collector import Collector, trace_collector

from theseller.config.readiness import Part
from theseller.datamap.state_folder_and_guard_tables import STATE_ENTRIES
from theseller.lib.trace_spans import Attribute
from theseller.postgres.os_processes import stop_with_parent, wait_until
from theseller.postgres.server_folders import conninfo

_PATIENCE = 240.0
pytestmark = pytest.mark.timeout(600)


@dataclass(slots=True)
class Site:
    deployed: Deployment
    port: int
    metrics: int
    traces: Collector

    def ask(
        self, path: str, *, port: int | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        with contextlib.closing(connection):
            # Health checks are answered at any host name.
            host = "192.0.2.1" if path.startswith(("/healthz", "/readyz")) else "127.0.0.1"
            connection.request("GET", path, headers={"Host": host, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def change(self, statement: LiteralString) -> None:
        """Run a statement as the superuser."""
        dsn = conninfo(self.deployed.state, "theseller_super", self.deployed.secret("db-superuser"))
        with psycopg.connect(dsn, autocommit=True) as superuser:
            superuser.execute(statement)

    def becomes(self, *answer: object, step: float = 0.2) -> None:
        """Wait until `/readyz` answers so: what was found last counts for a second."""
        seen: list[object] = []

        def ready() -> bool:
            try:
                seen.append(self.ask("/readyz"))
            except (OSError, http.client.HTTPException) as error:
                seen.append(error)
            return seen[-1] == answer

        assert wait_until(ready, _PATIENCE, step=step), seen[-1]
        assert self.ask("/healthz") == (
            200,
            "ok",
        ), "the process itself is alive whatever the database does"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    port, local = free_ports(2)
    with contextlib.ExitStack() as stack:
        traces = stack.enter_context(trace_collector())
        variables = {
            "THESELLER_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "THESELLER_TRACES_URL": traces.url,
        }
        built = stack.enter_context(deployment(variables))
        found = Site(built, port, local, traces)
        _set_heartbeat(found, "1 day ago")
        arguments = ["serve", "--port", str(port), "--workers", "2"]
        web = _start(stack, found, arguments, THESELLER_METRICS_PORT=str(local))

        def serves() -> bool:
            assert web.poll() is None, "the web process ended: is one of its ports in use?"
            with contextlib.suppress(OSError, http.client.HTTPException):
                return found.ask("/healthz")[0] == found.ask("/metrics", port=local)[0] == 200
            return False

        assert wait_until(serves, _PATIENCE)
        yield found


def _start(
    stack: contextlib.ExitStack, site: Site, arguments: list[str], **variables: str
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "theseller.cli.main", *arguments],
        cwd=ROOT, env=site.deployed.environ | variables, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
        # one prctl call, loaded before the fork
        preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
    )  # fmt: skip
    stack.callback(process.wait)
    stack.callback(_end, process)
    return process


def _set_heartbeat(site: Site, age: str) -> None:
    """Leave one worker's row, with a heartbeat of this age ("1 day ago" is one in the future)."""
    site.deployed.rows("delete from procrastinate_workers returning id")
    site.deployed.rows(
        "insert into procrastinate_workers (last_heartbeat) values (now() - %s::interval)"
        " returning id",
        f"-{age.removesuffix(' ago')}" if age.endswith(" ago") else age,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


_CHANGES: dict[Part, tuple[LiteralString, LiteralString]] = {
    Part.SCHEMA: (
        (
            "insert into django_migrations (app, name, applied) values ('tenancy',"
            " '9999_of_a_later_version', now())"
        ),
        "delete from django_migrations where name = '9999_of_a_later_version'",
    ),
    Part.ENVIRONMENT: (
        "update guard.deployment set environment = 'staging'",
        "update guard.deployment set environment = 'demo'",
    ),
    Part.ROLES: (
        "alter role theseller_operator nologin",
        "alter role theseller_operator login",
    ),
}


@pytest.mark.parametrize("reason", list(_CHANGES))
def test_readyz_is_503_with_the_reason_until_the_database_fault_is_repaired(
    site: Site, reason: Part
) -> None:
    change, back = _CHANGES[reason]
    site.becomes(200, "ready\n")
    site.change(change)
    try:
        site.becomes(503, f"not ready: {reason}\n")
    finally:
        site.change(back)
    site.becomes(200, "ready\n")


def test_an_older_schema_and_a_role_that_bypasses_row_security_are_not_ready(site: Site) -> None:
    site.change(
        "update django_migrations set name = 'x' where app = 'tenancy' and name = '0007_conditions'"
    )
    try:
        site.becomes(503, "not ready: schema\n")
    finally:
        site.change("update django_migrations set name = '0007_conditions' where name = 'x'")
    site.change("alter role theseller_auth bypassrls")
    try:
        site.becomes(503, "not ready: roles\n")
    finally:
        site.change("alter role theseller_auth nobypassrls")
    site.becomes(200, "ready\n")


def test_readyz_names_a_missing_worker_and_can_leave_it_out(site: Site) -> None:
    _set_heartbeat(site, "60 seconds")
    site.becomes(503, "not ready: worker\n")
    assert site.ask("/readyz?without=worker") == (200, "ready\n")
    assert site.ask("/readyz?without=database")[0] == 503
    _set_heartbeat(site, "1 day ago")
    site.becomes(200, "ready\n")


def test_readyz_names_the_key_service_if_the_root_key_cannot_be_read(site: Site) -> None:
    root_key = site.deployed.state / "secrets" / "root-key"
    elsewhere = root_key.with_name(".root-key-elsewhere")
    root_key.rename(elsewhere)
    try:
        site.becomes(503, "not ready: keys\n")
    finally:
        elsewhere.rename(root_key)
    site.becomes(200, "ready\n")


@pytest.mark.parametrize(("age", "workers"), [("25 seconds", 1), ("31 seconds", 0)])
def test_a_worker_counts_as_ended_after_30_seconds(site: Site, age: str, workers: int) -> None:
    _set_heartbeat(site, age)
    assert site.deployed.rows("select workers from guard.worker_heartbeat()") == [(workers,)]
    _set_heartbeat(site, "1 day ago")


def test_status_names_a_missing_worker_and_the_age_of_its_heartbeat(site: Site) -> None:
    _set_heartbeat(site, "60 seconds")
    found = site.deployed.theseller("status", "--json")
    _set_heartbeat(site, "1 day ago")
    assert found.returncode == 1, found.stderr
    state = json.loads(found.stdout)
    assert state["workers"]["running"] == 0
    assert state["workers"]["heartbeat_age"] >= 60
    assert "no worker runs: start `theseller worker`" in state["problems"]


def test_status_shows_queue_streams_backups_controls_and_disk(site: Site) -> None:
    shown = site.deployed.theseller("status").stdout
    names = [line.split("  ")[0] for line in shown.splitlines() if not line.startswith("✗")]
    assert names == [
        "version", "workers", "queue", "streams", "mail", "last backup", "restore test", "controls",
        "disk", "host",
    ]  # fmt: skip
    assert "✗ no backup in the last 26 hours" in shown


def _samples(text: str) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
    }


def test_metrics_count_requests_by_pattern_over_all_web_processes(site: Site) -> None:
    for _ in range(12):
        assert site.ask("/sign-in/")[0] == 200
    assert site.ask("/no-such-page-of-canary/")[0] in {302, 404}
    status, text = site.ask("/metrics", port=site.metrics)
    assert status == 200
    found = _samples(text)
    counted = 'theseller_http_requests_total{method="GET",pattern="sign-in/",status="200"}'
    assert found[counted] >= 12
    assert found['theseller_http_request_seconds_count{pattern="sign-in/"}'] == found[counted]
    assert "canary" not in text
    # In memory where there is such a file system: a full disk must not end the process.
    memory = Path("/dev/shm")  # noqa: S108
    in_memory = memory / f"theseller-metrics-{os.getuid()}-{site.metrics}"
    folder = in_memory.parent if memory.is_dir() else site.deployed.state / "metrics"
    if memory.is_dir():
        assert not (site.deployed.state / "metrics").exists()
        assert in_memory.stat().st_mode & 0o777 == 0o700
    files = [
        str(path.relative_to(folder)).replace(f"{in_memory.name}/", f"{site.metrics}/")
        for path in (in_memory if memory.is_dir() else folder).rglob("*.db")
    ]
    (described,) = (one for one in STATE_ENTRIES if one.name == "metrics")
    assert len(files) >= 3
    assert [path for path in files if not described.covers(path)] == []
    assert found['theseller_database_pool_connections{database_role="web",use="max"}'] == 20


def test_metrics_show_the_state_of_the_deployment_without_ids(site: Site) -> None:
    text = site.ask("/metrics", port=site.metrics)[1]
    found = _samples(text)
    assert found["theseller_state_readable"] == 1
    assert found["theseller_workers"] == 1
    assert found["theseller_disk_free_bytes"] > 0
    assert sum(n for name, n in found.items() if name.startswith("theseller_controls{")) >= 25
    for one in site.deployed.people():
        assert one["tenant"] not in text
        assert one["connection"] not in text
    assert "@" not in text


def test_traces_time_requests_and_name_nothing_that_was_sent(site: Site) -> None:
    trace = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    assert site.ask("/sign-in/?next=/products/canary/", headers=trace)[0] == 200
    assert site.ask("/no-such-page-of-canary/")[0] in {302, 404}
    name = "GET sign-in/"
    assert wait_until(lambda: bool(site.traces.named(name)), _PATIENCE, step=0.5)
    request = site.traces.named(name)[-1]
    assert request.service == "theseller-web"
    assert not request.failed
    assert request.attributes["http.response.status_code"] == "200"
    assert len(request.attributes["theseller.request_id"]) == 36
    assert (request.trace_id, request.parent_id) != (b"\xab" * 16, b"\xcd" * 8)
    assert request.parent_id == b""
    known = {one.value for one in Attribute}
    for one in site.traces.spans():
        assert one.attributes.keys() <= known
        assert "healthz" not in one.name
        assert one.events == 0, "an event could have the text of an error"
    received = b"".join(site.traces.bodies)
    for secret in (
        b"canary",
        b"example.com",
        *(one["tenant"].encode() for one in site.deployed.people()),
    ):
        assert secret not in received


def test_only_the_local_port_has_metrics_and_it_has_nothing_else(site: Site) -> None:
    assert site.ask("/metrics")[0] == 404
    assert site.ask("/sign-in/", port=site.metrics)[0] == 404


def test_worker_writes_heartbeats_and_counts_its_jobs(site: Site) -> None:
    (port,) = free_ports(1)
    site.deployed.rows("delete from procrastinate_workers returning id")
    with contextlib.ExitStack() as stack:
        _start(stack, site, ["worker"], THESELLER_WORKER_METRICS_PORT=str(port))

        def reaped() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                text = site.ask("/metrics", port=port)[1]
                name = 'theseller_jobs_run_total{outcome="done",task="config.reap"}'
                return _samples(text).get(name, 0) >= 1
            return False

        assert wait_until(reaped, _PATIENCE, step=0.5)
        heartbeat = "select last_heartbeat from procrastinate_workers"
        ((first,),) = site.deployed.rows(heartbeat)
        assert wait_until(lambda: site.deployed.rows(heartbeat) != [(first,)], 60, step=0.5)
        ((second,),) = site.deployed.rows(heartbeat)
        site.becomes(200, "ready\n")
        assert wait_until(lambda: bool(site.traces.named("config.reap")), _PATIENCE, step=0.5)
    assert second > first
    job = site.traces.named("config.reap")[0]
    assert job.service == "theseller-worker"
    assert job.attributes["theseller.job.queue"] == "default"
    assert any(
        int(one.attributes.get("theseller.database.statements", "0")) > 0
        for one in site.traces.spans()
        if one.service == "theseller-worker"
    )
    # It was killed. When its last heartbeat is 30 seconds old, it counts as ended.
    site.becomes(503, "not ready: worker\n", step=2.0)
    _set_heartbeat(site, "1 day ago")


def test_readyz_is_503_while_the_database_is_stopped(site: Site) -> None:
    site.becomes(200, "ready\n")
    site.deployed.server.stop()
    try:
        site.becomes(503, "not ready: database\n")
    finally:
        site.deployed.server.ensure_started()
    site.becomes(200, "ready\n")


def test_metrics_without_a_database_say_that_the_state_cannot_be_read(site: Site) -> None:
    site.deployed.server.stop()
    try:

        def unreadable() -> bool:
            text = site.ask("/metrics", port=site.metrics)[1]
            return _samples(text)["theseller_state_readable"] == 0

        assert wait_until(unreadable, _PATIENCE, step=0.5)
    finally:
        site.deployed.server.ensure_started()
