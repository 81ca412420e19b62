"""Recurring jobs of the operator area."""

from __future__ import annotations

from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.operators.access.operations import close_expired


# The name is stored in the queues of running deployments.
@app.periodic(cron="* * * * *")
@app.task(
    name="theseller.governance.tasks.close_ended_access",
    queueing_lock="close_ended_access",
    pass_context=False,
)
def close_expired_sessions(timestamp: int) -> None:
    """Record the end of access sessions that have expired. They gave no access since; this is the record of it."""
    del timestamp
    close_expired(at=clock.now())
