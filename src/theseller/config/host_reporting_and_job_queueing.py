"""Report this process's host, and queue the host's own jobs.

What every host must do itself are jobs of a queue of its own: sealing completes the copy of the
audit log on its disk, controls look at its files. Any worker runs all other jobs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading

import procrastinate
from django.db import connections
from procrastinate.exceptions import AlreadyEnqueued

from theseller import __version__
from theseller.config.shared_setting_hashes import setting_hashes
from theseller.lib.database_failures import classify
from theseller.lib.structured_logging import getLogger
from theseller.tenancy.host_reports_and_clocks import (
    clock_ahead,
    host_queue,
    refuse_wrong_clock,
    remove_host,
    report_host,
)

log = getLogger(__name__)

#: The jobs that each host runs for itself once a minute.
HOST_JOBS = ("audit.seal_audit_log", "controls.run_due_controls")
_REPORT_SECONDS, _ENQUEUE_SECONDS = 5.0, 60.0
#: Web processes report less often: no one waits for it.
_WEB_SECONDS = 10.0


def report_now(process: str) -> None:
    """Report once.

    Raises:
        WrongClockError: the clock of this host's worker is wrong.
    """
    try:
        report_host(process, version=__version__, hashes=setting_hashes(os.environ))
        if process == "worker":
            refuse_wrong_clock(clock_ahead(connections["default"]))
    finally:
        connections["default"].close()


def stop_reporting(process: str) -> None:
    """Delete the row of a process that stops in order; never raise."""
    with contextlib.suppress(Exception):
        remove_host(process)
        connections["default"].close()


async def keep_worker_reported(app: procrastinate.App) -> None:
    """Report this worker's host, and queue the host's own jobs.

    It reports every five seconds and queues every minute.

    Raises:
        WrongClockError: the clock of this host is wrong; its worker must not run jobs.
    """
    queue, waited = await asyncio.to_thread(host_queue), _ENQUEUE_SECONDS
    while True:
        try:
            await asyncio.to_thread(report_now, "worker")
            if waited >= _ENQUEUE_SECONDS:
                waited = 0.0
                await _enqueue_host_jobs(app, queue)
        except Exception as error:
            # The worker's own heartbeat meets the same database, and ends it if that lasts.
            if classify(error) is None:
                raise
        await asyncio.sleep(_REPORT_SECONDS)
        waited += _REPORT_SECONDS


async def _enqueue_host_jobs(app: procrastinate.App, queue: str) -> None:
    for name in HOST_JOBS:
        with contextlib.suppress(AlreadyEnqueued):
            await app.configure_task(
                name, queue=queue, queueing_lock=f"{name}:{queue}"
            ).defer_async()


def keep_web_reported() -> None:
    """Report the host of this web process, in a thread of its own."""
    threading.Thread(target=_report_forever, name="host-reports", daemon=True).start()


def _report_forever() -> None:
    pause = threading.Event()
    reported = True
    while True:
        try:
            report_now("web")
            reported = True
        except Exception as error:  # pages go on without it  # noqa: BLE001
            if reported:
                log.warning("host_not_reported", reason=type(error).__name__)
            reported = False
        pause.wait(_WEB_SECONDS)
