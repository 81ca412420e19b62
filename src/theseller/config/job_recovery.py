"""Retry jobs that failed, and queue again those of ended workers."""

from __future__ import annotations

from datetime import datetime

import procrastinate
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from typing_extensions import override

from theseller.lib.database_failures import classify
from theseller.lib.structured_logging import getLogger
from theseller.tenancy.host_types import SILENT_SECONDS

log = getLogger(__name__)

#: Failures of the database that pass by themselves (`lib.database_failures`).
TRANSIENT_FAILURES = frozenset(
    {
        "connection_lost", "restarting", "refused", "socket_missing", "timeout", "no_connection",
        "connection_failed", "too_many_connections", "disk_full",
    }
)  # fmt: skip
#: An hour of trying: the last ones are a minute apart.
_ATTEMPTS_MAX = 65
#: A worker writes every five seconds that it lives. One that was silent for so long has ended.
WORKER_SILENCE_SECONDS = SILENT_SECONDS
#: A host that was silent for so long is lost: the deployment no longer counts it.
HOST_LOST_SECONDS = 3600
_DELETE_LOST_HOSTS = (
    "delete from tenancy_host where seen_at < now() - %(seconds)s * interval '1 second'"
)
_JOBS_OF_SILENT_HOSTS = """
select j.id from procrastinate_jobs j
where j.status = 'todo' and j.queue_name like 'host:%%' and not exists (
    select from tenancy_host h
    where h.process = 'worker' and 'host:' || replace(h.id::text, '-', '') = j.queue_name
      and h.seen_at > now() - %(seconds)s * interval '1 second')
"""


class RetryTransientFailures(procrastinate.BaseRetryStrategy):
    """Retry a job that failed because the database was restarted or full.

    Each of our jobs may run twice. A job that fails for another reason is not retried: a recurring
    job is queued again at its next tick.
    """

    @override
    def get_retry_decision(
        self, *, exception: BaseException, job: Job
    ) -> procrastinate.RetryDecision | None:
        """Return when to run it again: a second later, then up to a minute later."""
        failure = classify(exception)
        if (
            failure is None
            or failure.reason not in TRANSIENT_FAILURES
            or job.attempts >= _ATTEMPTS_MAX
        ):
            return None
        return procrastinate.RetryDecision(retry_in={"seconds": min(60, 2 ** min(job.attempts, 6))})


class RetryingJobManager(JobManager):
    """Delete a job that can't be queued again: another one is queued.

    Procrastinate leaves it in the state `doing`, with its lock, for as long as the worker runs.
    """

    @override
    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Queue a job again, or delete it."""
        try:
            await super().retry_job(job, retry_at, priority, queue, lock)
        except UniqueViolation:
            await self.finish_job(job, status=Status.FAILED, delete_job=True)


# Procrastinate passes the time of the tick as `timestamp`.
async def reap_stalled(
    context: procrastinate.JobContext,
    timestamp: int = 0,  # noqa: ARG001 - Procrastinate passes it
) -> int:
    """Queue again the jobs of workers that ended; return how many.

    Each of our jobs may run twice. Procrastinate leaves them in the state `doing` forever, and with
    them their locks.
    """
    manager = context.app.job_manager
    reaped = 0
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=WORKER_SILENCE_SECONDS):
        if job.id is None:
            continue
        try:
            await manager.retry_job(job)
        except ConnectorException:
            # The same job is queued already (its queueing lock is taken): this one is done with.
            await manager.finish_job(job, status=Status.FAILED, delete_job=True)
        reaped += 1
    if reaped:
        log.warning("jobs_of_ended_workers_requeued", count=reaped)
    await _drop_jobs_of_silent_hosts(context.app)
    return reaped


async def _drop_jobs_of_silent_hosts(app: procrastinate.App) -> None:
    """Delete jobs that wait for a silent host, and hosts that were lost.

    Only that host would run it, and a lock of such a job would keep others waiting. The host queues
    its own jobs when it runs again.
    """
    connector = app.connector
    await connector.execute_query_async(_DELETE_LOST_HOSTS, seconds=HOST_LOST_SECONDS)
    dropped = await connector.execute_query_all_async(
        _JOBS_OF_SILENT_HOSTS, seconds=WORKER_SILENCE_SECONDS
    )
    for row in dropped:
        await app.job_manager.finish_job_by_id_async(
            job_id=row["id"], status=Status.FAILED, delete_job=True
        )
    if dropped:
        log.warning("jobs_of_silent_hosts_dropped", count=len(dropped))
