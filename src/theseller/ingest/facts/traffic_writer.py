"""Writing of sessions, page views and sales by day.

They come from sales and traffic reports.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from theseller.amazon.reports import TrafficDay, TrafficProduct
from theseller.ingest.facts.advisory_lock_numbers import TRAFFIC_LOCK
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.dirty_days import mark_dirty_days
from theseller.ingest.facts.fact_age_limit import oldest_kept
from theseller.ingest.facts.fact_row_types import TRAFFIC_COLUMNS, TrafficRow, names_of
from theseller.ingest.types import WriteResult

_KEY = ("marketplace_id", "local_day", "asin")
_NAMES = names_of(TRAFFIC_COLUMNS)
_FACTS = (*(name for name in TrafficRow._fields if name not in _KEY), "connection_id")
_INSERT = """
insert into ingest_traffic_day as t (tenant_id, connection_id, {names})
select %(tenant)s, %(connection)s, {names}
from pg_temp.incoming_traffic_day order by marketplace_id, local_day, asin
on conflict (tenant_id, marketplace_id, local_day, asin) do update
set {updates} where ({stored}) is distinct from ({restated})
""".format(
    names=_NAMES,
    updates=", ".join(f"{name} = excluded.{name}" for name in _FACTS),
    stored=", ".join(f"t.{name}" for name in _FACTS),
    restated=", ".join(f"excluded.{name}" for name in _FACTS),
)
# What Amazon no longer lists of a day's products, when it states them again: it may list none.
_DELETE = """
delete from ingest_traffic_day t
using unnest(%(stores)s::text[], %(days)s::date[]) as restated (marketplace_id, local_day)
where t.tenant_id = %(tenant)s and t.marketplace_id = restated.marketplace_id
  and t.local_day = restated.local_day and t.asin <> '' and not exists (
    select from pg_temp.incoming_traffic_day i
    where i.marketplace_id = t.marketplace_id and i.local_day = t.local_day and i.asin = t.asin)
"""


def write_traffic(
    lines: Iterable[TrafficDay | TrafficProduct | tuple[Any, ...]],
    *,
    tenant: UUID,
    connection: UUID,
    at: datetime,
    using: str = "default",
) -> WriteResult:
    """Write a sales and traffic report, inside the caller's tenant scope.

    Stored are the days, and the products of one-day reports. Restated days replace what is stored,
    and the products of a one-day report replace all that were stored of the day, also if it has
    none.
    Rows by product over a longer period are no fact of a day: left out, counted as `elsewhere`.
    """
    oldest = oldest_kept(at).date()
    rows: dict[tuple[str, date, str], TrafficRow] = {}
    restated: set[tuple[str, date]] = set()
    too_old = elsewhere = 0
    for line in lines:
        if isinstance(line, TrafficDay):
            asin, day = "", line.day
        elif isinstance(line, TrafficProduct) and line.daily:
            asin, day = line.child_asin or line.parent_asin, line.first_day
        else:
            elsewhere += 1
            continue
        if day < oldest:
            too_old += 1
            continue
        if isinstance(line, TrafficProduct) or line.alone:
            restated.add((line.marketplace.id, day))
        key = (line.marketplace.id, day, asin)
        rows[key] = _added(rows.get(key), _row(key, line))
    bulk = Bulk(tenant, using)
    bulk.lock(TRAFFIC_LOCK)
    bulk.create_stage("incoming_traffic_day", TRAFFIC_COLUMNS)
    bulk.copy("incoming_traffic_day", TRAFFIC_COLUMNS, [[rows[key] for key in sorted(rows)]])
    deleted = bulk.run(
        _DELETE,
        stores=[store for store, _ in sorted(restated)],
        days=[day for _, day in sorted(restated)],
    )
    count = bulk.run(_INSERT, connection=connection)
    days = {(store, day) for store, day, _ in rows}
    mark_dirty_days(bulk, days, at)
    return WriteResult(count, deleted, too_old=too_old, elsewhere=elsewhere, days=len(days))


def _row(key: tuple[str, date, str], line: TrafficDay | TrafficProduct) -> TrafficRow:
    return TrafficRow(
        *key,
        sessions=line.sessions or 0,
        page_views=line.page_views or 0,
        units_ordered=line.units_ordered,
        ordered_sales=line.ordered_product_sales,
        currency=line.currency,
        buy_box_percent=line.buy_box_percentage,
    )


def _added(former: TrafficRow | None, row: TrafficRow) -> TrafficRow:
    """Add rows of one ASIN that came once per SKU.

    A share of page views can't be added: it is unknown then.
    """
    if former is None:
        return row
    return row._replace(
        sessions=former.sessions + row.sessions,
        page_views=former.page_views + row.page_views,
        units_ordered=former.units_ordered + row.units_ordered,
        ordered_sales=former.ordered_sales + row.ordered_sales,
        buy_box_percent=None,
    )
