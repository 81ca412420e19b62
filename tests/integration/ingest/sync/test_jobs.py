"""The jobs: they may be lost or doubled, and those of a killed worker are run again."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from croniter import croniter  # type: ignore[import-untyped]  # it ships none
from django.db import connections as databases
from procrastinate import JobContext, PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.jobs import Job
from tests.database import test_server
from tests.integration.ingest.sync.conftest import Worker

from theseller.config.job_recovery import RetryingJobManager, reap_stalled
from theseller.ingest.tasks import tick


def _jobs(worker: Worker, task: str = "ingest.pull") -> list[tuple[Any, ...]]:
    with databases["default"].cursor() as cursor:
        cursor.execute(
            "select id, status::text, args, attempts from procrastinate_jobs where task_name = %s"
            " and args ->> 'connection' = %s order by id",
            [task, str(worker.connection)],
        )
        return list(cursor.fetchall())


def _due(worker: Worker) -> int:
    """Return how many streams are due; those of traffic begin one a minute."""
    [(number,)] = worker.rows("select count(*) from ingest_stream where due_at <= now()")
    return int(number)


@pytest.fixture
def _alone(database: str) -> None:
    """Other tests' streams in this database are not due today."""
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute("update ingest_stream set due_at = now() + interval '1 day'")
        superuser.execute("delete from procrastinate_jobs")


@pytest.mark.usefixtures("_alone")
def test_a_tick_enqueues_every_due_stream_once(worker: Worker) -> None:
    tick(0)
    tick(0)
    jobs = _jobs(worker)
    assert len(jobs) == _due(worker) > 10
    assert all(
        set(json.loads(arguments)) == {"tenant", "connection", "name", "marketplace_id"}
        for _, _, arguments, _ in jobs
    )


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("retried", [False, True], ids=["reaped", "retried first"])
def test_jobs_of_a_stopped_worker_are_queued_again(worker: Worker, *, retried: bool) -> None:
    tick(0)
    [first, second, *_] = _jobs(worker)
    with databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into procrastinate_workers (last_heartbeat) values (now() - interval '5"
            " minutes') returning id"
        )
        [expired] = cursor.fetchone()
        cursor.execute(
            "update procrastinate_jobs set status = 'doing', worker_id = %s where id in (%s, %s)",
            [expired, first[0], second[0]],
        )
    tick(0)  # enqueues both streams again: the queueing locks of the expired jobs are free
    assert len([job for job in _jobs(worker) if job[1] == "todo"]) == _due(worker)
    with databases["default"].cursor() as cursor:
        cursor.execute(
            "delete from procrastinate_jobs where status = 'todo' and queueing_lock = (select"
            " queueing_lock from procrastinate_jobs where id = %s)",
            [first[0]],
        )

    parameters = databases["default"].get_connection_params()
    connector = PsycopgConnector(
        kwargs={name: parameters[name] for name in ("dbname", "host", "port", "user", "password")}
    )

    async def reap() -> int:
        with app.replace_connector(connector) as working:
            async with working.open_async():
                job = Job(id=None, queue="", lock=None, queueing_lock=None, task_name="config.reap")
                return await reap_stalled(
                    JobContext(
                        app=working, job=job, start_timestamp=0.0, abort_reason=lambda: None
                    ),
                    0,
                )

    async def retry_a_twin() -> None:
        with app.replace_connector(connector) as working:
            async with working.open_async():
                [twin] = [
                    one
                    for one in await working.job_manager.list_jobs_async(status="doing")
                    if one.id == second[0]
                ]
                await RetryingJobManager(connector).retry_job(twin)

    if retried:
        asyncio.run(retry_a_twin())
        assert second[0] not in {job[0] for job in _jobs(worker)}
    assert asyncio.run(reap()) >= 2 - retried
    after = {job[0]: job[1] for job in _jobs(worker)}
    assert after[first[0]] == "todo", "queued again"
    assert second[0] not in after, "its twin is queued already"


def test_no_recurring_job_runs_every_second_of_some_minutes_by_mistake() -> None:
    # A sixth field is the seconds, and it comes last: the other order means something else and is
    # easily written.
    for (task, _), periodic in app.periodic_registry.periodic_tasks.items():
        start = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
        times = croniter(periodic.cron, start)
        steps = {round(-times.get_current() + times.get_next()) for _ in range(50)}
        assert max(steps) <= 2 * min(steps) or min(steps) >= 60, (
            f"{task}: {periodic.cron} fires unevenly"
        )
