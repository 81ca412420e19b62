"""Recurring jobs of `erasure`."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from procrastinate.contrib.django import app

from theseller.erasure.certificate_links import delete_expired_links
from theseller.erasure.connection_erasure import erase_connections
from theseller.erasure.queries import due_connections
from theseller.erasure.tenant_and_user_erasure import erase_tenants_and_users
from theseller.erasure.tenant_erasure import due_tenants
from theseller.erasure.work_pacing import BACKGROUND, UNTHROTTLED, Throttle
from theseller.lib import clock
from theseller.lib.structured_logging import getLogger
from theseller.retention.retention_limits import VACUUM_BATCH_MINUTES

log = getLogger(__name__)


def _throttle() -> Throttle:
    """Return the throttle of this deployment; a demo has none."""
    return BACKGROUND if settings.ENVIRONMENT.kind.guarded else UNTHROTTLED


@app.periodic(cron="* * * * * */5")
@app.task(
    name="erasure.erase_due_connections",
    queueing_lock="erasure.erase_due_connections",
    pass_context=False,
)
def erase_due_connections(timestamp: int) -> None:
    """Erase connections that have ended and are due.

    While another worker erases, this job ends at once, so that erasures take one slot of a worker
    and not all.
    """
    del timestamp
    gather = timedelta(minutes=VACUUM_BATCH_MINUTES if settings.ENVIRONMENT.kind.guarded else 0)
    due = due_connections(at=clock.now())
    for one in erase_connections(
        due, at=clock.now(), gather=gather, throttle=_throttle(), now=clock.now, wait=False
    ):
        log.info(
            "erasure_advanced", kind="connection", completed=one.completed, waiting=one.waiting
        )


@app.periodic(cron="* * * * *")
@app.task(
    name="erasure.erase_due_tenants_and_users",
    queueing_lock="erasure.erase_due_tenants_and_users",
    pass_context=False,
)
def erase_due_tenants_and_users(timestamp: int) -> None:
    """Erase tenants and users that are due, and delete expired links.

    Users are due who requested it or have no tenant any more.
    """
    del timestamp
    due = due_tenants(at=clock.now())
    for one in erase_tenants_and_users(
        tenants=due, at=clock.now(), throttle=_throttle(), now=clock.now, wait=False
    ):
        log.info(
            "erasure_advanced",
            kind=str(one.subject.kind.certified),
            completed=one.completed,
            waiting=one.waiting,
        )
    delete_expired_links(at=clock.now())
