"""Recurring job: disconnect expired authorizations."""

from __future__ import annotations

import logging

from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.privacy.deletion_requests.operations import (
    disconnect_expired_authorizations,
    resume_recorded_requests,
)

log = logging.getLogger(__name__)


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="privacy.disconnect_expired",
    queueing_lock="privacy.disconnect_expired",
    pass_context=False,
)
def disconnect_expired(timestamp: int) -> None:
    """Disconnect what a request covers and what has expired.

    Connections that a recorded request still covers, and those whose yearly authorization has
    expired.
    """
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
