"""Recompute rollups from their facts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connections
from django.db.backends.utils import CursorWrapper

from theseller.analytics.rollups.rollup_sql_execution import run_on_counted_lines
from theseller.analytics.rollups.sql_parameters import parameters
from theseller.analytics.rollups.types import DirtyDay, Recomputed
from theseller.tenancy.tenant_scope import tenant_scope

_CLAIM = """
select marketplace_id, local_day, marked_at from ingest_dirty_day
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
_CLEAR = """
delete from {} t using unnest(%(stores)s::text[], %(days)s::date[]) as s (marketplace_id, local_day)
where t.tenant_id = %(tenant)s and t.local_day = any (%(days)s::date[])
  and t.marketplace_id = s.marketplace_id and t.local_day = s.local_day
"""


def recompute_dirty(
    *, tenant: UUID, at: datetime, limit: int = 200, using: str = "default"
) -> Recomputed:
    """Recompute up to `limit` dirty days and delete their marks.

    In one transaction. Days that another worker is recomputing are passed over; running it twice
    changes nothing. Figures keep the ledger's signs (`sql/tables.sql`). A day without counted base
    rows has no rollup rows afterwards.

    A writer of base rows must mark the day in the same transaction by ``insert … on conflict (…) do
    update set marked_at = …``: that waits for a recomputation under way, so the mark can't be lost.
    """
    with tenant_scope(tenant, using=using), connections[using].cursor() as cursor:
        dirty = _claim(cursor, tenant, limit)
        if not dirty:
            return Recomputed(tenant, 0, 0, 0, more=False)
        values = parameters(tenant, [(day.marketplace_id, day.local_day) for day in dirty], at=at)
        for table in ("analytics_day", "analytics_day_product"):
            cursor.execute(_CLEAR.format(table), values)
        rows = run_on_counted_lines(cursor, values, "recompute_day.sql", "recompute_product.sql")
        cursor.execute(
            _UNMARK, [values["stores"], values["days"], [day.marked_at for day in dirty], tenant]
        )
    return Recomputed(tenant, len(dirty), rows[0], rows[1], more=len(dirty) == limit)


def _claim(cursor: CursorWrapper, tenant: UUID, limit: int) -> list[DirtyDay]:
    cursor.execute(_CLAIM, [tenant, limit])
    return [DirtyDay(*row) for row in cursor.fetchall()]
