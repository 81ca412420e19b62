"""Enqueue a run of every probe for an operator, and report its progress."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from django.db import connections as databases
from procrastinate.exceptions import AlreadyEnqueued

from theseller.controls.catalogue import CATALOGUE
from theseller.controls.tasks import run_all_controls
from theseller.lib import sql_execution

#: A worker says every ten seconds that it runs. One that was silent three times does not.
_SILENCE_SECONDS = 30
_NEWEST_JOB = (
    "select id from procrastinate_jobs where task_name = %s and status in ('todo', 'doing') order"
    " by id desc limit 1"
)
_JOB = """
select j.status::text,
  extract(epoch from now() - max(e.at) filter (where e.type = 'started'))::float,
       extract(epoch from now() - min(e.at))::float
from procrastinate_jobs j left join procrastinate_events e on e.job_id = j.id
where j.id = %s group by j.status
"""
_RUNNING = """
select j.task_name, extract(epoch from now() - max(e.at))::float
from procrastinate_jobs j join procrastinate_events e on e.job_id = j.id and e.type = 'started'
where j.status = 'doing' group by j.id, j.task_name order by 2 desc
"""
_SILENT = "select extract(epoch from now() - max(last_heartbeat))::float from procrastinate_workers"
_NEWER = "select distinct control_id from controls_evidence where position > %s"
_LAST = "select coalesce(max(position), 0) from controls_evidence"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run of every probe.

    `job` is the job's ID, 0 if it ended immediately; `after` is the position of the last evidence
    before the request. Positions come from the database: the clocks of two hosts may differ.
    """

    job: int
    after: int


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The progress of a run.

    `missing` are the probes without new evidence, `ended` is whether the job has ended, and
    `waiting_for` is a message with its advice.
    """

    missing: tuple[str, ...]
    ended: bool
    waiting_for: tuple[str, str]


def request_run() -> RunRequest:
    """Enqueue a run of every probe, or join the one that waits already."""
    after = _one(_LAST)
    with contextlib.suppress(
        AlreadyEnqueued
    ):  # Another operator asked, and it has not begun: it serves us too.
        return RunRequest(run_all_controls.defer(), int(after))
    return RunRequest(int(_one(_NEWEST_JOB, run_all_controls.name) or 0), int(after))


def run_progress(request: RunRequest) -> RunProgress:
    """Return how far a run is."""
    # The job first: one that ended in between has written all it had to write.
    job = _rows(_JOB, request.job)
    there = {str(row[0]) for row in _rows(_NEWER, request.after)}
    missing = tuple(name for name in CATALOGUE if name not in there)
    return RunProgress(missing, not job, _waiting_for(job, missing))


def _waiting_for(job: list[tuple[object, ...]], missing: tuple[str, ...]) -> tuple[str, str]:
    if not job:
        return (
            (
                f"The run of the probes ended without new evidence of {len(missing)}:"
                f" {_some(missing)}."
            ),
            "The worker's log says why. Run `theseller controls --now` again.",
        )
    status, running, waiting = job[0]
    silent = _one(_SILENT)
    if silent is None or float(silent) > _SILENCE_SECONDS:
        seen = (
            "no worker was ever seen"
            if silent is None
            else f"the last one was silent for {float(silent):.0f} s"
        )
        return (
            f"No worker runs the probes: {seen}.",
            "Start the worker, and look at its log.",
        )
    if status == "doing":
        return (
            (
                f"The worker has been running the probes for {_seconds(running)}, without new"
                f" evidence yet of {len(missing)}: {_some(missing)}."
            ),
            "Its log says what it does. The run goes on: `theseller controls` shows what there is.",
        )
    others = ", ".join(f"{name} for {_seconds(age)}" for name, age in _rows(_RUNNING)) or "no job"
    return (
        (
            f"The run of the probes has been waiting in the queue for {_seconds(waiting)}. The"
            f" worker runs: {others}."
        ),
        (
            "It is not lost: the worker takes it as soon as it is free and no other run of probes"
            " is under way."
        ),
    )


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def _seconds(age: object) -> str:
    return "an unknown time" if age is None else f"{float(str(age)):.0f} s"


def _one(query: str, *parameters: object) -> Any:  # any column  # noqa: ANN401
    rows = _rows(query, *parameters)
    return rows[0][0] if rows else None


def _rows(query: str, *parameters: Any) -> list[tuple[Any, ...]]:  # any column  # noqa: ANN401
    return list(sql_execution.rows(databases["default"], query, parameters))
