"""Recurring jobs of `erasure`. Their names are stored in the job queue, so they stay what they were before the code moved."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from procrastinate.contrib.django import app

from theseller.erasure.operations import purge_all
from theseller.erasure.queries import due_purges
from theseller.erasure.subject_certificates import end_expired_links
from theseller.erasure.tenants import due_shops, erase_ends
from theseller.erasure.throttle import BACKGROUND, UNTHROTTLED, Throttle
from theseller.lib import clock
from theseller.retention.limits import VACUUM_BATCH_MINUTES

log = logging.getLogger(__name__)


def _throttle() -> Throttle:
    """Spare those who are served; in a demo somebody watches and waits."""
    return BACKGROUND if settings.ENVIRONMENT.kind.guarded else UNTHROTTLED


@app.periodic(cron="* * * * * */5")
@app.task(name="theseller.retention.tasks.purge_due", queueing_lock="purge_due", pass_context=False)
def purge_due(timestamp: int) -> None:
    """Erase what closed connections left. Recurring: nothing has to remember a connection for it to be erased.

    While another worker is at it this job ends at once, so that erasures take one place of a worker and not all.
    """
    del timestamp
    gather = timedelta(minutes=VACUUM_BATCH_MINUTES if settings.ENVIRONMENT.kind.guarded else 0)
    for outcome in purge_all(due_purges(at=clock.now()), at=clock.now(), gather=gather, throttle=_throttle(), now=clock.now, wait=False):
        log.info("purged a closed connection: completed=%s %s", outcome.completed, outcome.waiting)


@app.periodic(cron="* * * * *")
@app.task(name="theseller.retention.tasks.erase_ended_shops", queueing_lock="erase_ended_shops", pass_context=False)
def erase_ended_shops(timestamp: int) -> None:
    """Erase shops that their owners ended, and accounts of people who asked for it or have no shop any more."""
    del timestamp
    for one in erase_ends(shops=due_shops(at=clock.now()), at=clock.now(), throttle=_throttle(), now=clock.now, wait=False):
        log.info("a %s that ended is erased: completed=%s %s", one.subject.kind, one.completed, one.waiting)
    end_expired_links(at=clock.now())
