"""Jobs: fetch recipients, enqueue pending fetches, expire recipients."""

from __future__ import annotations

from uuid import UUID

from django.db import connections
from procrastinate.contrib.django import app

from theseller.buyer_pii.enqueue_fetch import enqueue_fetch
from theseller.buyer_pii.recipient_expiry import expire_recipients
from theseller.buyer_pii.recipient_fetch import fetch_requested
from theseller.lib import clock, sql_execution
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)

# The database checks which jobs the web may add, by name (`guard.check_job`).


@app.periodic(cron="*/10 * * * *")
@app.task(
    name="buyer_pii.expire_recipients",
    queueing_lock="buyer_pii.expire_recipients",
    pass_context=False,
)
def expire_recipients_periodically(timestamp: int) -> None:
    """Destroy expired keys and finish interrupted work, every ten minutes."""
    del timestamp
    done = expire_recipients(at=clock.now())
    log.info(
        "recipients_expired",
        day_keys=done.day_keys_destroyed,
        connection_keys=done.connection_keys_destroyed,
        rows=done.rows_erased,
        withdrawn=done.withdrawn,
    )


@app.task(name="buyer_pii.fetch_recipients", pass_context=False)
def fetch_recipients(tenant: str, connection: str) -> None:
    """Fetch one connection's requested recipients; re-enqueue if needed."""
    again = fetch_requested(tenant=UUID(tenant), connection=UUID(connection), now=clock.now)
    if again is not None:
        enqueue_fetch(tenant=UUID(tenant), connection=UUID(connection), at=again)


@app.periodic(cron="* * * * * */5")
@app.task(
    name="buyer_pii.enqueue_pending_fetches",
    queueing_lock="buyer_pii.enqueue_pending_fetches",
    pass_context=False,
)
def enqueue_pending_fetches(timestamp: int) -> None:
    """Enqueue fetches of pending requests, every five seconds.

    A lost job therefore loses no request.
    """
    del timestamp
    for tenant, connection in sql_execution.rows(
        connections["default"],
        "select tenant_id, connection_id from guard.requested_recipients(%s)",
        [1000],
    ):
        enqueue_fetch(tenant=tenant, connection=connection)
