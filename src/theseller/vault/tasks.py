"""Jobs of this room."""

from __future__ import annotations

import logging

from procrastinate.contrib.django import app

from theseller.lib import clock
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
