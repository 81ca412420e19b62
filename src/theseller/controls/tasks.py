"""Recurring and requested runs of the probes."""

from __future__ import annotations

from procrastinate.contrib.django import app

from theseller.controls.failure_alerts import alert_operators_of_failures
from theseller.controls.operations import run_all, run_due
from theseller.controls.prober_reports.operations import delete_old_reports
from theseller.lib import clock

#: One run of probes at a time, over all workers: of two at once the earlier could store its
#: evidence last, and the newest evidence of a control would be dated before the run that an
#: operator waits for.
_ONE_RUN = "run_controls"


# Each worker queues it for its own host every minute (`config.host_reporting_and_job_queueing`).
@app.task(
    name="controls.run_due_controls",
    queueing_lock="controls.run_due_controls",
    lock=_ONE_RUN,
    pass_context=False,
)
def run_due_controls(timestamp: int = 0) -> None:
    """Run the probes that are due on this host.

    It runs each minute. Each probe has its own interval; evidence that is not renewed becomes
    stale.
    Operators get mail about a control that fails.
    """
    del timestamp
    run_due(at=clock.now())
    alert_operators_of_failures(at=clock.now())


@app.task(
    name="controls.run_all_controls",
    queueing_lock="controls.run_all_controls",
    lock=_ONE_RUN,
    pass_context=False,
)
def run_all_controls() -> None:
    """Run every probe now: an operator called `theseller controls --now`."""
    run_all(at=clock.now())


@app.periodic(cron="41 * * * *")
@app.task(
    name="controls.delete_old_prober_reports",
    queueing_lock="controls.delete_old_prober_reports",
    pass_context=False,
)
def delete_old_prober_reports(timestamp: int) -> None:
    """Delete probers' runs and reports that are 30 days old, every hour."""
    del timestamp
    delete_old_reports(at=clock.now())
