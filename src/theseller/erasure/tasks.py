"""Recurring jobs of `erasure`. Their names are stored in the job queue, so they stay what they were before the code moved."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from procrastinate.contrib.django import app

from theseller.erasure.connections import erase_connections
from theseller.erasure.links import delete_expired_links
from theseller.erasure.queries import due_connections
from theseller.erasure.tenants import due_tenants, erase_tenants_and_users
from theseller.erasure.throttle import BACKGROUND, UNTHROTTLED, Throttle
from theseller.lib import clock
from theseller.retention.limits import VACUUM_BATCH_MINUTES

log = logging.getLogger(__name__)


def _throttle() -> Throttle:
    """Return the throttle of this deployment: in a demo, people wait for the result."""
    return BACKGROUND if settings.ENVIRONMENT.kind.guarded else UNTHROTTLED


@app.periodic(cron="* * * * * */5")
@app.task(name="theseller.retention.tasks.purge_due", queueing_lock="purge_due", pass_context=False)
def purge_due(timestamp: int) -> None:
    """Erase what closed connections left. Recurring: it reads the database for what is due.

    While another worker is at it this job ends at once, so that erasures take one place of a worker
    and not all.
    """
    del timestamp
    gather = timedelta(minutes=VACUUM_BATCH_MINUTES if settings.ENVIRONMENT.kind.guarded else 0)
    due = due_connections(at=clock.now())
    for one in erase_connections(
        due, at=clock.now(), gather=gather, throttle=_throttle(), now=clock.now, wait=False
    ):
        log.info("connection_erased completed=%s waiting=%s", one.completed, one.waiting)


@app.periodic(cron="* * * * *")
@app.task(
    name="theseller.retention.tasks.erase_ended_shops",
    queueing_lock="erase_ended_shops",
    pass_context=False,
)
def erase_ended_shops(timestamp: int) -> None:
    """Erase tenants whose owners requested it, and accounts of users who requested it or have no tenant any more."""
    del timestamp
    due = due_tenants(at=clock.now())
    for one in erase_tenants_and_users(
        tenants=due, at=clock.now(), throttle=_throttle(), now=clock.now, wait=False
    ):
        log.info(
            "%s_erased completed=%s waiting=%s",
            one.subject.kind.certified,
            one.completed,
            one.waiting,
        )
    delete_expired_links(at=clock.now())
