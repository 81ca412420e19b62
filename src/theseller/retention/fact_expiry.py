"""Expiry of facts that are 18 months old, unless a legal hold is active.

To the day of their store. Nothing is stored between two runs: what is too old is found by its own
date, so that a run that was killed is simply repeated. Each table of a shop is one transaction, and
its line in the audit log is part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import connections as databases

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import TableDescriptor
from theseller.lib import sql_execution
from theseller.lib.marketplaces import MARKETPLACES, Marketplace
from theseller.lib.policy_time_limits import FACTS_KEPT_DAYS
from theseller.lib.structured_logging import getLogger
from theseller.retention.database_aliases import ERASER
from theseller.retention.legal_holds import active_hold
from theseller.tenancy.tenant_scope import tenant_scope

log = getLogger(__name__)

ACTOR = "process:ages"


def oldest_moment_kept(at: datetime) -> datetime:
    """Return the first moment of which facts are kept at `at`."""
    return at - timedelta(days=FACTS_KEPT_DAYS)


def oldest_day_kept(store: Marketplace, at: datetime) -> date:
    """Return the first local day of `store` of which facts are kept at `at`."""
    return store.local_day(oldest_moment_kept(at))


def expiring_tables() -> tuple[TableDescriptor, ...]:
    """Return the descriptors of the tables that facts leave by age."""
    return tuple(one for one in descriptors() if one.age_column)


def tenants_with_expired_facts(
    *, at: datetime, most: int = 100, using: str = "default"
) -> tuple[UUID, ...]:
    """Return shops that have an expired fact, the oldest first.

    Expired for one store at least. Shops under an active hold are left out.
    """
    latest = max(oldest_day_kept(store, at) for store in MARKETPLACES.values())
    return tuple(
        row[0]
        for row in sql_execution.rows(
            databases[using],
            "select tenant_id from guard.tenants_with_expired_facts(%s, %s, %s)",
            [latest, at, most],
        )
    )


def delete_expired_facts_of_all_tenants(*, at: datetime, using: str = "default") -> None:
    """Delete each shop's expired facts; raise failures when all are done.

    Raises:
        ExceptionGroup: Facts of one or more shops could not be deleted.
    """
    failures: list[Exception] = []
    for tenant in tenants_with_expired_facts(at=at, using=using):
        try:
            deleted = delete_expired_facts(tenant=tenant, at=at)
        except Exception as error:  # the other shops are still to be done  # noqa: BLE001
            failures.append(error)
            log.error("facts_not_expired", tenant=str(tenant), error=type(error).__name__)
        else:
            log.info("facts_expired", tables=len(deleted))
    if failures:
        raise ExceptionGroup("facts of some shops were not deleted", failures)


def delete_expired_facts(*, tenant: UUID, at: datetime) -> dict[str, int]:
    """Delete a shop's expired facts; none under an active hold.

    Returns:
        The number of deleted rows by table; tables without any are left out.
    """
    return dict(_erase(tenant, at))


def _erase(tenant: UUID, at: datetime) -> Iterator[tuple[str, int]]:
    # Money of no store is booked by UTC days, under a blank store.
    stores = [*MARKETPLACES, ""]
    days = [
        *(oldest_day_kept(store, at) for store in MARKETPLACES.values()),
        oldest_moment_kept(at).astimezone(UTC).date(),
    ]
    for descriptor in expiring_tables():
        table, column = descriptor.table, descriptor.age_column
        with tenant_scope(tenant, using=ERASER), databases[ERASER].cursor() as cursor:
            if active_hold(at=at, using=ERASER) is not None:
                return
            if column != "local_day":
                cursor.execute(
                    # the data map's own names
                    f"delete from {table} where tenant_id = %s and {column} < %s",  # noqa: S608
                    [tenant, oldest_moment_kept(at)],
                )
            else:
                cursor.execute(
                    # the data map's own names
                    f"delete from {table} t using unnest(%s::text[], %s::date[]) as "  # noqa: S608
                    "kept (store, day) where t.tenant_id = %s and t.marketplace_id = kept.store "
                    "and t.local_day < kept.day and t.local_day < %s",
                    [stores, days, tenant, max(days)],
                )
            deleted = cursor.rowcount
            if deleted:
                details = {"table": table, "rows": deleted}
                record(
                    Tag.FACTS_AGED,
                    actor=ACTOR,
                    tenant=tenant,
                    subject=f"tenant:{tenant}",
                    at=at,
                    details=details,
                    using=ERASER,
                )
        if deleted:
            yield table, deleted
