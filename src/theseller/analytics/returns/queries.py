"""Read returned units of products, and what was sold and refunded.

Each function runs inside the caller's tenant scope. A member's limit to marketplaces is applied:
`stores_with_returns` leaves others out, and `returned_products` refuses them. All figures are of
the same stores and days: those of the period between a store's first and last stored return. Of
other days nothing is known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connections

from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.product_names import SEARCH, product_names, search_pattern
from theseller.analytics.pages.types import Scope, Store
from theseller.analytics.returns.types import Returns, ReturnsOfProduct, ReturnsPage
from theseller.lib import sql_execution
from theseller.lib.marketplaces import currency_of
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible, visible_marketplaces

_STORES = """
select marketplace_id, min(local_day), max(local_day), sum(quantity)
from ingest_return
where tenant_id = %(tenant)s
  and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[]))
group by 1 order by 4 desc, 1
"""
_KNOWN = """
with known as (
    select marketplace_id, greatest(min(local_day), %(first)s::date) as first,
           least(max(local_day), %(last)s::date) as last
    from ingest_return
    where tenant_id = %(tenant)s and marketplace_id = any (%(stores)s::text[])
    group by 1
)
"""
_DAYS = f"{_KNOWN} select min(first), max(last) from known where first <= last"  # noqa: S608
_PRODUCTS = """
{known}, returned as (
    select sku, max(asin) as asin, sum(quantity) as units,
           coalesce(sum(quantity) filter (where upper(disposition) = 'SELLABLE'), 0) as sellable,
           coalesce(sum(quantity) filter (where disposition <> ''), 0) as conditions
    from ingest_return join known using (marketplace_id)
    where tenant_id = %(tenant)s and local_day between first and last {search}
    group by sku
), sold as (
    select sku, sum(coalesce(quantity_shipped, quantity)) as units
    from ingest_order_line join known using (marketplace_id)
    where tenant_id = %(tenant)s and local_day between %(first)s and %(last)s
      and local_day between first and last and fulfilment = 'amazon' and status = 'shipped'
      and sku in (select sku from returned)
    group by sku
), refunded as (
    select sku, case when sum(posted_lines) > 0 then -sum(refunded_sales) end as amount
    from analytics_day_product join known using (marketplace_id)
    where tenant_id = %(tenant)s and local_day between %(first)s and %(last)s
      and local_day between first and last and currency = %(currency)s
      and sku in (select sku from returned)
    group by sku
), listed as (
    select sku, asin, coalesce(s.units, 0) as sold, r.units as returned, sellable, conditions,
           amount as refunded
    from returned r left join sold s using (sku) left join refunded using (sku)
)
select listed.*, count(*) over (), sum(sold) over (), sum(returned) over (),
       sum(sellable) over (), sum(conditions) over (), sum(refunded) over ()
from listed order by {order} {direction} nulls last, sku limit %(most)s offset %(skip)s
"""
_REASONS = f"""
{_KNOWN}
select sku, reason, sum(quantity) from ingest_return join known using (marketplace_id)
where tenant_id = %(tenant)s and local_day between first and last
  and sku = any (%(skus)s::text[])
group by 1, 2 order by 1, 3 desc, 2
"""  # our own text  # noqa: S608


class Sort(StrEnum):
    """The columns that the table can be ordered by."""

    REFUNDED = "refunded"
    RETURNED = "returned"
    SOLD = "sold"
    RATE = "rate"
    SELLABLE = "sellable"


_ORDER = {
    Sort.REFUNDED: "refunded",
    Sort.RETURNED: "returned",
    Sort.SOLD: "sold",
    Sort.RATE: "case when sold > 0 then returned::numeric / sold end",
    Sort.SELLABLE: "case when conditions > 0 then sellable::numeric / conditions end",
}


@dataclass(frozen=True, slots=True)
class ReturnQuery:
    """Which rows of the table, in which order."""

    sort: Sort = Sort.REFUNDED
    descending: bool = True
    search: str = ""
    most: int = 50
    skip: int = 0


def stores_with_returns(*, using: str = "default") -> tuple[Store, ...]:
    """Return every store with returns that the person may see.

    The one with the most returned units is first.
    """
    found = _read(_STORES, {"visible": visible_marketplaces()}, using)
    return tuple(
        Store(store, currency_of(store), first, last, units) for store, first, last, units in found
    )


def returned_products(
    scope: Scope, span: Span, query: ReturnQuery, *, using: str = "default"
) -> ReturnsPage:
    """Return one page of the products with returned units.

    The sums are over all products found.
    """
    require_visible(scope.marketplace_ids)
    values: dict[str, Any] = {
        "stores": list(scope.marketplace_ids),
        "currency": scope.currency,
        "first": span.first,
        "last": span.last,
        "most": query.most,
        "skip": query.skip,
        "pattern": search_pattern(query.search),
    }
    [(first, last)] = _read(_DAYS, values, using)
    sql = _PRODUCTS.format(
        known=_KNOWN,
        search=SEARCH if query.search else "",
        order=_ORDER[query.sort],
        direction="desc" if query.descending else "asc",
    )
    rows = _read(sql, values, using)
    if not rows:
        return ReturnsPage(first=first, last=last)
    skus = [row[0] for row in rows]
    names = product_names(skus, scope.marketplace_ids, using=using)
    reasons: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for sku, reason, units in _read(_REASONS, {**values, "skus": skus}, using):
        reasons[sku].append((reason, int(units)))
    products = tuple(
        ReturnsOfProduct(
            row[0],
            row[1] or names.get(row[0], ("", ""))[0],
            names.get(row[0], ("", ""))[1],
            _returns(row[2:7]),
            tuple(reasons[row[0]]),
        )
        for row in rows
    )
    return ReturnsPage(products, rows[0][7], _returns(rows[0][8:13]), first, last)


def _returns(row: Sequence[Any]) -> Returns:
    sold, returned, sellable, conditions = (int(units) for units in row[:4])
    return Returns(sold, returned, sellable, conditions, row[4])


def _read(sql: str, values: dict[str, Any], using: str) -> Sequence[tuple[Any, ...]]:
    rows: Sequence[tuple[Any, ...]] = sql_execution.rows(
        connections[using], sql, {"tenant": current_tenant(), **values}
    )
    return rows
