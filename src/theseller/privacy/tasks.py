"""Recurring jobs of privacy."""

from __future__ import annotations

import logging

from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.privacy.deletion_requests.operations import (
    disconnect_expired_authorizations,
    resume_recorded_requests,
)

log = logging.getLogger(__name__)


# The name is stored in the queues of running deployments.
@app.periodic(cron="*/10 * * * *")
@app.task(
    name="theseller.governance.tasks.end_expired",
    queueing_lock="end_expired_authorisations",
    pass_context=False,
)
def disconnect_expired(timestamp: int) -> None:
    """Disconnect what a recorded request still covers, and connections whose yearly authorization has expired."""
    del timestamp
    ended = resume_recorded_requests(at=clock.now()) + disconnect_expired_authorizations(
        at=clock.now()
    )
    if ended:
        log.info(
            "%d connection(s) ended: recorded requests, and yearly authorizations that have"
            " run out",
            ended,
        )
