"""Read sessions and page views of days and products.

Each function runs inside the caller's tenant scope. A member's limit to marketplaces is applied:
`traffic_stores` leaves others out, and the other functions refuse them. A day without a row is a
day without data, not one without traffic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import connections

from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.product_names import search_pattern
from theseller.analytics.pages.types import Scope, Store
from theseller.analytics.traffic.types import (
    SETTLES_AFTER,
    Traffic,
    TrafficOfDay,
    TrafficOfProduct,
    TrafficProducts,
)
from theseller.lib import sql_execution as statements
from theseller.lib.marketplaces import midnight
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible, visible_marketplaces

# The rows of whole stores have a blank ASIN.
_STORES = """
select marketplace_id, currency, min(local_day), max(local_day), sum(page_views)
from ingest_traffic_day
where tenant_id = %(tenant)s
  and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[]))
group by 1, 2 order by sum(page_views) desc, 1, 2
"""
_SUMS = """
coalesce(sum(sessions) filter (where {days}), 0),
coalesce(sum(page_views) filter (where {days}), 0),
coalesce(sum(units_ordered) filter (where {days}), 0),
coalesce(sum(page_views * buy_box_percent / 100)
    filter (where {days} and buy_box_percent is not null), 0),
coalesce(sum(page_views) filter (where {days} and buy_box_percent is not null), 0)
"""
_DAYS = f"""
select local_day, count(distinct marketplace_id), {_SUMS.format(days="true")}
from ingest_traffic_day
where tenant_id = %(tenant)s and marketplace_id = any (%(stores)s::text[]) and asin = ''
  and local_day between %(first)s and %(last)s
group by local_day order by local_day
"""  # our own text  # noqa: S608
_PRODUCTS = """
with found as (
    select asin, {now}, {before}
    from ingest_traffic_day t
    where tenant_id = %(tenant)s and marketplace_id = any (%(stores)s::text[]) and asin <> ''
      and (local_day between %(first)s and %(last)s
           or local_day between %(before_first)s and %(before_last)s)
      {search}
    group by asin
)
select f.*, count(*) over (), sum(f.sessions) over (), sum(f.page_views) over (),
       sum(f.units) over (), sum(f.featured) over (), sum(f.rated) over ()
from found f(asin, sessions, page_views, units, featured, rated,
             sessions_before, page_views_before, units_before, featured_before, rated_before)
order by {order} {direction} nulls last, asin limit %(most)s offset %(skip)s
""".replace("{now}", _SUMS.format(days="local_day between %(first)s and %(last)s")).replace(
    "{before}", _SUMS.format(days="local_day between %(before_first)s and %(before_last)s")
)
_SEARCH = """
      and (asin ilike %(pattern)s or asin in (
          select p.asin from ingest_product p
          where p.tenant_id = %(tenant)s and p.marketplace_id = any (%(stores)s::text[])
            and (p.title ilike %(pattern)s or p.sku ilike %(pattern)s)))
"""
_TITLES = """
select distinct on (asin) asin, title from ingest_product
where tenant_id = %(tenant)s and marketplace_id = any (%(stores)s::text[])
  and asin = any (%(asins)s::text[]) and title <> ''
order by asin, updated_at desc, marketplace_id, sku
"""
_PRODUCT_DAYS = """
select count(distinct local_day) from ingest_traffic_day
where tenant_id = %(tenant)s and marketplace_id = any (%(stores)s::text[]) and asin <> ''
  and local_day between %(first)s and %(last)s
"""


class Sort(StrEnum):
    """The columns that the product table can be ordered by."""

    SESSIONS = "sessions"
    VIEWS = "views"
    UNITS = "units"
    CONVERSION = "conversion"
    FEATURED = "featured"


_ORDER = {
    Sort.SESSIONS: "sessions",
    Sort.VIEWS: "page_views",
    Sort.UNITS: "units",
    Sort.CONVERSION: "case when sessions > 0 then units::numeric / sessions end",
    Sort.FEATURED: "case when rated > 0 then featured / rated end",
}


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """Which rows of the product table, in which order."""

    sort: Sort = Sort.SESSIONS
    descending: bool = True
    search: str = ""
    most: int = 50
    skip: int = 0


def traffic_stores(*, using: str = "default") -> tuple[Store, ...]:
    """Return every store with traffic that the person may see.

    The one with the most page views is first.
    """
    return tuple(Store(*row) for row in _read(_STORES, {"visible": visible_marketplaces()}, using))


def traffic_days(
    scope: Scope, span: Span, at: datetime, *, using: str = "default"
) -> dict[date, TrafficOfDay]:
    """Return the days with data of any store of the scope."""
    require_visible(scope.marketplace_ids)
    values = {"stores": list(scope.marketplace_ids), "first": span.first, "last": span.last}
    return {
        row[0]: TrafficOfDay(row[0], row[1], Traffic(*row[2:]), _is_preliminary(scope, row[0], at))
        for row in _read(_DAYS, values, using)
    }


def _is_preliminary(scope: Scope, day: date, at: datetime) -> bool:
    ends = [midnight(store, day + timedelta(days=1)) for store in scope.marketplace_ids]
    return at < max(ends) + SETTLES_AFTER


def traffic_products(
    scope: Scope, span: Span, before: Span | None, query: ProductQuery, *, using: str = "default"
) -> TrafficProducts:
    """Return one page of the products, and the sums over all that are found.

    They come from reports of single days.
    """
    require_visible(scope.marketplace_ids)
    other = before or Span(date.max, date.min)
    values: dict[str, Any] = {
        "stores": list(scope.marketplace_ids),
        "first": span.first,
        "last": span.last,
        "before_first": other.first,
        "before_last": other.last,
        "most": query.most,
        "skip": query.skip,
        "pattern": search_pattern(query.search),
    }
    sql = _PRODUCTS.format(
        search=_SEARCH if query.search else "",
        order=_ORDER[query.sort],
        direction="desc" if query.descending else "asc",
    )
    rows = _read(sql, values, using)
    [[days]] = _read(_PRODUCT_DAYS, values, using)
    if not rows:
        return TrafficProducts((), 0, Traffic(), days)
    values["asins"] = [row[0] for row in rows]
    titles = dict(_read(_TITLES, values, using))
    products = tuple(
        TrafficOfProduct(
            row[0],
            titles.get(row[0], ""),
            Traffic(*row[1:6]),
            Traffic(*row[6:11]) if before else None,
        )
        for row in rows
    )
    return TrafficProducts(products, rows[0][11], Traffic(*rows[0][12:]), days)


def _read(sql: str, values: dict[str, Any], using: str) -> Sequence[tuple[Any, ...]]:
    rows: Sequence[tuple[Any, ...]] = statements.rows(
        connections[using], sql, {"tenant": current_tenant(), **values}
    )
    return rows
