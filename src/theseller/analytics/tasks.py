"""Jobs: recompute dirty days, and recount random days each night."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import connections
from procrastinate.contrib.django import app

from theseller.analytics.rollups.recompute import mark_days_without_units, recompute_dirty
from theseller.analytics.rollups.rollup_recount_check import differences
from theseller.lib import clock, sql_execution
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)

#: Tenants of one tick, and the most batches that one tenant may take before the others have their
#: turn.
_TENANTS, _BATCHES = 100, 20
#: How many shops are recounted each night, and how many days of each.
_MOST_TENANTS, _VERIFIED_DAYS = 1000, 60


@app.periodic(cron="* * * * * */2")
@app.task(name="analytics.roll_up", queueing_lock="analytics.roll_up", pass_context=False)
# Procrastinate names the tick; the time that counts is the work's own
def roll_up(timestamp: int = 0) -> None:  # noqa: ARG001
    """Recompute the dirty days of every tenant that has some.

    A failure of one tenant does not stop the others.
    """
    for tenant in dirty_tenants():
        try:
            recompute_all(tenant)
        # whatever it is, it is this tenant's alone; the marks stay and it is tried again
        except Exception as error:  # noqa: BLE001
            log.error("recompute_failed", tenant=str(tenant), error=type(error).__name__)


def dirty_tenants(*, using: str = "default") -> list[UUID]:
    """Return the tenants that have dirty days, the longest waiting first."""
    return [
        row[0]
        for row in sql_execution.rows(
            connections[using], "select tenant_id from guard.dirty_tenants(%s)", [_TENANTS]
        )
    ]


def recompute_all(tenant: UUID) -> int:
    """Recompute a tenant's dirty days in batches; return how many days."""
    done = 0
    for _ in range(_BATCHES):
        batch = recompute_dirty(tenant=tenant, at=clock.now())
        done += batch.days
        if not batch.more:
            break
    return done


@app.periodic(cron="41 2 * * *")
@app.task(name="analytics.verify", queueing_lock="analytics.verify", pass_context=False)
def verify_figures(timestamp: int = 0) -> None:  # see `roll_up`  # noqa: ARG001
    """Recount days of shops independently, and log figures that differ.

    Days whose posted units are not known are marked first, and recomputed instead.
    """
    for tenant in tenants_to_recount():
        try:
            mark_days_without_units(tenant=tenant, at=clock.now())
            verify(tenant)
        # one shop's failure leaves the others to be recounted
        except Exception as error:  # noqa: BLE001
            log.error("figures_not_verified", tenant=str(tenant), error=type(error).__name__)


def verify(tenant: UUID, *, days: int = _VERIFIED_DAYS, using: str = "default") -> int:
    """Recount up to `days` days of a shop; return how many figures differ.

    Other days each night; differences are logged without amounts.
    """
    found, _ = differences(tenant, days=days, seed=clock.now().toordinal(), using=using)
    for one in found:
        where = {
            "store": one.marketplace_id,
            "day": one.local_day.isoformat(),
            "currency": one.currency,
            "figure": one.column,
        }
        log.error("figures_differ", tenant=str(tenant), **where)
    return len(found)


def tenants_to_recount(*, using: str = "default") -> list[UUID]:
    """Return up to 1,000 shops with stored facts.

    Without those under a legal hold. The function that finds expired facts is called with a future
    day, than which all facts are older.
    """
    at = clock.now()
    return [
        row[0]
        for row in sql_execution.rows(
            connections[using],
            "select tenant_id from guard.tenants_with_expired_facts(%s, %s, %s)",
            [at.date() + timedelta(days=2), at, _MOST_TENANTS],
        )
    ]
