"""Recurring jobs of `retention`."""

from __future__ import annotations

from procrastinate.contrib.django import app

from theseller.lib import clock
from theseller.lib.structured_logging import getLogger
from theseller.retention.fact_expiry import delete_expired_facts, tenants_with_expired_facts

log = getLogger(__name__)


@app.periodic(cron="23 * * * *")
@app.task(
    name="retention.delete_expired_facts",
    queueing_lock="retention.delete_expired_facts",
    pass_context=False,
)
def delete_expired_facts_periodically(timestamp: int) -> None:
    """Delete facts that are older than 18 months.

    Hourly: a store's day ends at its own midnight. A failure of one shop does not keep those of
    other shops; the job fails when the others are done.

    Raises:
        ExceptionGroup: Facts of one or more shops could not be deleted.
    """
    del timestamp
    failures: list[Exception] = []
    for tenant in tenants_with_expired_facts(at=clock.now()):
        try:
            deleted = delete_expired_facts(tenant=tenant, at=clock.now())
        except Exception as error:  # the other shops are still to be done  # noqa: BLE001
            failures.append(error)
            log.error("facts_not_expired", tenant=str(tenant), error=type(error).__name__)
        else:
            log.info("facts_expired", tables=len(deleted))
    if failures:
        raise ExceptionGroup("facts of some shops were not deleted", failures)
