"""The operators' status page, and what counts as a problem."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from tests.cast import Cast
from tests.operators import create_operator, operator_client

from theseller.mail.types import UndeliveredCounts
from theseller.operators.deployment_status.status_lines import status_lines
from theseller.operators.deployment_status.types import (
    BackupState,
    DeploymentState,
    StateExportState,
)
from theseller.tenancy.host_types import Host

_WELL = DeploymentState(
    at=datetime(2026, 11, 29, tzinfo=UTC),
    workers=2,
    heartbeat_age=3.0,
    hosts=(Host(UUID(int=1), "worker", "one", "1.0", {}, "", 0.1, 50 << 30, 100 << 30, 2.0),),
    jobs={("ingest.pull", "waiting"): 4, ("audit.checkpoint", "running"): 1},
    oldest_waiting_job=600.0,
    streams={("orders", "ok"): 5, ("transactions", "ok"): 5, ("orders", "role_missing"): 1},
    stream_ages={"ok": 60.0},
    streams_overdue=0,
    streams_failing=0,
    rate_limits={},
    documents={},
    mail=UndeliveredCounts(
        {
            ("password_reset", "retrying"): 1,
            ("password_reset", "refused"): 1,
            ("invitation", "failed"): 2,
            ("sign_up", "unknown"): 3,
        },
        1800.0,
    ),
    backups=BackupState(26 * 3600.0, 0, 7200.0, last_test_passed=True),
    controls={"met": 20, "unknown": 3},
    disk_free=10 << 30,
    disk_size=100 << 30,
    certificate_days=14.0,
    state_export=StateExportState(7 * 86_400.0, 7 * 86_400.0),
)


def test_the_page_shows_each_part_and_its_problem(cast: Cast) -> None:
    page = operator_client(create_operator()).get("/operate/status/").content.decode()
    # Whether a worker runs depends on other tests of this process.
    assert ("No problem was found." in page) != ('<span class="badge is-bad">' in page)
    for part in ("Workers", "Queue", "Streams", "Mail", "Last backup", "Controls", "Disk"):
        assert f">{part}</th>" in page


def test_a_deployment_without_problems_is_described_in_words() -> None:
    lines = {line.name: line for line in status_lines(_WELL)}
    assert not any(line.problem for line in lines.values())
    assert lines["workers"].text == "2, last heartbeat 3 s ago"
    assert lines["queue"].text == "1 running, 4 waiting, the oldest for 600 s"
    assert lines["streams"].text == "10 ok, 1 role_missing; 0 overdue, 0 failing"
    assert lines["mail"].text == "1 being retried, 6 not delivered in 24 hours"
    assert lines["last backup"].text == "26 h ago, 0 failures since"
    assert lines["restore test"].text == "the last that passed: 2 h ago"
    assert lines["disk"].text == "10.0 of 100.0 GiB free"
    assert lines["certificate"].text == "14 days left"
    assert lines["state export"].text == "168 h ago"
    assert lines["host"].text == "one: worker, seen 2 s ago, 50.0 GiB free"
    without = replace(
        _WELL, certificate_days=None, backups=None, heartbeat_age=None, state_export=None
    )
    lines = {line.name: line for line in status_lines(without)}
    assert "certificate" not in lines
    assert "state export" not in lines
    assert "restore test" not in lines
    assert lines["workers"].text == "2, last heartbeat never"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"workers": 0}, "no worker runs: start `theseller worker`"),
        ({"oldest_waiting_job": 601.0}, "a job has waited for 601 s"),
        (
            {"mail": UndeliveredCounts({("test", "retrying"): 1}, 1830.0)},
            "mail has been retried for 30 minutes",
        ),
        (
            {"mail": UndeliveredCounts({("security_notice", "failed"): 1})},
            "1 message to an account failed in 24 hours",
        ),
        ({"streams_overdue": 2}, "2 streams were not run when they were due"),
        (
            {"backups": BackupState(26 * 3600.0 + 1, 1, 1.0, last_test_passed=True)},
            "no backup in the last 26 hours",
        ),
        (
            {"backups": BackupState(None, 0, None, last_test_passed=None)},
            "no backup in the last 26 hours",
        ),
        (
            {"backups": BackupState(1.0, 0, 1.0, last_test_passed=False)},
            "the last restore test failed",
        ),
        (
            {"controls": {"met": 1, "broken": 1}},
            "1 control is broken: `theseller controls` names it",
        ),
        ({"disk_free": (10 << 30) - 1}, "less than 10 % of the disk is free"),
        (
            {"state_export": StateExportState(5 * 86_400.0 + 1, 5 * 86_400.0)},
            "no export of the state folder in the last 5 days",
        ),
        (
            {"state_export": StateExportState(None, 7 * 86_400.0)},
            "no export of the state folder in the last 7 days",
        ),
        ({"certificate_days": 13.9}, "the TLS certificate expires in 13 days"),
    ],
)
def test_a_problem_is_named(change: dict[str, object], problem: str) -> None:
    state = replace(_WELL, **change)  # type: ignore[arg-type]  # a subset of its fields
    assert [line.problem for line in status_lines(state) if line.problem] == [problem]
