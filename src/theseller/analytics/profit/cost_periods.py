"""The SQL of which unit cost applies on a day."""

from __future__ import annotations

from collections.abc import Sequence

from theseller.analytics.profit.types import ALL_STORES

#: A common table expression: each period of the costs in one currency, with the day after its last
#: in `valid_until`. Parameters: `tenant`, `currency` and `cost_stores` (`cost_parameters`).
COST_PERIODS = """cost_period as materialized (
    select sku, marketplace_id, unit_cost, valid_from,
           coalesce(lead(valid_from) over (
               partition by sku, marketplace_id order by valid_from), 'infinity') as valid_until
    from analytics_product_cost
    where tenant_id = %(tenant)s and currency = %(currency)s
      and marketplace_id = any (%(cost_stores)s::text[])
)"""


def joined_cost(alias: str, day: str) -> str:
    """Return the joins that find the cost of rows `alias` on a day.

    Then ``coalesce(own.unit_cost, common.unit_cost)`` is the unit cost: that of the row's
    marketplace, else that of all stores; null if there is none.

    Args:
        alias: the name of the rows in the statement, with columns `sku` and `marketplace_id`.
        day: an expression for the day.
    """
    return f"""
    left join cost_period own on own.sku = {alias}.sku
      and own.marketplace_id = {alias}.marketplace_id and own.marketplace_id <> ''
      and {day} >= own.valid_from and {day} < own.valid_until
    left join cost_period common on common.sku = {alias}.sku and common.marketplace_id = ''
      and {day} >= common.valid_from and {day} < common.valid_until
    """


def cost_parameters(stores: Sequence[str]) -> dict[str, object]:
    """Return the parameter of `COST_PERIODS` for these stores."""
    return {"cost_stores": [ALL_STORES, *stores]}
