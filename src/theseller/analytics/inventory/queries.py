"""Read stock, sales and what the seller entered about ordering.

Each function runs inside the caller's tenant scope. A member's limit to marketplaces is applied:
`inventory_stores` leaves others out, and `inventory` refuses them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connections

from theseller.analytics.inventory.cover_and_reorder import (
    band_of,
    days_of_cover,
    highest_rate,
    reorder_of,
)
from theseller.analytics.inventory.types import (
    REPLENISHMENT_FIELDS,
    WINDOWS,
    ProductInventory,
    Replenishment,
    SalesWindow,
    StockLevel,
)
from theseller.analytics.pages.data_coverage import order_days
from theseller.analytics.pages.periods import Span
from theseller.lib import sql_execution as statements
from theseller.lib.marketplaces import MARKETPLACES, local_day
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible, visible_marketplaces

_STORES = """
select marketplace_id from ingest_inventory
where tenant_id = %(tenant)s
  and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[]))
group by 1 order by sum(total) desc, 1
"""
# Rows of several conditions of a SKU are added up.
_LEVELS = """
select i.marketplace_id, i.sku, max(i.asin), coalesce(max(p.title), ''), sum(i.fulfillable),
       sum(i.inbound), sum(i.reserved), sum(i.unfulfillable), sum(i.total), min(i.as_of)
from ingest_inventory i
left join ingest_product p
  on p.tenant_id = i.tenant_id and p.marketplace_id = i.marketplace_id and p.sku = i.sku
where i.tenant_id = %(tenant)s and i.marketplace_id = any (%(stores)s::text[])
group by i.marketplace_id, i.sku order by i.sku, i.marketplace_id
"""
# One window each: a day counts in the windows that reach back to it.
_UNITS = """
select d.marketplace_id, d.sku, {sums}
from analytics_day_product d
join unnest(%(day_stores)s::text[], %(days)s::date[], %(ages)s::int[]) as c (store, day, age)
  on c.store = d.marketplace_id and c.day = d.local_day
where d.tenant_id = %(tenant)s and d.local_day between %(from_day)s and %(to_day)s
group by 1, 2
""".format(
    sums=", ".join(f"coalesce(sum(d.units) filter (where c.age <= {days}), 0)" for days in WINDOWS)
)
_INPUTS = f"""
select sku, {", ".join(REPLENISHMENT_FIELDS)} from analytics_replenishment
where tenant_id = %(tenant)s
"""  # column names of our own  # noqa: S608
#: The key of the shop's default in `analytics_replenishment`; no product has a blank SKU.
DEFAULT_SKU = ""


def inventory_stores(*, using: str = "default") -> tuple[str, ...]:
    """Return the stores with stock that the person may see.

    The one with the most units is first.
    """
    rows = _read(_STORES, {"visible": visible_marketplaces()}, using)
    return tuple(row[0] for row in rows if row[0] in MARKETPLACES)


def replenishments(*, using: str = "default") -> dict[str, Replenishment]:
    """Return what the seller entered, by SKU.

    The shop's default is under `DEFAULT_SKU`.
    """
    return {row[0]: Replenishment(*row[1:]) for row in _read(_INPUTS, {}, using)}


def inventory(
    stores: Sequence[str], at: datetime, *, using: str = "default"
) -> tuple[ProductInventory, ...]:
    """Return a row for each product of each store, by SKU.

    Averages are over the complete days before the current one in each store's calendar.
    """
    require_visible(stores)
    today = {store: local_day(store, at) for store in stores}
    covered = order_days({store: _before(day) for store, day in today.items()}, at, using=using)
    units = _units(covered, today, using)
    inputs = replenishments(using=using)
    default = inputs.get(DEFAULT_SKU, Replenishment())
    rows = []
    for row in _read(_LEVELS, {"stores": list(stores)}, using):
        level = StockLevel(*row)
        store = level.marketplace_id
        ages = [(today[store] - day).days for day in covered[store]]
        sums = units.get((store, level.sku), (0,) * len(WINDOWS))
        windows = tuple(
            SalesWindow(days, sum(age <= days for age in ages), count)
            for days, count in zip(WINDOWS, sums, strict=True)
        )
        own = inputs.get(level.sku, Replenishment())
        rows.append(_product(level, windows, own, own.or_default(default), today[store]))
    return tuple(rows)


def _product(
    level: StockLevel,
    windows: tuple[SalesWindow, ...],
    own: Replenishment,
    inputs: Replenishment,
    today: date,
) -> ProductInventory:
    rate = highest_rate(windows)
    cover = days_of_cover(level, rate)
    return ProductInventory(
        level,
        windows,
        cover,
        band_of(cover, rate),
        own,
        inputs,
        reorder_of(level, rate, inputs, today),
    )


def _before(today: date) -> Span:
    return Span(today - timedelta(days=max(WINDOWS)), today - timedelta(days=1))


def _units(
    covered: dict[str, frozenset[date]], today: dict[str, date], using: str
) -> dict[tuple[str, str], tuple[int, ...]]:
    """Return the units of each window by store and SKU.

    Of the days whose orders are stored.
    """
    days = [(store, day) for store, known in covered.items() for day in known]
    if not days:
        return {}
    values = {
        "day_stores": [store for store, _ in days],
        "days": [day for _, day in days],
        "ages": [(today[store] - day).days for store, day in days],
        "from_day": min(day for _, day in days),
        "to_day": max(day for _, day in days),
    }
    return {(row[0], row[1]): tuple(row[2:]) for row in _read(_UNITS, values, using)}


def _read(sql: str, values: dict[str, Any], using: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = statements.rows(
        connections[using], sql, {"tenant": current_tenant(), **values}
    )
    return rows
