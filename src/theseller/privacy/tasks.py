"""Recurring job: disconnect what was requested or has expired.

Connections that a recorded deletion request covers, and expired authorizations.
"""

from __future__ import annotations

from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.lib.deletion_time import deletion_time
from theseller.lib.structured_logging import getLogger
from theseller.privacy.deletion_requests.operations import (
    disconnect_expired_authorizations,
    resume_recorded_requests,
)

log = getLogger(__name__)


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
        at=deletion_time(clock.now())
    )
    if ended:
        # Recorded deletion requests, and yearly authorizations that have expired.
        log.info("due_connections_disconnected", count=ended)
