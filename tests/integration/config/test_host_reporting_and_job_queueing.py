"""The jobs that each host runs for itself: queued once, run by no other host, dropped with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import procrastinate
import psycopg
import pytest
from django.conf import settings
from django.db import connections as databases
from procrastinate import JobContext, PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.jobs import Job
from tests.conftest import as_role
from tests.database import test_server

from theseller.config import host_reporting_and_job_queueing
from theseller.config.host_reporting_and_job_queueing import HOST_JOBS, report_now, stop_reporting
from theseller.config.job_recovery import HOST_LOST_SECONDS, reap_stalled
from theseller.tenancy.host_reports_and_clocks import WrongClockError, host_queue, hosts, this_host

Superuser = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def superuser(database: str) -> Iterator[Superuser]:
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as connection:
        for table in ("tenancy_host", "procrastinate_jobs", "procrastinate_workers"):
            connection.execute(f"delete from {table}".encode())
        yield connection
        connection.execute(b"delete from procrastinate_workers")


def _with_queue(work: Callable[[procrastinate.App], Awaitable[Any]]) -> None:
    parameters = databases["worker"].get_connection_params()
    connector = PsycopgConnector(
        kwargs={name: parameters[name] for name in ("dbname", "host", "port", "user", "password")}
    )

    async def run() -> None:
        with app.replace_connector(connector) as working:
            async with working.open_async():
                await work(working)

    asyncio.run(run())


async def _reap(working: procrastinate.App) -> None:
    job = Job(id=None, queue="", lock=None, queueing_lock=None, task_name="config.reap")
    await reap_stalled(
        JobContext(app=working, job=job, start_timestamp=0.0, abort_reason=lambda: None), 0
    )


def _queued(superuser: Superuser) -> list[tuple[object, ...]]:
    return superuser.execute(
        "select queue_name, task_name from procrastinate_jobs order by queue_name, task_name"
    ).fetchall()


def _fetched(superuser: Superuser, queue: str) -> object:
    worker = superuser.execute(
        "insert into procrastinate_workers (last_heartbeat) values (now()) returning id"
    ).fetchall()[0][0]
    return superuser.execute(
        "select task_name from procrastinate_fetch_job_v2(array['default', 'builtin', %s], %s)",
        [queue, worker],
    ).fetchall()[0][0]


def test_each_host_queues_its_own_jobs_once_and_runs_no_other_hosts(superuser: Superuser) -> None:
    queue, other = host_queue(), f"host:{uuid4().hex}"

    async def enqueue(working: procrastinate.App) -> None:
        for name in (queue, queue, other):
            await host_reporting_and_job_queueing._enqueue_host_jobs(working, name)

    _with_queue(enqueue)
    assert _queued(superuser) == sorted((name, job) for name in (queue, other) for job in HOST_JOBS)
    assert _fetched(superuser, f"host:{uuid4().hex}") is None
    assert _fetched(superuser, queue) in HOST_JOBS


def test_jobs_of_a_silent_host_are_dropped_and_a_lost_host_no_longer_counts(
    superuser: Superuser,
) -> None:
    with as_role("worker"):
        report_now("worker")
    silent, lost = uuid4(), uuid4()
    for identity, seconds in ((silent, 31), (lost, HOST_LOST_SECONDS + 1)):
        superuser.execute(
            "insert into tenancy_host (id, process, name, version, settings, clock_ahead,"
            " disk_free, disk_size, seen_at) values (%s, 'worker', 'other', '1', '{}', 0, 1, 1,"
            " now() - %s * interval '1 second')",
            [identity, seconds],
        )

    async def enqueue_and_reap(working: procrastinate.App) -> None:
        for name in (host_queue(), f"host:{silent.hex}", f"host:{lost.hex}"):
            await host_reporting_and_job_queueing._enqueue_host_jobs(working, name)
        await _reap(working)

    with as_role("worker"):
        _with_queue(enqueue_and_reap)
        assert {one.id for one in hosts()} == {this_host(), silent}
    assert _queued(superuser) == [(host_queue(), job) for job in sorted(HOST_JOBS)]


def test_a_host_is_reported_with_its_clock_and_leaves_in_order(
    superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THESELLER_KEY_STORE", "vault")
    with as_role("worker"):
        report_now("worker")
        (one,) = hosts()
        assert (one.id, one.process, one.silent) == (this_host(), "worker", False)
        assert set(one.settings) >= {"THESELLER_KEY_STORE"}
        assert one.disk_size >= one.disk_free > 0
        assert isinstance(one.id, UUID)
        monkeypatch.setattr("theseller.tenancy.host_reports_and_clocks.time.time", lambda: 0.0)
        with pytest.raises(WrongClockError, match="behind the database's"):
            report_now("worker")
        monkeypatch.undo()
        assert hosts()[0].clock_ahead < -1000, "status shows it"
        stop_reporting("worker")
        assert hosts() == ()
    assert (settings.ENVIRONMENT.state / ".theseller-host").stat().st_mode & 0o077 == 0
