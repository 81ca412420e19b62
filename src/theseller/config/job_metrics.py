"""Count and time the jobs that a worker runs, and serve its `/metrics`."""

from __future__ import annotations

import time
from typing import Any

from procrastinate import JobContext
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker
from prometheus_client import Counter, Histogram, start_http_server

from theseller.config.metrics_settings import METRICS_HOST
from theseller.lib.trace_spans import Attribute, SpanKind, span

JOBS_RUN = Counter(
    "theseller_jobs_run",
    "Jobs that this worker ran, by task and outcome (done, failed).",
    ["task", "outcome"],
)
JOB_SECONDS = Histogram(
    "theseller_job_seconds",
    "Time that jobs took, by task.",
    ["task"],
    buckets=(0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0),
)


async def count_job(call_next: AsyncCallNext, context: JobContext, _worker: Worker) -> Any:  # noqa: ANN401
    """Run a job as a span and count it.

    A job that is run again later counts as failed.
    """
    task, begun, outcome = context.job.task_name, time.perf_counter(), "failed"
    try:
        with span(task, SpanKind.CONSUMER) as found:
            found.set(Attribute.TASK, task)
            found.set(Attribute.QUEUE, _queue(context.job.queue))
            found.set(Attribute.ATTEMPT, context.job.attempts)
            result = await call_next()
        outcome = "done"
    finally:
        JOBS_RUN.labels(task, outcome).inc()
        JOB_SECONDS.labels(task).observe(time.perf_counter() - begun)
    return result


def _queue(name: str) -> str:
    """Return a queue's name without the identifier of the host that has it."""
    return name.partition(":")[0]


def serve_job_metrics(port: int | None) -> None:
    """Serve this worker's metrics on a local port, in a thread of their own."""
    if port is not None:
        start_http_server(port, addr=METRICS_HOST)
