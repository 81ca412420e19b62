"""The worker starts again when something that runs beside it ends."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import procrastinate
import pytest

from theseller.config import job_worker
from theseller.postgres.answering_connection import NoAnswerError


class _App:
    """Runs no job, and notes that it was stopped."""

    stopped = False

    async def run_worker_async(self, **_options: object) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise


async def _forever(*_arguments: object) -> None:
    await asyncio.Event().wait()


async def _fail(*_arguments: object) -> None:
    raise RuntimeError("ended")


@pytest.mark.parametrize("name", ["keep_worker_reported", "keep_trusted_time"])
def test_the_error_of_a_side_task_stops_the_jobs_and_is_raised(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(job_worker, "host_queue", lambda: "host:one")
    for one in ("keep_worker_reported", "keep_trusted_time", "clock_jump"):
        monkeypatch.setattr(job_worker, one, _fail if one == name else _forever)
    app = _App()

    async def run() -> None:
        worker = job_worker._WorkerRun(check=lambda: None, concurrency=1)
        await asyncio.wait_for(
            job_worker._until_stopped(cast("procrastinate.App", app), worker, asyncio.Event()),
            timeout=60,
        )

    with pytest.raises(RuntimeError, match="ended"):
        asyncio.run(run())
    assert app.stopped


def test_a_missing_answer_of_the_database_stops_the_jobs_and_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_worker, "host_queue", lambda: "host:one")
    for one in ("keep_worker_reported", "keep_trusted_time", "clock_jump"):
        monkeypatch.setattr(job_worker, one, _forever)
    app = _App()

    async def run() -> None:
        worker, silence = job_worker._WorkerRun(check=lambda: None, concurrency=1), asyncio.Event()
        asyncio.get_running_loop().call_later(0.1, silence.set)
        await asyncio.wait_for(
            job_worker._until_stopped(cast("procrastinate.App", app), worker, silence), timeout=60
        )

    with pytest.raises(NoAnswerError):
        asyncio.run(run())
    assert app.stopped


def test_pools_are_closed_before_the_line_that_says_why_the_worker_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def stop(_run: object) -> tuple[int, str]:
        return job_worker.OK, "signal"

    order: list[str] = []
    pool = SimpleNamespace(close_pool=lambda: order.append("pool closed"))
    log = SimpleNamespace(info=lambda event, **_fields: order.append(event))
    monkeypatch.setattr(job_worker, "_supervise", stop)
    monkeypatch.setattr(job_worker, "stop_reporting", lambda _name: None)
    monkeypatch.setattr(job_worker, "connections", SimpleNamespace(all=lambda: [pool]))
    monkeypatch.setattr(job_worker, "log", log)
    assert job_worker.run_worker(concurrency=1, check=lambda: None) == job_worker.OK
    assert order == ["pool closed", "worker_stopped"]
