"""Jobs of this room."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from procrastinate.contrib.django import app

from theseller.governance.access.operations import close_ended
from theseller.governance.deletion_requests.operations import begin_recorded, end_expired_authorisations
from theseller.governance.rotation.operations import rotate_due
from theseller.governance.rotation.types import Hands, RotationBusyError
from theseller.lib import clock

log = logging.getLogger(__name__)


@app.periodic(cron="17 * * * *")
@app.task(queueing_lock="rotation_due", pass_context=False)
def rotation_due(timestamp: int) -> None:
    """Replace what is due, and go on with what was interrupted or waits. Hourly: a secret is due days before it is too old."""
    del timestamp
    hands = Hands(clock.now, time.sleep, patience=timedelta(seconds=20))
    try:
        for rotated in rotate_due(actor="process:rotation", hands=hands):
            log.info("rotation of %s: finished=%s step=%s", rotated.secret, rotated.finished, rotated.step)
    except RotationBusyError:
        log.info("rotation: another process is at it")


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="close_ended_access", pass_context=False)
def close_ended_access(timestamp: int) -> None:
    """Write down the end of operators' sessions that are over. They opened nothing from that moment on; this is the record of it."""
    del timestamp
    close_ended(at=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="end_expired_authorisations", pass_context=False)
def end_expired(timestamp: int) -> None:
    """End what a recorded request covers and is open still, and connections whose yearly authorisation has ended."""
    del timestamp
    ended = begin_recorded(at=clock.now()) + end_expired_authorisations(at=clock.now())
    if ended:
        log.info("%d connection(s) ended: recorded requests, and yearly authorizations that have run out", ended)
