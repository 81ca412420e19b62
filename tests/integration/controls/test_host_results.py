"""What every host has to hold: no host hides another's failure, and none counts for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from tests.conftest import as_role
from tests.database import test_server

from theseller.controls import operations
from theseller.controls.catalogue import CATALOGUE
from theseller.controls.operations import run_control
from theseller.controls.types import (
    DECLARED,
    Evidence,
    Failed,
    HostScope,
    Outcome,
    Passed,
    Status,
    Unknown,
)
from theseller.lib import clock
from theseller.tenancy.host_reports_and_clocks import hosts, report_host

CONTROL = "net-at-rest"
Superuser = psycopg.Connection[tuple[object, ...]]
Run = Callable[..., Evidence]


@pytest.fixture
def superuser(database: str) -> Iterator[Superuser]:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as connection:
        for table in ("tenancy_host", "controls_host_result"):
            connection.execute(f"delete from {table}".encode())
        yield connection


@pytest.fixture
def run(superuser: Superuser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the control on a host (a state folder of its own) with the outcome of its probe."""

    def at_host(
        name: str, outcome: Outcome, *, at: datetime | None = None, control: str = CONTROL
    ) -> Evidence:
        join(name, "worker", tmp_path, monkeypatch)
        monkeypatch.setattr(operations, "_run_probe", lambda _entry, _context: outcome)
        return run_control(control, at=at or clock.now())

    return at_host


def join(name: str, process: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Become a host, and report it."""
    state = folder / name
    state.mkdir(exist_ok=True)
    monkeypatch.setattr(settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, state=state))
    monkeypatch.setattr("socket.gethostname", lambda: name)
    with as_role("worker" if process == "worker" else "web"):
        report_host(process, version="1", hashes={})


FINE, BROKEN = Passed(3, "All disks are encrypted."), Failed("Not encrypted: logs and state.")


def test_a_host_that_fails_is_not_hidden_by_one_that_passes(run: Run) -> None:
    assert run("a", FINE).outcome is Status.PASSED
    assert run("b", BROKEN).outcome is Status.FAILED
    found = run("a", FINE)
    assert (found.outcome, found.summary) == (
        Status.FAILED,
        "On host b: Not encrypted: logs and state.",
    )
    later = clock.now() + timedelta(hours=3)
    assert run("a", FINE, at=later).outcome is Status.FAILED, "a failure does not become old"
    assert run("b", FINE, at=later).outcome is Status.PASSED
    found = run("a", FINE, at=later)
    assert found.outcome is Status.PASSED
    assert found.summary == "All disks are encrypted. The same holds on 1 other host(s)."


def test_a_host_that_says_nothing_or_nothing_lately_leaves_the_control_unknown(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, superuser: Superuser
) -> None:
    at = clock.now()
    join("b", "worker", tmp_path, monkeypatch)
    found = run("a", FINE, at=at)
    assert (found.outcome, found.summary) == (
        Status.UNKNOWN,
        "On host b: It has reported nothing yet.",
    )
    run("b", FINE, at=at)
    assert run("a", FINE, at=at).outcome is Status.PASSED
    late = at + CATALOGUE[CONTROL].control.freshness + timedelta(seconds=1)
    assert "too old" in run("a", FINE, at=late).summary
    run("b", Unknown("It can't see its disks."), at=late)
    assert run("a", FINE, at=late).summary == "On host b: It can't see its disks."
    superuser.execute("update controls_host_result set code_version = 'other', outcome = 'met'")
    assert "another version" in run("a", FINE, at=late).summary
    # A host that no longer exists no longer counts.
    superuser.execute("delete from tenancy_host where name = 'b'")
    assert run("a", FINE, at=late).outcome is Status.PASSED


def test_a_host_that_only_serves_pages_is_named_as_not_looked_at(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    join("c", "web", tmp_path, monkeypatch)
    found = run("a", FINE)
    assert found.outcome is Status.PASSED
    assert found.observations[DECLARED] == [
        "1 host(s) only serve pages: this probe does not look at them."
    ]
    assert DECLARED not in run("a", FINE, control="cred-access-log").observations
    join("c", "worker", tmp_path, monkeypatch)
    assert run("a", FINE).outcome is Status.UNKNOWN


def test_what_one_run_proves_for_the_deployment_is_not_combined(run: Run) -> None:
    assert CATALOGUE["net-rate-limit"].control.hosts is HostScope.DEPLOYMENT
    assert run("b", BROKEN, control="net-rate-limit").outcome is Status.FAILED
    assert run("a", FINE, control="net-rate-limit").outcome is Status.PASSED


def test_pages_neither_add_nor_remove_a_host_with_a_worker(run: Run, superuser: Superuser) -> None:
    run("a", FINE)
    statements = (
        (
            "insert into tenancy_host (id, process, name, version, settings, clock_ahead, disk_free,"
            " disk_size) values (gen_random_uuid(), 'worker', 'x', '1', '{}', 0, 1, 1)"
        ),
        "update tenancy_host set seen_at = '-infinity'",
        "update tenancy_host set process = 'web'",
        "delete from tenancy_host",
    )
    (one,) = hosts()
    superuser.execute("set role theseller_web")
    for statement in statements:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            superuser.execute(statement.encode())
    superuser.execute("reset role")
    assert [found.id for found in hosts()] == [one.id]
