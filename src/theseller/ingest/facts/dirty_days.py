"""Mark days whose rollups no longer equal their facts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from theseller.ingest.facts.bulk_writer import Bulk

#: A marketplace id (blank where money belongs to no store) and a day of that store.
Day = tuple[str, date]


def mark_dirty_days(bulk: Bulk, days: Iterable[Day], at: datetime) -> None:
    """Mark days for recomputation, in the transaction that changed them.

    DO UPDATE, not DO NOTHING: it waits for a recomputation that is just deleting the mark, and then
    sets a new one.
    """
    ordered = sorted(set(days))
    if ordered:
        bulk.run(
            "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at) select"
            " %(tenant)s, d.store, d.day, %(at)s from unnest(%(stores)s::text[], %(days)s::date[])"
            " as d (store, day) order by d.store, d.day on conflict (tenant_id, marketplace_id,"
            " local_day) do update set marked_at = excluded.marked_at",
            stores=[store for store, _ in ordered],
            days=[day for _, day in ordered],
            at=at,
        )
