"""Only fresh evidence of this program makes a control green.

Not old, not broken off, not empty, not forged evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest
from django.db import transaction
from tests.database import connect_as
from tests.sabotage.deployment import Deployment, probe_all

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.controls import security_page_data
from theseller.controls.catalogue import CATALOGUE
from theseller.controls.operations import run_control, run_due
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.security_page_data import displayed_status, security_page
from theseller.controls.tasks import run_due_controls
from theseller.controls.types import (
    CatalogueEntry,
    Control,
    Failed,
    NothingCheckedError,
    Passed,
    SecurityPage,
    Status,
    Unknown,
)
from theseller.lib import clock, code_version

CONTROL = "auth-revoke-anytime"
_FORGED = (
    "insert into controls_evidence (id, control_id, outcome, checked, summary, code_version,"
    " collected_at) values (gen_random_uuid(), 'auth-revoke-anytime', 'met', 1, '', 'x', now())"
)


@pytest.fixture(autouse=True)
def _nothing_from_the_future(superuser: psycopg.Connection[tuple[object, ...]]) -> Iterator[None]:
    """Remove what a test dated in the future.

    It would turn page-true red for the tests that follow, in whatever order they run.
    """
    yield
    with superuser.transaction():
        superuser.execute("set local session_replication_role = replica")
        superuser.execute("delete from controls_evidence where collected_at > now()")


def _shown(of: SecurityPage, control: str = CONTROL) -> Status:
    return next(one.outcome for one in of.controls if one.id == control)


def _replace_probe(patch: pytest.MonkeyPatch, control: Control, probe: object) -> None:
    entry = CatalogueEntry(control, probe)  # type: ignore[arg-type]
    patch.setitem(CATALOGUE._all(), control.id, entry)  # type: ignore[attr-defined]


def test_operator_declaration_is_not_shown_as_passed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replace_probe(
        monkeypatch,
        CATALOGUE[CONTROL].control,
        lambda _world: Passed(1, "seen", {"declared": ["Taken on trust."]}),
    )
    run_control(CONTROL, at=clock.now())
    shown = next(one for one in security_page(clock.now()).controls if one.id == CONTROL)
    assert (shown.outcome, shown.declared) == (Status.DECLARED, ("Taken on trust.",))
    evidence = run_control("page-true", at=clock.now())
    assert evidence.outcome is Status.PASSED, evidence.summary
    monkeypatch.undo()
    probe_all({CONTROL, "page-true"})


def test_evidence_that_another_process_adds_meanwhile_turns_the_page_not_red(
    deployment: Deployment,
    superuser: psycopg.Connection[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker and a command may both be probing: what one reads twice must be of one moment."""
    _replace_probe(monkeypatch, CATALOGUE[CONTROL].control, lambda _world: Unknown("nothing yet"))
    run_control(CONTROL, at=clock.now())
    added: list[object] = []

    def while_it_is_read(at: datetime, *, using: str) -> SecurityPage:
        found = security_page(at, using=using)
        added.append(
            superuser.execute(
                "insert into controls_evidence (id, control_id, outcome, checked, summary,"
                " code_version, collected_at) values (gen_random_uuid(), %s, 'met', 1, '', %s, %s)"
                " returning position",
                [CONTROL, code_version.code_version(), at],
            ).fetchone()
        )
        return found

    monkeypatch.setattr(security_page_data, "security_page", while_it_is_read)
    evidence = run_control("page-true", at=clock.now())
    assert added
    assert evidence.outcome is Status.PASSED, evidence.summary
    monkeypatch.undo()
    probe_all({CONTROL, "page-true"})


def test_old_evidence_is_not_green(deployment: Deployment) -> None:
    run_control(CONTROL, at=clock.now())
    fresh = CATALOGUE[CONTROL].control.freshness
    assert _shown(security_page(clock.now())) is Status.PASSED
    assert _shown(security_page(clock.now() + fresh + timedelta(seconds=1))) is Status.STALE


def test_evidence_of_another_program_is_not_green(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_control(CONTROL, at=clock.now())
    monkeypatch.setattr(code_version, "code_version", lambda: "0123456789abcdef")
    assert _shown(security_page(clock.now())) is Status.STALE


def test_evidence_from_the_future_is_not_green(deployment: Deployment) -> None:
    evidence = run_control(CONTROL, at=clock.now())
    before = evidence.collected_at - timedelta(hours=1)
    found, _ = displayed_status(
        evidence, timedelta(hours=9), at=before, version=evidence.code_version
    )
    assert found is Status.UNKNOWN


def test_failing_probe_is_unknown_and_reveals_only_the_exception_class(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_world: ProbeContext) -> Passed:
        raise RuntimeError("Jane Doe, 1 Main Street")

    _replace_probe(monkeypatch, CATALOGUE[CONTROL].control, fails)
    evidence = run_control(CONTROL, at=clock.now())
    assert evidence.outcome is Status.UNKNOWN
    assert "Jane" not in evidence.summary
    assert "RuntimeError" in evidence.summary
    assert _shown(security_page(clock.now())) is Status.UNKNOWN


def test_a_probe_that_looked_at_nothing_is_not_green(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NothingCheckedError):
        Passed(0)
    _replace_probe(monkeypatch, CATALOGUE[CONTROL].control, lambda _world: Passed(0))
    assert run_control(CONTROL, at=clock.now()).outcome is Status.UNKNOWN


def test_the_database_refuses_met_without_anything_checked(
    deployment: Deployment, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        superuser.execute(_FORGED.replace("'met', 1", "'met', 0"))


def test_failed_evidence_stays_failed_regardless_of_age(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _replace_probe(monkeypatch, CATALOGUE[CONTROL].control, lambda _world: Failed("as planned", 1))
    run_control(CONTROL, at=clock.now())
    assert _shown(security_page(clock.now() + timedelta(days=400))) is Status.FAILED
    monkeypatch.undo()
    run_control(CONTROL, at=clock.now())
    assert _shown(security_page(clock.now())) is Status.PASSED


@pytest.mark.parametrize("role", ["web", "worker", "retention", "migrate"])
def test_no_role_but_the_probe_adds_evidence(
    deployment: Deployment, database: str, role: str
) -> None:
    with connect_as(role, database, autocommit=True) as connection:
        if role == "migrate":
            # Migrations own the tables, so what stops them is that no service knows their password;
            # they still can't rewrite.
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                connection.execute("update controls_evidence set outcome = 'met'")
            return
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(_FORGED)


@pytest.mark.parametrize("role", ["web", "worker", "retention", "probe", "migrate"])
@pytest.mark.parametrize(
    "change",
    [
        "update controls_evidence set outcome = 'met'",
        "delete from controls_evidence",
        "truncate controls_evidence",
    ],
)
def test_no_role_changes_evidence(
    deployment: Deployment, database: str, role: str, change: str
) -> None:
    run_control(CONTROL, at=clock.now())  # so that there is something to change
    with (
        connect_as(role, database, autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(change)


def test_the_recurring_job_runs_what_is_due_and_nothing_else(deployment: Deployment) -> None:
    run_due(at=clock.now())
    at = clock.now()
    assert run_due(at=at) == ()
    shortest = min(entry.control.interval for entry in CATALOGUE.values())
    later = run_due(at=at + shortest)
    assert {evidence.control_id for evidence in later} == {
        "page-true",
        *(name for name, entry in CATALOGUE.items() if entry.control.interval == shortest),
    }
    assert later[-1].control_id == "page-true"


def test_audited_event_makes_its_controls_due(deployment: Deployment) -> None:
    run_due(at=clock.now())
    with transaction.atomic(using="retention"):
        record(
            Tag.CERTIFICATE_ISSUED,
            actor="process:test",
            tenant=None,
            subject="connection:x",
            at=clock.now(),
            using="retention",
        )
    assert [evidence.control_id for evidence in run_due(at=clock.now())] == [
        "aup-deletion-requests", "life-purge-30", "pii-delete-on-disconnect", "page-true",
    ]  # fmt: skip
    assert run_due(at=clock.now()) == ()


@pytest.mark.parametrize(
    ("outcome", "age", "version"),
    [
        ("met", timedelta(0), None),
        ("met", timedelta(minutes=-4), None),
        ("met", timedelta(minutes=-4), "0123456789abcdef"),
    ],
    ids=["now", "dated ahead", "of another program"],
)
def test_evidence_that_this_process_did_not_gather_puts_no_run_off(
    deployment: Deployment,
    superuser: psycopg.Connection[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    outcome: str,
    age: timedelta,
    version: str | None,
) -> None:
    """Add a row that says "met" over what the probe found broken.

    The probe runs again at the next minute, and is right again.
    """
    _replace_probe(monkeypatch, CATALOGUE[CONTROL].control, lambda _world: Failed("as planned", 1))
    run_control(CONTROL, at=clock.now())
    superuser.execute(
        "insert into controls_evidence (id, control_id, outcome, checked, summary, code_version,"
        " collected_at) values (gen_random_uuid(), %s, %s, 1, '', %s, %s)",
        [CONTROL, outcome, version or code_version.code_version(), clock.now() - age],
    )
    assert CONTROL in {evidence.control_id for evidence in run_due(at=clock.now())}
    assert _shown(security_page(clock.now())) is Status.FAILED
    monkeypatch.undo()
    probe_all({CONTROL, "page-true"})


def test_evidence_that_is_renewed_by_others_puts_no_run_off(
    deployment: Deployment, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    """A row every few minutes can't keep a probe from its own interval."""
    run_control(CONTROL, at=clock.now())
    later = clock.now() + CATALOGUE[CONTROL].control.interval
    superuser.execute(
        "insert into controls_evidence (id, control_id, outcome, checked, summary, code_version,"
        " collected_at) values (gen_random_uuid(), %s, 'met', 1, '', %s, %s)",
        [CONTROL, code_version.code_version(), later - timedelta(seconds=1)],
    )
    assert CONTROL in {evidence.control_id for evidence in run_due(at=later)}
    probe_all({CONTROL, "page-true"})


def test_the_recurring_job_runs_the_probes(
    deployment: Deployment, superuser: psycopg.Connection[tuple[object, ...]]
) -> None:
    before = superuser.execute(
        "select coalesce(max(position), 0) from controls_evidence"
    ).fetchone()
    assert before is not None
    # What counts as done depends on the program's version, so another version makes everything due.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code_version, "code_version", lambda: "another")
        run_due_controls(timestamp=0)
    added = superuser.execute(
        "select count(*) from controls_evidence where position > %s", [before[0]]
    ).fetchone()
    assert added == (len(CATALOGUE),)
    probe_all()
