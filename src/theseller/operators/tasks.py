"""The recurring job of the operator area."""

from __future__ import annotations

from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.operators.shop_access.operations import close_expired


@app.periodic(cron="* * * * *")
@app.task(
    name="operators.close_expired_sessions",
    queueing_lock="operators.close_expired_sessions",
    pass_context=False,
)
def close_expired_sessions(timestamp: int) -> None:
    """Record the end of access sessions that have expired.

    They gave no access since; this is the record of it.
    """
    del timestamp
    close_expired(at=clock.now())
