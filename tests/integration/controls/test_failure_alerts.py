"""Mail to operators about a control that fails: once for each failure."""

from __future__ import annotations

import pytest
from django.db import connections
from tests.conftest import as_role
from tests.operators import create_operator

from theseller.controls import failure_alerts, operations
from theseller.controls.failure_alerts import alert_operators_of_failures
from theseller.controls.operations import run_control
from theseller.controls.queries import latest_evidence
from theseller.controls.types import Outcome, Passed, Unknown, verdict
from theseller.lib import clock, sql_execution

CONTROL = "bak-cap"


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Return the outcomes that the control's next runs have."""
    outcomes: list[Outcome] = []
    monkeypatch.setattr(operations, "_run_probe", lambda _entry, _context: outcomes.pop(0))
    # Evidence of other tests is not looked at.
    monkeypatch.setattr(
        failure_alerts,
        "latest_evidence",
        lambda _all, using: latest_evidence([CONTROL], using=using),
    )
    return outcomes


def _failed() -> Outcome:
    return verdict(1, ["A backup is 91 days old."], "")


def _run(control: list[Outcome], outcome: Outcome) -> int:
    control.append(outcome)
    at = clock.now()
    run_control(CONTROL, at=at)
    with as_role("worker"):
        return alert_operators_of_failures(at=at)


def test_each_failure_is_one_mail_to_each_operator(control: list[Outcome]) -> None:
    sql_execution.execute(connections["worker"], "delete from mail_message")
    operator = create_operator()
    passed = Passed(1, "fine", {})
    assert _run(control, passed) == 0
    first = _run(control, _failed())
    assert first >= 1
    assert _run(control, _failed()) == 0
    assert _run(control, passed) == 0
    assert _run(control, Unknown("not seen")) == 0
    assert _run(control, _failed()) == first
    texts = sql_execution.rows(
        connections["worker"],
        "select context from mail_message where recipient = %s order by id",
        [operator.email],
    )
    assert len(texts) == 2
    assert "A backup is 91 days old." in texts[0][0]
