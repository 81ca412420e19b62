"""Jobs of this room."""

from __future__ import annotations

import logging

from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.retention.operations import purge
from theseller.retention.queries import due_purges

log = logging.getLogger(__name__)


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="purge_due", pass_context=False)
def purge_due(timestamp: int) -> None:
    """Erase what closed connections left. Recurring: nothing has to remember a connection for it to be erased."""
    del timestamp
    for closed in due_purges(at=clock.now()):
        outcome = purge(connection=closed.connection, tenant=closed.tenant, at=clock.now())
        log.info("purged a closed connection: completed=%s", outcome.completed)
