"""Jobs of this room."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import connections
from procrastinate.contrib.django import app

from theseller.analytics.operations import recompute_dirty
from theseller.lib import clock

log = logging.getLogger(__name__)

#: Tenants of one tick, and the most batches that one tenant may take before the others have their turn.
_TENANTS, _BATCHES = 100, 20


@app.periodic(cron="* * * * * */2")
@app.task(name="analytics.roll_up", queueing_lock="analytics.roll_up", pass_context=False)
def roll_up(timestamp: int = 0) -> None:  # noqa: ARG001  # Procrastinate names the tick; the time that counts is the work's own
    """Recompute the dirty days of every tenant that has some. One tenant's failure leaves the others' figures fresh."""
    for tenant in dirty_tenants():
        try:
            recompute_all(tenant)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this tenant's alone; the marks stay and it is tried again
            log.error("rollups of tenant %s were not recomputed: %s", tenant, type(error).__name__)


def dirty_tenants(*, using: str = "default") -> list[UUID]:
    """Return the tenants that have dirty days, the longest waiting first."""
    with connections[using].cursor() as cursor:
        cursor.execute("select tenant_id from guard.dirty_tenants(%s)", [_TENANTS])
        return [row[0] for row in cursor.fetchall()]


def recompute_all(tenant: UUID) -> int:
    """Recompute a tenant's dirty days batch by batch; return how many days were done."""
    done = 0
    for _ in range(_BATCHES):
        batch = recompute_dirty(tenant=tenant, at=clock.now())
        done += batch.days
        if not batch.more:
            break
    return done
