"""Read the cost of the goods whose sale Amazon posted.

It counts the units of sales by the day Amazon posted them, each at the cost of that day. A product
without a cost on a day has an unknown cost on it, which is not zero; so has one with a sale whose
units Amazon does not state. All that was posted for it on that day is left out of profit together:
its sales, fees and refunds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connections

from theseller.analytics.profit.cost_periods import COST_PERIODS, cost_parameters, joined_cost
from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible

#: The cost of goods of a row `d` of analytics_day_product: null if it is not known. A row for which
#: nothing was posted needs none. One with a refund and no sale costs nothing, if the product has a
#: cost: without one its refund would be charged to a profit that its sale is no part of.
COST_OF_ROW = """case when d.posted_lines = 0 then 0
                 when d.posted_orders = 0 then 0 * coalesce(own.unit_cost, common.unit_cost)
                 when d.posted_units >= d.posted_orders
                 then d.posted_units * coalesce(own.unit_cost, common.unit_cost) end"""
_HAS_COSTS = """
select exists (
    select from analytics_product_cost where tenant_id = %(tenant)s and currency = %(currency)s)
"""
_SOLD = f"""
with {COST_PERIODS},
sold as (
    select d.local_day, d.sku, d.product_sales, d.net_proceeds, d.posted_lines,
           coalesce(own.unit_cost, common.unit_cost) as unit_cost, {COST_OF_ROW} as cost
    from analytics_day_product d {joined_cost("d", "d.local_day")}
    where d.tenant_id = %(tenant)s and d.currency = %(currency)s
      and d.marketplace_id = any (%(stores)s::text[]) and d.posted_lines > 0
      and d.local_day between %(first)s and %(last)s
)
"""  # names of our own  # noqa: S608
_BY_DAY = """
select local_day, coalesce(sum(cost), 0),
       coalesce(sum(product_sales) filter (where cost is not null), 0),
       coalesce(sum(product_sales) filter (where cost is null), 0),
       coalesce(sum(net_proceeds) filter (where cost is null), 0),
       coalesce(sum(posted_lines) filter (where cost is not null), 0),
       coalesce(sum(posted_lines) filter (where cost is null), 0)
from sold group by 1
"""
_UNKNOWN = """
select count(distinct sku) filter (where unit_cost is null),
       count(distinct sku) filter (where unit_cost is not null)
from sold where cost is null
"""


@dataclass(frozen=True, slots=True)
class GoodsSold:
    """The products for which money was posted on a day.

    `cost` is that of the goods sold whose cost is known; `costed_sales` and `costed_lines` are the
    product sales and the ledger lines of these products. `uncosted_sales`, `uncosted_net` and
    `uncosted_lines` are the product sales, net proceeds and ledger lines of the others.
    """

    cost: Decimal = Decimal(0)
    costed_sales: Decimal = Decimal(0)
    uncosted_sales: Decimal = Decimal(0)
    uncosted_net: Decimal = Decimal(0)
    costed_lines: int = 0
    uncosted_lines: int = 0


@dataclass(frozen=True, slots=True)
class UnknownCosts:
    """How many products with posted money have no known cost on a day.

    `without_cost`: the seller has entered no unit cost; `without_units`: there is one, but Amazon
    states no quantity of a sale. A product may be in both.
    """

    without_cost: int
    without_units: int


def has_costs(currency: str, *, using: str = "default") -> bool:
    """Return whether the shop has entered any unit cost in this currency."""
    values = {"tenant": current_tenant(), "currency": currency}
    return bool(sql_execution.value(connections[using], _HAS_COSTS, values))


def goods_sold(
    stores: Sequence[str], currency: str, first: date, last: date, *, using: str = "default"
) -> dict[date, GoodsSold]:
    """Return the goods of the days from `first` to `last`."""
    rows = _rows(_BY_DAY, stores, currency, (first, last), using)
    return {row[0]: GoodsSold(*row[1:]) for row in rows}


def unknown_costs(
    stores: Sequence[str], currency: str, first: date, last: date, *, using: str = "default"
) -> UnknownCosts:
    """Return how many products with posted money have no known cost."""
    return UnknownCosts(*_rows(_UNKNOWN, stores, currency, (first, last), using)[0])


def _rows(
    sql: str, stores: Sequence[str], currency: str, days: tuple[date, date], using: str
) -> list[tuple[Any, ...]]:
    require_visible(stores)
    values = {
        "tenant": current_tenant(),
        "currency": currency,
        "stores": list(stores),
        "first": days[0],
        "last": days[1],
        **cost_parameters(stores),
    }
    found: list[tuple[Any, ...]] = sql_execution.rows(connections[using], _SOLD + sql, values)
    return found
