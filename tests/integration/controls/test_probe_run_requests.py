"""`theseller controls --now`: what it waits for, and that it says so when that does not come."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from tests.conftest import as_role
from tests.database import test_server

from theseller.controls import probe_run_requests
from theseller.controls.catalogue import CATALOGUE
from theseller.controls.tasks import run_all_controls, run_due_controls

Superuser = psycopg.Connection[tuple[object, ...]]
_EVIDENCE = (
    "insert into controls_evidence (id, control_id, outcome, checked, summary, code_version,"
    " collected_at) values (gen_random_uuid(), %s, 'unknown', 0, 'a test wrote it', 'test', now() -"
    " interval '1 hour')"
)


@pytest.fixture
def queue(database: str) -> Iterator[Superuser]:
    """Give a superuser's connection to a database with an empty queue and without workers."""
    with (
        psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser,
        as_role("worker"),
    ):
        for table in ("procrastinate_jobs", "procrastinate_workers"):
            superuser.execute(f"delete from {table}".encode())
        yield superuser


def _a_worker(queue: Superuser) -> object:
    return queue.execute(
        "insert into procrastinate_workers (last_heartbeat) values (now()) returning id"
    ).fetchall()[0][0]


def _fetch(queue: Superuser, worker: object) -> list[tuple[object, ...]]:
    """Take the next job as a worker does; all columns of it are null if there is none that may be taken."""
    found = queue.execute(
        "select id, task_name from procrastinate_fetch_job_v2(null, %s)", [worker]
    ).fetchall()
    return [row for row in found if row[0] is not None]


def test_probe_run_progress_names_the_missing_controls(queue: Superuser) -> None:
    request = probe_run_requests.request_run()
    assert probe_run_requests.request_run() == request, "another operator joins the run that waits"
    now = probe_run_requests.run_progress(request)
    assert (now.ended, set(now.missing)) == (False, set(CATALOGUE))
    assert now.waiting_for[0] == "No worker runs the probes: no worker was ever seen."
    queue.execute(
        "insert into procrastinate_workers (last_heartbeat) values (now() - interval '90 seconds')"
    )
    assert (
        "the last one was silent for 9" in probe_run_requests.run_progress(request).waiting_for[0]
    )

    worker = _a_worker(queue)
    waiting_for = probe_run_requests.run_progress(request).waiting_for[0]
    assert waiting_for.startswith(
        "The run of the probes has been waiting in the queue for 0 s. The worker runs: no job."
    )
    assert _fetch(queue, worker) == [(request.job, run_all_controls.name)]
    assert (
        probe_run_requests.run_progress(request)
        .waiting_for[0]
        .startswith("The worker has been running the probes for ")
    )

    queue.execute("delete from procrastinate_jobs")
    now = probe_run_requests.run_progress(request)
    assert now.ended
    assert now.waiting_for[0].startswith(
        f"The run of the probes ended without new evidence of {len(CATALOGUE)}: "
    )


def test_evidence_is_ordered_by_position_and_not_by_timestamp(queue: Superuser) -> None:
    """The worker's host may be behind this one's: its evidence of now is dated before the request."""
    first, *others = CATALOGUE
    queue.execute(_EVIDENCE, [first])
    request = probe_run_requests.request_run()
    for name in others:
        queue.execute(_EVIDENCE, [name])
    assert probe_run_requests.run_progress(request).missing == (first,)
    queue.execute(_EVIDENCE, [first])
    assert probe_run_requests.run_progress(request).missing == ()


def test_two_probe_runs_are_never_executed_concurrently(queue: Superuser) -> None:
    """Exclude concurrent runs.

    One that began earlier would store its evidence last: the newest evidence would be older than
    the request.
    """
    worker = _a_worker(queue)
    due = run_due_controls.configure().defer(timestamp=0)
    assert _fetch(queue, worker) == [(due, run_due_controls.name)]
    request = probe_run_requests.request_run()
    assert _fetch(queue, worker) == []
    assert (
        f"The worker runs: {run_due_controls.name} for "
        in probe_run_requests.run_progress(request).waiting_for[0]
    )
    queue.execute("delete from procrastinate_jobs where id = %s", [due])
    assert _fetch(queue, worker) == [(request.job, run_all_controls.name)]
