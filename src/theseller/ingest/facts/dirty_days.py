"""Mark days whose rollups no longer equal their facts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from theseller.ingest.facts.bulk_writer import Bulk

#: A marketplace id (blank where money belongs to no store) and a day of that store.
Day = tuple[str, date]


def mark_dirty_days(
    bulk: Bulk, days: Iterable[Day], at: datetime, *, orders_only: bool = False
) -> None:
    """Mark days for recomputation, in the transaction that changed them.

    DO UPDATE, not DO NOTHING: it waits for a recomputation that is just deleting the mark, and then
    sets a new one. `orders_only`: nothing but lines of orders changed, so that what was posted on
    these days stays as it is. A day that is marked for more stays so.
    """
    ordered = sorted(set(days))
    if ordered:
        bulk.run(
            "insert into ingest_dirty_day as d (tenant_id, marketplace_id, local_day, marked_at,"
            " orders_only_at) select %(tenant)s, n.store, n.day, %(at)s, %(orders_only_at)s from"
            " unnest(%(stores)s::text[], %(days)s::date[]) as n (store, day) order by n.store,"
            " n.day on conflict (tenant_id, marketplace_id, local_day) do update set marked_at ="
            " excluded.marked_at, orders_only_at = case when d.orders_only_at = d.marked_at then"
            " excluded.orders_only_at end",
            stores=[store for store, _ in ordered],
            days=[day for _, day in ordered],
            at=at,
            orders_only_at=at if orders_only else None,
        )
