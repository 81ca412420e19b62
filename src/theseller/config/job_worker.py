"""Run the worker, across restarts of the database, until it is stopped.

Procrastinate's own worker ends when one of its connections does. Here it is started again, with a
pause that grows while the database does not answer. Jobs that it had begun are queued again by
`config.job_recovery`, by this worker or another.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import procrastinate
from django.db import connections
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.utils import connector_params

from theseller.config.clock_jumps import clock_jump, correct_future_dates, keep_trusted_time
from theseller.config.concurrency_defaults import QUEUE_POOLED
from theseller.config.host_reporting_and_job_queueing import keep_worker_reported, stop_reporting
from theseller.config.job_failure_alerts import alert_of_failure
from theseller.config.job_metrics import count_job
from theseller.config.job_recovery import RetryingJobManager
from theseller.lib.database_failures import Failure, classify
from theseller.lib.structured_logging import getLogger
from theseller.postgres.answering_connection import (
    AnsweringAsyncConnection,
    NoAnswerError,
    queue_connection,
)
from theseller.tenancy.host_reports_and_clocks import host_queue

log = getLogger(__name__)

#: How often an idle worker looks for jobs; a new one is usually announced (LISTEN) before that.
_POLL_SECONDS = 0.3
#: A pull gives its slot back after eight seconds; one that is cut off loses nothing but the step it
#: was in.
_GRACE_SECONDS = 20.0
#: How often a worker writes that it lives; monitoring counts those of the last 30 seconds.
_HEARTBEAT_SECONDS = 5.0
#: How long the queue waits for a connection: shorter than what a service manager waits for our end.
_CONNECTION_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
#: After this many seconds a worker counts as stable: its next interruption counts as the first.
_STABLE_AFTER = 60.0
#: A refusal that no waiting mends, such as a wrong password, ends the worker after this long: a
#: password may just be being replaced.
_REFUSED_SECONDS_MAX = 300.0
OK, FAILURE = 0, 1
#: A worker runs the jobs of these queues and of its host's own. Other hosts' are theirs alone.
DEFAULT_QUEUE, BUILTIN_QUEUE = "default", "builtin"


@dataclass(slots=True)
class _WorkerRun:
    """What the loop knows of itself."""

    check: Callable[[], None]
    concurrency: int
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    interruptions: int = 0
    failing_since: float | None = None
    clock_jumped: bool = False


def run_worker(*, concurrency: int, check: Callable[[], None]) -> int:
    """Run jobs until SIGTERM or SIGINT; return the exit status.

    The last line of the log says why it ended.

    Args:
        concurrency: how many jobs run at the same time.
        check: raises if the database must not be used. It is called each time the worker starts,
            since another database may answer after a restart.
    """
    begun = time.monotonic()
    run = _WorkerRun(check, concurrency)
    status, reason = FAILURE, "error"
    try:
        status, reason = asyncio.run(_supervise(run))
    except Exception as error:
        reason = type(error).__name__
        raise
    finally:
        stop_reporting("worker")
        # Left to the interpreter's end, one that waits for the database would log after our line.
        for connection in connections.all():
            connection.close_pool()  # type: ignore[attr-defined]  # the stubs lack it
        seconds = round(time.monotonic() - begun, 1)
        write = log.info if status == OK else log.error
        write(
            "worker_stopped",
            reason=reason,
            exit_status=status,
            seconds=seconds,
            interruptions=run.interruptions,
        )
    return status


async def _supervise(run: _WorkerRun) -> tuple[int, str]:
    pause = _FIRST_PAUSE
    with _signals(run.stop):
        while True:
            begun = time.monotonic()
            failure = await _run_once(run)
            if run.stop.is_set():
                return OK, "signal"
            run.interruptions += 1
            if time.monotonic() - begun > _STABLE_AFTER:
                pause, run.failing_since = _FIRST_PAUSE, None
            run.failing_since = (
                run.failing_since if run.failing_since is not None else time.monotonic()
            )
            if (
                failure is not None
                and failure.lasting
                and time.monotonic() - run.failing_since > _REFUSED_SECONDS_MAX
            ):
                return FAILURE, failure.reason
            reason = failure.reason if failure else "side_task_ended"
            if run.clock_jumped:
                pause, reason, run.clock_jumped = 0.0, "clock_jumped", False
            log.error("worker_interrupted", reason=reason, retry_seconds=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(run.stop.wait(), pause)
                return OK, "signal"
            pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, pause * 2))


async def _run_once(run: _WorkerRun) -> Failure | None:
    """Run one worker until it ends; return the database's failure, if any.

    Other errors are raised.
    """
    try:
        await asyncio.to_thread(run.check)
        await asyncio.to_thread(correct_future_dates)
        silence = asyncio.Event()
        connector = procrastinate.PsycopgConnector(
            kwargs=_connection_parameters,
            name="jobs",
            timeout=_CONNECTION_SECONDS,
            max_size=QUEUE_POOLED,
            connection_class=queue_connection(silence.set),
        )
        with django_app.replace_connector(connector) as app:
            app.job_manager = RetryingJobManager(connector)
            async with app.open_async():
                log.info("worker_started", concurrency=run.concurrency)
                await _until_stopped(app, run, silence)
    except Exception as error:
        failure = classify(error)
        if failure is None:
            raise
        return failure
    return None


async def _connection_parameters() -> dict[str, Any]:
    """Return the parameters of a new connection of the queue.

    To read the password may take as long as the key service's time-out: it happens beside the loop,
    which writes the heartbeat.
    """
    parameters = connector_params()
    parameters["password"] = await asyncio.to_thread(str, parameters["password"])
    return parameters


async def _until_stopped(app: procrastinate.App, run: _WorkerRun, silence: asyncio.Event) -> None:
    """Run jobs until a task ends or an answer of the database is missing.

    A job whose end could not be stored stays under way for as long as this worker runs: it is
    queued again when the worker has ended (`config.job_recovery`).
    """
    # Finished jobs are deleted: the table stays small and fast, and holds nothing that outlives its
    # use.
    queue = await asyncio.to_thread(host_queue)
    worker = asyncio.create_task(
        app.run_worker_async(
            concurrency=run.concurrency,
            queues=[DEFAULT_QUEUE, BUILTIN_QUEUE, queue],
            fetch_job_polling_interval=_POLL_SECONDS,
            shutdown_graceful_timeout=_GRACE_SECONDS,
            delete_jobs="always",
            update_heartbeat_interval=_HEARTBEAT_SECONDS,
            worker_middleware=[count_job, alert_of_failure],
            install_signal_handlers=False,
        )
    )
    stopping = asyncio.create_task(run.stop.wait())
    reporting = asyncio.create_task(keep_worker_reported(app))
    jumping = asyncio.create_task(clock_jump())
    trusting = asyncio.create_task(keep_trusted_time())
    unanswered = asyncio.create_task(silence.wait())
    side_tasks = (stopping, reporting, jumping, trusting, unanswered)
    await asyncio.wait({worker, *side_tasks}, return_when=asyncio.FIRST_COMPLETED)
    if jumping.done():
        # Recurring jobs would be queued for each tick that was jumped over, or for none until the
        # clock is where it was: a worker that starts knows no earlier tick.
        run.clock_jumped = True
        log.error("clock_jumped", seconds=round(jumping.result(), 1))
    if not worker.done():
        # Procrastinate takes it as the request to stop, and waits for the jobs that run.
        worker.cancel()
    for task in side_tasks:
        task.cancel()
    # The error of one that ended by itself is raised here.
    for task in (worker, reporting, trusting):
        with contextlib.suppress(asyncio.CancelledError):
            await task
    if silence.is_set():
        raise NoAnswerError(AnsweringAsyncConnection.answer_seconds)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` at the first SIGTERM or SIGINT.

    A second one ends the process as usual.
    """
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def remove() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    def request_stop() -> None:
        remove()
        stop.set()

    for number in numbers:
        loop.add_signal_handler(number, request_stop)
    try:
        yield
    finally:
        remove()
