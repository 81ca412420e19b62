"""Read the product table: search, sort, page and compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connections

from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.product_names import SEARCH, product_names, search_pattern
from theseller.analytics.pages.types import ProductFigures, ProductPage, Scope
from theseller.analytics.profit.cost_periods import COST_PERIODS, cost_parameters, joined_cost
from theseller.analytics.profit.goods_sold import COST_OF_ROW, has_costs
from theseller.lib import sql_execution as statements
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible

#: Fewer days are no series to draw.
_SHORTEST_LINE = 4


class Sort(StrEnum):
    """The columns that the product table can be ordered by."""

    SALES = "sales"
    UNITS = "units"
    ORDERS = "orders"
    REFUNDS = "refunds"
    FEES = "fees"
    NET = "net"
    CHANGE = "change"
    MARGIN = "margin"
    PROFIT = "profit"
    PROFIT_MARGIN = "profit-margin"
    ROI = "roi"


#: The SQL expression of each order. Fees are stored as negative amounts: the highest come first in
#: descending order of `-fees`.
_ORDER = {
    Sort.SALES: "sales",
    Sort.UNITS: "units",
    Sort.ORDERS: "orders",
    Sort.REFUNDS: "case when posted_orders > 0 then refunds::numeric / posted_orders end",
    Sort.FEES: "-fees",
    Sort.NET: "case when posted > 0 then net end",
    Sort.CHANGE: "sales - sales_before",
    Sort.MARGIN: "case when posted > 0 and posted_sales > 0 then net / posted_sales end",
    Sort.PROFIT: "profit",
    Sort.PROFIT_MARGIN: "case when posted_sales > 0 then profit / posted_sales end",
    Sort.ROI: "case when cost > 0 then profit / cost end",
}

#: The rows of product totals, with the cost of their goods; without the second where the shop has
#: entered no cost.
_WITH_COSTS = f"""
    (select d.*, coalesce(own.unit_cost, common.unit_cost) as unit_cost, {COST_OF_ROW} as row_cost
     from analytics_day_product d {joined_cost("d", "d.local_day")}) totals
"""  # names of our own  # noqa: S608
_WITHOUT_COSTS = """
    (select d.*, null::numeric as unit_cost, null::numeric as row_cost
     from analytics_day_product d) totals
"""

_PAGE = """
with {periods} sold as (
    select sku,
           coalesce(sum(orders) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as orders,
           coalesce(sum(units) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as units,
           coalesce(sum(ordered_sales) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as sales,
           coalesce(sum(refunds) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as refunds,
           coalesce(sum(refunded_sales) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as refunded_sales,
           coalesce(sum(fees) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as fees,
           coalesce(sum(net_proceeds) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as net,
           coalesce(sum(product_sales) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as posted_sales,
           coalesce(sum(posted_orders) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as posted_orders,
           coalesce(sum(posted_lines) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as posted,
           coalesce(sum(ordered_sales) filter (
               where local_day >= %(before_first)s and local_day <= %(before_last)s), 0)
               as sales_before,
           coalesce(sum(units) filter (
               where local_day >= %(before_first)s and local_day <= %(before_last)s), 0)
               as units_before,
           coalesce(sum(net_proceeds) filter (
               where local_day >= %(before_first)s and local_day <= %(before_last)s), 0)
               as net_before,
           coalesce(sum(posted_lines) filter (
               where local_day >= %(before_first)s and local_day <= %(before_last)s), 0)
               as posted_before,
           case when bool_and(posted_units is not null) filter (
               where local_day >= %(first)s and local_day <= %(last)s) then sum(posted_units)
               filter (where local_day >= %(first)s and local_day <= %(last)s)
               end as posted_units,
           coalesce(sum(row_cost) filter (
               where local_day >= %(first)s and local_day <= %(last)s), 0) as cost,
           coalesce(bool_and(row_cost is not null) filter (
               where local_day >= %(first)s and local_day <= %(last)s), false) as costed,
           coalesce(bool_or(unit_cost is null and posted_lines > 0) filter (
               where local_day >= %(first)s and local_day <= %(last)s), false) as without_cost
    from {totals}
    where tenant_id = %(tenant)s and currency = %(currency)s
      and marketplace_id = any (%(stores)s::text[])
      and local_day between %(from_day)s and %(to_day)s
      and (
          local_day between %(first)s and %(last)s
          or local_day between %(before_first)s and %(before_last)s)
      {search}
    group by sku
),
listed as (
    select *, case when posted > 0 and costed then net - cost end as profit from sold
)
select sku, orders, units, sales, refunds, refunded_sales, fees, net, sales_before, units_before,
       net_before, posted_sales, posted_orders, posted, posted_before, posted_units,
       case when costed then cost end, profit,
       count(*) over (), sum(units) over (), sum(sales) over (),
       case when sum(posted) over () > 0 then sum(net) over () end,
       sum(posted_sales) over (), case when sum(posted) over () > 0 then sum(fees) over () end,
       sum(profit) over (), sum(cost) filter (where profit is not null) over (),
       sum(posted_sales) filter (where profit is not null) over (),
       count(*) filter (where posted > 0 and profit is null and without_cost) over (),
       count(*) filter (where posted > 0 and profit is null and not without_cost) over ()
from listed order by {order} {direction} nulls last, sku limit %(most)s offset %(skip)s
"""
_ASINS = """
select sku, max(asin) from analytics_day_product
where tenant_id = %(tenant)s and sku = any (%(skus)s::text[])
  and marketplace_id = any (%(stores)s::text[])
  and local_day between %(first)s and %(last)s
group by sku
"""
_LINES = """
select sku, local_day, sum(ordered_sales) from analytics_day_product
where tenant_id = %(tenant)s and currency = %(currency)s
  and marketplace_id = any (%(stores)s::text[])
  and local_day between %(first)s and %(last)s
  and sku = any (%(skus)s::text[])
group by sku, local_day
"""


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """Which rows of the table, in which order.

    `search` finds part of a SKU, an ASIN or a title; `with_lines` adds a series for each row;
    `most` rows are returned after `skip` rows.
    """

    sort: Sort = Sort.SALES
    descending: bool = True
    search: str = ""
    most: int = 50
    skip: int = 0
    with_lines: bool = True


def product_page(
    scope: Scope, span: Span, before: Span | None, query: ProductQuery, *, using: str = "default"
) -> ProductPage:
    """Return one page of the product table and the sums over all rows.

    Sums are over every product found, not over the page. Columns of comparison are None in every
    row if `before` is None.
    """
    require_visible(scope.marketplace_ids)
    other = before or Span(date.max, date.min)
    values = {
        "tenant": current_tenant(),
        "currency": scope.currency,
        "stores": list(scope.marketplace_ids),
        "first": span.first,
        "last": span.last,
        "before_first": other.first,
        "before_last": other.last,
        **span.enclosing(other),
        "most": query.most,
        "skip": query.skip,
        "pattern": search_pattern(query.search),
    }
    costs = has_costs(scope.currency, using=using)
    values |= cost_parameters(scope.marketplace_ids)
    sql = _PAGE.format(
        periods=f"{COST_PERIODS}," if costs else "",
        totals=_WITH_COSTS if costs else _WITHOUT_COSTS,
        search=SEARCH if query.search else "",
        order=_ORDER[query.sort],
        direction="desc" if query.descending else "asc",
    )
    rows = statements.rows(connections[using], sql, values)
    if not rows:
        return ProductPage((), 0, 0, Decimal(0), None)
    values["skus"] = skus = [row[0] for row in rows]
    names = product_names(skus, scope.marketplace_ids, using=using)
    if any(not names.get(sku, ("",))[0] for sku in skus):
        names |= {
            sku: (asin, names.get(sku, ("", ""))[1])
            for sku, asin in statements.rows(connections[using], _ASINS, values)
            if not names.get(sku, ("",))[0]
        }
    lines = (
        _lines(values, span, using) if query.with_lines and span.length >= _SHORTEST_LINE else {}
    )
    products = [
        _product(row, names.get(row[0], ("", "")), compared=before is not None) for row in rows
    ]
    products = [replace(product, series=lines.get(product.sku, ())) for product in products]
    return ProductPage(tuple(products), *rows[0][18:])


def _product(row: Sequence[Any], name: tuple[str, str], *, compared: bool) -> ProductFigures:
    (
        sku,
        orders,
        units,
        sales,
        refunds,
        refunded,
        fees,
        net,
        sales_before,
        units_before,
        net_before,
        posted_sales,
        posted_orders,
        posted,
        posted_before,
        posted_units,
        cost,
        profit,
    ) = row[:18]
    return ProductFigures(
        sku=sku,
        asin=name[0],
        title=name[1],
        orders=orders,
        units=units,
        ordered_sales=sales,
        refunds=refunds,
        refunded_sales=refunded,
        fees=fees if posted else None,
        net_proceeds=net if posted else None,
        ordered_sales_before=sales_before if compared else None,
        units_before=units_before if compared else None,
        net_proceeds_before=net_before if compared and posted_before else None,
        product_sales=posted_sales,
        posted_orders=posted_orders,
        posted_lines=posted,
        posted_units=posted_units,
        cost_of_goods=cost,
        profit=profit,
    )


def _lines(values: dict[str, Any], span: Span, using: str) -> dict[str, tuple[Decimal, ...]]:
    """Return a series of sales for each product.

    By day up to a month and by week for longer spans: the line of a row is too small for more.
    """
    step = 1 if span.length <= 31 else 7
    buckets = -(-span.length // step)
    found: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * buckets)
    for sku, day, amount in statements.rows(connections[using], _LINES, values):
        # Counted from the end, so that the newest week is whole: a short one would look like a
        # fall.
        found[sku][buckets - 1 - (span.last - day).days // step] += amount
    return {sku: tuple(amounts) for sku, amounts in found.items()}
