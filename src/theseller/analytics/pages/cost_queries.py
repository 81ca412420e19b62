"""Read the list of products with their unit costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from django.db import connections

from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.product_names import SEARCH, product_names, search_pattern
from theseller.analytics.pages.types import Scope
from theseller.analytics.profit.cost_periods import COST_PERIODS, cost_parameters, joined_cost
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible, visible_marketplaces

#: How many days of sales say which costs matter.
SALES_DAYS = 90

#: A product is listed if it is offered or was sold in a store of the selection, or has a cost. It
#: misses a cost if there is none today for one of these stores; in a period, if there is none on a
#: day of the period on which money was posted for it: profit leaves out just these.
_LIST = f"""
with {COST_PERIODS},
sold as (
    select d.sku, d.marketplace_id, sum(d.ordered_sales) as sales, sum(d.units) as units,
           sum(d.ordered_sales) filter (
               where coalesce(own.unit_cost, common.unit_cost) is null) as uncosted
    from analytics_day_product d {joined_cost("d", "d.local_day")}
    where d.tenant_id = %(tenant)s and d.currency = %(currency)s
      and d.marketplace_id = any (%(stores)s::text[])
      and d.local_day between %(first)s and %(last)s
    group by 1, 2
),
in_period as (
    select distinct d.sku, d.marketplace_id
    from analytics_day_product d {joined_cost("d", "d.local_day")}
    where d.tenant_id = %(tenant)s and d.currency = %(currency)s
      and d.marketplace_id = any (%(stores)s::text[]) and d.posted_lines > 0
      and d.local_day between %(period_first)s and %(period_last)s
      and coalesce(own.unit_cost, common.unit_cost) is null
),
in_store as (
    select sku, marketplace_id from sold
    union select sku, marketplace_id from in_period
    union select sku, marketplace_id from ingest_product
          where tenant_id = %(tenant)s and marketplace_id = any (%(stores)s::text[])
    union select sku, marketplace_id from cost_period where marketplace_id <> ''
),
offered as (
    select sku, marketplace_id from in_store
    union select sku, '' from cost_period
          where %(unlimited)s::boolean and sku not in (select sku from in_store)
),
priced as (
    select o.sku, o.marketplace_id, coalesce(own.unit_cost, common.unit_cost) as unit_cost
    from offered o {joined_cost("o", "%(today)s::date")}
),
product as (
    select p.sku, min(p.unit_cost) as lowest, max(p.unit_cost) as highest,
           bool_or(p.unit_cost is null) as missing, coalesce(sum(s.sales), 0) as sales,
           coalesce(sum(s.units), 0) as units, coalesce(sum(s.uncosted), 0) as uncosted
    from priced p left join sold s using (sku, marketplace_id) group by 1
),
found as (
    select * from product
    where (case when %(of_period)s::boolean then sku in (select sku from in_period)
                else missing or not %(missing)s::boolean end) {{search}}
),
total as (
    select count(*) as products, count(*) filter (where missing) as without_cost,
           coalesce(sum(sales), 0) as sales, coalesce(sum(uncosted), 0) as uncosted,
           (select count(*) from found) as found
    from product
)
select t.products, t.without_cost, t.sales, t.uncosted, t.found,
       f.sku, f.lowest, f.highest, f.missing, f.sales, f.units, c.unit_cost, c.valid_from
from total t
left join (
    select * from found order by sales desc, sku limit %(most)s offset %(skip)s) f on true
left join cost_period c on c.sku = f.sku and c.marketplace_id = %(target)s
  and %(today)s::date >= c.valid_from and %(today)s::date < c.valid_until
order by f.sales desc, f.sku
"""  # names of our own  # noqa: S608


@dataclass(frozen=True, slots=True)
class CostQuery:
    """Which products are listed.

    Attributes:
        target: the marketplace whose cost is edited; "" for that of all stores.
        today: the day on which a cost is current.
        search: part of a SKU, an ASIN or a title.
        missing_only: only products without a current cost.
        missing_in: only products without a cost on a day of this period on which money was posted
            for them; None: all, or by `missing_only`.
        most: how many rows are returned, after `skip` rows.
        skip: how many rows are left out.
    """

    target: str
    today: date
    search: str = ""
    missing_only: bool = False
    missing_in: Span | None = None
    most: int = 50
    skip: int = 0

    @property
    def sales_span(self) -> Span:
        """The days of the sales: 90 whole days."""
        return Span(self.today - timedelta(days=SALES_DAYS), self.today - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class CostRow:
    """A product with its current costs.

    `lowest` and `highest` are those of the stores of the selection; `missing`: one of them has
    none. `cost` and `valid_from` are of the period that is edited, None without one.
    """

    sku: str
    lowest: Decimal | None
    highest: Decimal | None
    missing: bool
    sales: Decimal
    units: int
    cost: Decimal | None
    valid_from: date | None
    asin: str = ""
    title: str = ""

    @property
    def differs(self) -> bool:
        """Whether a store has another cost than the one that is edited."""
        return self.lowest is not None and (self.lowest, self.highest) != (self.cost, self.cost)


@dataclass(frozen=True, slots=True)
class CostPage:
    """Some rows of the list, and what all products amount to.

    `found` products match the search; of all `products`, `without_cost` miss a cost. `sales` are
    those of 90 days, `uncosted` the part of products without a cost on the day of the sale.
    """

    rows: tuple[CostRow, ...]
    found: int
    products: int
    without_cost: int
    sales: Decimal
    uncosted: Decimal

    @property
    def uncosted_share(self) -> Decimal | None:
        """The part of the sales whose cost is not known; None without sales."""
        return self.uncosted / self.sales if self.sales > 0 else None


def cost_page(scope: Scope, query: CostQuery, *, using: str = "default") -> CostPage:
    """Return the products of a scope with their costs, by sales."""
    require_visible(scope.marketplace_ids)
    span, period = query.sales_span, query.missing_in or Span(date.max, date.min)
    values = {
        "tenant": current_tenant(),
        "currency": scope.currency,
        "stores": list(scope.marketplace_ids),
        **cost_parameters(scope.marketplace_ids),
        "target": query.target,
        "today": query.today,
        "first": span.first,
        "last": span.last,
        "missing": query.missing_only,
        "of_period": query.missing_in is not None,
        "period_first": period.first,
        "period_last": period.last,
        "unlimited": visible_marketplaces() is None,
        "pattern": search_pattern(query.search),
        "most": query.most,
        "skip": query.skip,
    }
    sql = _LIST.format(search=SEARCH if query.search else "")
    rows = sql_execution.rows(connections[using], sql, values)
    products, without_cost, sales, uncosted, found = rows[0][:5]
    listed = [row[5:] for row in rows if row[5] is not None]
    names = product_names([row[0] for row in listed], scope.marketplace_ids, using=using)
    return CostPage(
        tuple(
            replace(CostRow(*row), asin=asin, title=title)
            for row in listed
            for asin, title in [names.get(row[0], ("", ""))]
        ),
        found,
        products,
        without_cost,
        sales,
        uncosted,
    )
