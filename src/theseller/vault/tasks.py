"""Jobs of this room."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import connections
from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.vault.fetching import fetch_wanted
from theseller.vault.nudge import nudge
from theseller.vault.sweeping import sweep

log = logging.getLogger(__name__)


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="sweep_vault", pass_context=False)
def sweep_vault(timestamp: int) -> None:
    """Let each day's key die with its day, and finish whatever was left. At midnight, UTC, and every ten minutes."""
    del timestamp
    done = sweep(at=clock.now())
    log.info(
        "the vault was swept: days=%d keys=%d rows=%d off=%d",
        done.day_keys_destroyed,
        done.connection_keys_destroyed,
        done.rows_erased,
        done.withdrawn,
    )


@app.task(pass_context=False)
def fetch_recipients(tenant: str, connection: str) -> None:
    """Fetch what is asked for of one connection; what has to wait is tried again."""
    again = fetch_wanted(tenant=UUID(tenant), connection=UUID(connection), now=clock.now)
    if again is not None:
        nudge(tenant=UUID(tenant), connection=UUID(connection), at=again)


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="nudge_wishes", pass_context=False)
def nudge_wishes(timestamp: int) -> None:
    """Have a worker fetch what is asked for: who asked waits for a few seconds, and a lost job loses nothing."""
    del timestamp
    with connections["default"].cursor() as cursor:
        cursor.execute("select tenant_id, connection_id from guard.open_wishes(%s)", [1000])
        for tenant, connection in cursor.fetchall():
            nudge(tenant=tenant, connection=connection)
