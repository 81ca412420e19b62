"""Mail to operators about a job that fails."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from django.db import connections
from django.db.utils import OperationalError
from procrastinate import JobContext
from procrastinate.worker import Worker
from tests.conftest import as_role
from tests.operators import create_operator

from theseller.config import job_failure_alerts
from theseller.config.job_failure_alerts import alert_of_failure, queue_alert
from theseller.lib import sql_execution

_CONTEXT = cast("JobContext", SimpleNamespace(job=SimpleNamespace(task_name="ingest.pull")))
_WORKER = cast("Worker", None)


def _alerts(address: str) -> list[str]:
    return [
        row[0]
        for row in sql_execution.rows(
            connections["worker"],
            "select context from mail_message where recipient = %s",
            [address],
        )
    ]


def test_a_failed_job_is_one_mail_a_day_without_the_text_of_its_error() -> None:
    operator = create_operator()
    with as_role("worker"):
        for _ in range(3):
            queue_alert("ingest.pull", "ValueError")
        queue_alert("mail.deliver", "KeyError")
    found = _alerts(operator.email)
    assert len(found) == 2
    assert "job ingest.pull failed" in found[0]
    assert "ValueError" in found[0]


@pytest.mark.parametrize(
    ("error", "alerts"),
    [(ValueError("canary of a shop"), [("ingest.pull", "ValueError")]), (OperationalError(), [])],
)
def test_the_job_still_fails_and_a_failure_of_the_database_is_no_alert(
    error: Exception, alerts: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(error, OperationalError):
        error.__cause__ = psycopg.OperationalError("connection refused")
    queued: list[tuple[str, str]] = []
    monkeypatch.setattr(
        job_failure_alerts, "queue_alert", lambda task, name: queued.append((task, name))
    )

    async def failing() -> Any:  # noqa: ANN401 - what a job returns
        raise error

    with pytest.raises(type(error)):
        asyncio.run(alert_of_failure(failing, _CONTEXT, _WORKER))
    assert queued == alerts


def test_a_failure_of_the_alert_is_logged_and_hides_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_alert: object, **_rest: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(job_failure_alerts, "alert_operators", broken)
    with as_role("worker"):
        queue_alert("ingest.pull", "ValueError")
    assert "job_alert_not_queued" in caplog.text
