"""Jobs of this room."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.retention.ages import aged_tenants, erase_aged
from theseller.retention.backups.keeper import keep
from theseller.retention.backups.workplace import is_configured, workplace
from theseller.retention.ends import end_expired_links
from theseller.retention.limits import REWRITE_GATHER_MINUTES
from theseller.retention.operations import purge_all
from theseller.retention.pace import AT_ONCE, GENTLY, Pace
from theseller.retention.queries import due_purges
from theseller.retention.shops import due_shops, erase_ends

log = logging.getLogger(__name__)


def _pace() -> Pace:
    """Spare those who are served; in a demo somebody watches and waits."""
    return GENTLY if settings.ENVIRONMENT.kind.guarded else AT_ONCE


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="purge_due", pass_context=False)
def purge_due(timestamp: int) -> None:
    """Erase what closed connections left. Recurring: nothing has to remember a connection for it to be erased.

    While another worker is at it this job ends at once, so that erasures take one place of a worker and not all.
    """
    del timestamp
    gather = timedelta(minutes=REWRITE_GATHER_MINUTES if settings.ENVIRONMENT.kind.guarded else 0)
    for outcome in purge_all(due_purges(at=clock.now()), at=clock.now(), gather=gather, pace=_pace(), now=clock.now, wait=False):
        log.info("purged a closed connection: completed=%s %s", outcome.completed, outcome.waiting)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="keep_backups", pass_context=False)
def keep_backups(timestamp: int) -> None:
    """End, keep, take and drill backups. Recurring: nothing has to remember one for it to die."""
    del timestamp
    if is_configured():
        kept = keep(workplace(), settings.ENVIRONMENT.state, at=clock.now(), now=clock.now)
        for sentence in kept.done:
            log.info("backups: %s", sentence)
        for sentence in kept.failed:
            log.error("backups: %s", sentence)


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="erase_aged_facts", pass_context=False)
def erase_aged_facts(timestamp: int) -> None:
    """Delete facts that are older than 18 months. Hourly: a store's day ends at its own midnight."""
    del timestamp
    for tenant in aged_tenants(at=clock.now()):
        log.info("facts that were too old are gone: tables=%d", len(erase_aged(tenant=tenant, at=clock.now())))


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="erase_ended_shops", pass_context=False)
def erase_ended_shops(timestamp: int) -> None:
    """Erase shops that their owners ended, and accounts of people who asked for it or have no shop any more."""
    del timestamp
    for one in erase_ends(shops=due_shops(at=clock.now()), at=clock.now(), pace=_pace(), now=clock.now, wait=False):
        log.info("a %s that ended is erased: completed=%s %s", one.subject.kind, one.completed, one.waiting)
    end_expired_links(at=clock.now())
