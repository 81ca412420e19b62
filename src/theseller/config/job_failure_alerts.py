"""Send operators mail about failed jobs, once a day for each kind."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.db import connections
from procrastinate import JobContext
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker

from theseller.lib import clock
from theseller.lib.database_failures import classify
from theseller.lib.structured_logging import getLogger
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.mail.mail_kinds import OperatorAlert
from theseller.mail.operations import alert_operators

log = getLogger(__name__)


async def alert_of_failure(call_next: AsyncCallNext, context: JobContext, _worker: Worker) -> Any:  # noqa: ANN401
    """Run a job, and queue an alert if it fails.

    A failure of the database is none to write into the database about: the job runs again.
    """
    try:
        return await call_next()
    except Exception as error:
        if classify(error) is None:
            await asyncio.to_thread(queue_alert, context.job.task_name, type(error).__name__)
        raise


def queue_alert(task: str, error: str) -> None:
    """Queue one alert of the day about `task`; never raise.

    Args:
        task: name of the kind of job.
        error: class of the exception. Its text may contain data of a shop.
    """
    at = clock.now()
    try:
        alert_operators(
            OperatorAlert(
                summary=marked(gettext_noop("job %(task)s failed"), task=task),
                details=marked(
                    gettext_noop("%(error)s. The worker's log has the traceback."), error=error
                ),
                link=f"{settings.ENVIRONMENT.public_url}/operate/",
                noticed_at=at,
            ),
            idempotency_key=f"job:{task.removeprefix('builtin:')}:{at:%Y-%m-%d}",
            at=at,
        )
    # the job's own failure must reach the queue, whatever happens here
    except Exception as failure:  # noqa: BLE001
        log.error("job_alert_not_queued", task=task, error=type(failure).__name__)
    finally:
        connections["default"].close()  # the connection of this thread
