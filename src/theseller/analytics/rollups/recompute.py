"""Recompute rollups from their facts."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db import connections
from django.db.backends.utils import CursorWrapper

from theseller.analytics.rollups.column_charge_types import SALE_CHARGE_TYPES
from theseller.analytics.rollups.rollup_sql_execution import run_on_counted_lines, run_on_orders
from theseller.analytics.rollups.sql_parameters import parameters
from theseller.analytics.rollups.types import DirtyDay, Recomputed
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import tenant_scope

_CLAIM = """
select marketplace_id, local_day, marked_at, coalesce(orders_only_at = marked_at, false)
from ingest_dirty_day
where tenant_id = %s order by local_day, marketplace_id limit %s for update skip locked
"""
# Keyed by the mark that was read: one that was set again since requires another recomputation and
# stays.
_UNMARK = """
delete from ingest_dirty_day d
using unnest(%s::text[], %s::date[], %s::timestamptz[])
  as done (marketplace_id, local_day, marked_at)
where d.tenant_id = %s
  and d.marketplace_id = done.marketplace_id
  and d.local_day = done.local_day
  and d.marked_at = done.marked_at
"""

# Programs of the release before write product totals without posted units. Where a sale has no
# quantity the units are not known, and would not be after another recomputation.
_MARK_WITHOUT_UNITS = """
insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)
select distinct p.tenant_id, p.marketplace_id, p.local_day, %(at)s::timestamptz
from analytics_day_product p
where p.tenant_id = %(tenant)s and p.posted_units is null and p.posted_lines > 0 and not exists (
    select from ingest_ledger_line l
    where l.tenant_id = %(tenant)s and l.marketplace_id = p.marketplace_id
      and l.local_day = p.local_day and l.currency = p.currency and l.sku = p.sku
      and l.kind = any (%(sale_charge_types)s::text[]) and l.amount > 0
      and coalesce(l.quantity, 0) = 0)
order by p.marketplace_id, p.local_day
on conflict (tenant_id, marketplace_id, local_day)
  do update set marked_at = excluded.marked_at, orders_only_at = null
"""


def mark_days_without_units(*, tenant: UUID, at: datetime, using: str = "default") -> int:
    """Mark days whose posted units are not stored; return how many.

    They are then recomputed from all their lines. Days with a sale of which Amazon states no
    quantity are left out.
    """
    with tenant_scope(tenant, using=using):
        return sql_execution.execute(
            connections[using],
            _MARK_WITHOUT_UNITS,
            {"tenant": tenant, "at": at, "sale_charge_types": sorted(SALE_CHARGE_TYPES)},
        )


def recompute_dirty(
    *, tenant: UUID, at: datetime, limit: int = 200, using: str = "default"
) -> Recomputed:
    """Recompute up to `limit` dirty days and delete their marks.

    In one transaction. Days that another worker is recomputing are passed over; running it twice
    changes nothing. Figures keep the ledger's signs (`sql/tables.sql`). A day without counted base
    rows has no rollup rows afterwards. Rollup rows that are right are not written again.

    A writer of base rows must mark the day in the same transaction by ``insert … on conflict (…) do
    update set marked_at = …``: that waits for a recomputation under way, so the mark can't be lost.
    """
    with tenant_scope(tenant, using=using), connections[using].cursor() as cursor:
        dirty = _claim(cursor, tenant, limit)
        if not dirty:
            return Recomputed(tenant, 0, more=False)
        of_orders = {(day.marketplace_id, day.local_day) for day in dirty if day.orders_only}
        whole = {(day.marketplace_id, day.local_day) for day in dirty} - of_orders
        if of_orders:
            whole |= _recompute_orders(cursor, tenant, of_orders, at)
        if whole:
            values = parameters(tenant, sorted(whole), at=at)
            run_on_counted_lines(cursor, values, "ordered.sql", "recompute.sql", "write_totals.sql")
        cursor.execute(
            _UNMARK,
            [
                [day.marketplace_id for day in dirty],
                [day.local_day for day in dirty],
                [day.marked_at for day in dirty],
                tenant,
            ],
        )
    return Recomputed(tenant, len(dirty), more=len(dirty) == limit)


def _recompute_orders(
    cursor: CursorWrapper, tenant: UUID, days: set[tuple[str, date]], at: datetime
) -> set[tuple[str, date]]:
    """Recompute what was ordered on `days`, and leave what was posted.

    Returns:
        The days that must be computed from all their lines; their rollups are unchanged.
    """
    values = parameters(tenant, sorted(days), at=at)
    run_on_orders(cursor, values, "recompute_orders.sql", "write_totals.sql")
    return set(cursor.fetchall())


def _claim(cursor: CursorWrapper, tenant: UUID, limit: int) -> list[DirtyDay]:
    cursor.execute(_CLAIM, [tenant, limit])
    return [DirtyDay(*row) for row in cursor.fetchall()]
