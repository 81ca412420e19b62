"""`/readyz` of a real web process.

200 only while the database answers each role with this version's schema, else 503 and why.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString

import psycopg
import pytest
from tests.demo_deployment import ROOT, free_ports
from tests.integration.deployment import Deployment, deployment

from theseller.config import readiness
from theseller.postgres.os_processes import stop_with_parent, wait_until
from theseller.postgres.server_folders import conninfo

_PATIENCE = 90.0
pytestmark = pytest.mark.timeout(600)


@dataclass(slots=True)
class Site:
    deployed: Deployment
    port: int

    def ask(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Host": "192.0.2.1"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def change(self, statement: LiteralString) -> None:
        """Run a statement as the superuser."""
        dsn = conninfo(self.deployed.state, "theseller_super", self.deployed.secret("db-superuser"))
        with psycopg.connect(dsn, autocommit=True) as superuser:
            superuser.execute(statement)

    def becomes(self, *answer: object) -> None:
        """Wait until `/readyz` answers so: what was found last counts for a second."""
        seen: list[object] = []

        def ready() -> bool:
            seen.append(self.ask("/readyz"))
            return seen[-1] == answer

        assert wait_until(ready, _PATIENCE, step=0.2), seen[-1]
        assert self.ask("/healthz") == (
            200,
            "ok",
        ), "the process itself is alive whatever the database does"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    (port,) = free_ports(1)
    with (
        deployment({"THESELLER_PUBLIC_URL": f"http://127.0.0.1:{port}"}) as built,
        contextlib.ExitStack() as stack,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "theseller.cli.main", "serve", "--port", str(port), "--workers",
                "1"],
            cwd=ROOT, env=built.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
            # one prctl call, loaded before the fork
            preexec_fn=stop_with_parent(signal.SIGKILL),  # noqa: PLW1509
        )  # fmt: skip
        stack.callback(process.wait)
        stack.callback(_end, process)
        found = Site(built, port)

        def serves() -> bool:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return found.ask("/healthz")[0] == 200
            return False

        assert wait_until(serves, _PATIENCE)
        yield found


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


_CHANGES: dict[str, tuple[LiteralString, LiteralString]] = {
    readiness.OTHER_SCHEMA: (
        (
            "insert into django_migrations (app, name, applied) values ('tenancy',"
            " '9999_of_a_later_version', now())"
        ),
        "delete from django_migrations where name = '9999_of_a_later_version'",
    ),
    readiness.OTHER_DATABASE: (
        "update guard.deployment set environment = 'staging'",
        "update guard.deployment set environment = 'demo'",
    ),
    readiness.WRONG_ROLE: (
        "alter role theseller_operator nologin",
        "alter role theseller_operator login",
    ),
}


@pytest.mark.parametrize("reason", _CHANGES)
def test_readyz_is_503_with_the_reason_until_the_database_fault_is_repaired(
    site: Site, reason: str
) -> None:
    change, back = _CHANGES[reason]
    site.becomes(200, "ready\n")
    site.change(change)
    try:
        site.becomes(503, f"{reason}\n")
    finally:
        site.change(back)
    site.becomes(200, "ready\n")


def test_an_older_schema_and_a_role_that_bypasses_row_security_are_not_ready(site: Site) -> None:
    site.change(
        "update django_migrations set name = 'x' where app = 'tenancy' and name = '0007_conditions'"
    )
    site.becomes(503, f"{readiness.OTHER_SCHEMA}\n")
    site.change("update django_migrations set name = '0007_conditions' where name = 'x'")
    site.change("alter role theseller_auth bypassrls")
    site.becomes(503, f"{readiness.WRONG_ROLE}\n")
    site.change("alter role theseller_auth nobypassrls")
    site.becomes(200, "ready\n")


def test_readyz_is_503_while_the_database_is_stopped(site: Site) -> None:
    site.becomes(200, "ready\n")
    site.deployed.server.stop()
    site.becomes(503, f"{readiness.DATABASE_UNAVAILABLE}\n")
    site.deployed.server.ensure_started()
    site.becomes(200, "ready\n")
