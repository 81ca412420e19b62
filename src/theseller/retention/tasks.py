"""The recurring job of `retention`."""

from __future__ import annotations

from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.lib.deletion_time import deletion_time
from theseller.retention.fact_expiry import delete_expired_facts_of_all_tenants


@app.periodic(cron="23 * * * *")
@app.task(
    name="retention.delete_expired_facts",
    queueing_lock="retention.delete_expired_facts",
    pass_context=False,
)
def delete_expired_facts_periodically(timestamp: int) -> None:
    """Delete facts that are older than 18 months.

    Hourly: a store's day ends at its own midnight.
    """
    del timestamp
    delete_expired_facts_of_all_tenants(at=deletion_time(clock.now()))
