"""Read unit costs, and what a shop sells where.

Each query runs inside the caller's tenant scope. A member's limit to marketplaces is applied: costs
of other marketplaces are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connections

from theseller.analytics.profit.types import ALL_STORES, CostKey, CostPeriod, ShopStores
from theseller.lib import sql_execution
from theseller.lib.marketplaces import MARKETPLACES
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import visible_marketplaces

_STORES = "select distinct marketplace_id from analytics_day where tenant_id = %(tenant)s"
_SKUS = """
select sku from ingest_product where tenant_id = %(tenant)s
union select sku from analytics_product_cost where tenant_id = %(tenant)s
union select sku from analytics_day_product where tenant_id = %(tenant)s and local_day >= %(since)s
"""
_KNOWN = """
select exists (select from ingest_product where tenant_id = %(tenant)s and sku = %(sku)s
    and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[])))
  or exists (select from analytics_product_cost where tenant_id = %(tenant)s and sku = %(sku)s
    and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[])))
  or exists (select from analytics_day_product where tenant_id = %(tenant)s and sku = %(sku)s
    and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[])))
"""
_PERIODS = """
select sku, marketplace_id, currency, valid_from, unit_cost, written_by, written_at
from analytics_product_cost
where tenant_id = %(tenant)s and (%(skus)s::text[] is null or sku = any (%(skus)s::text[]))
  and (%(visible)s::text[] is null or marketplace_id = ''
       or marketplace_id = any (%(visible)s::text[]))
order by sku, marketplace_id, currency, valid_from
"""
_STORED = """
select c.sku, c.marketplace_id, c.currency, c.valid_from, c.unit_cost
from analytics_product_cost c
join unnest(%(skus)s::text[], %(stores)s::text[], %(currencies)s::text[], %(days)s::date[])
  as wanted (sku, marketplace_id, currency, valid_from)
  using (sku, marketplace_id, currency, valid_from)
where c.tenant_id = %(tenant)s
"""
#: How far back sales name products. Facts are kept for 18 months.
_SALES_DAYS = 560


def shop_stores(*, using: str = "default") -> ShopStores:
    """Return the stores in which the shop sells and that the person may see."""
    visible = visible_marketplaces()
    found = (row[0] for row in _rows(_STORES, {}, using))
    return ShopStores(
        {
            store: MARKETPLACES[store].currency
            for store in sorted(found)
            if store in MARKETPLACES and (visible is None or store in visible)
        }
    )


def known_skus(today: date, *, using: str = "default") -> frozenset[str]:
    """Return the SKUs of the shop: listed, sold, or with a cost."""
    since = today - timedelta(days=_SALES_DAYS)
    return frozenset(row[0] for row in _rows(_SKUS, {"since": since}, using))


def is_known(sku: str, *, using: str = "default") -> bool:
    """Return whether the shop has a product that the person may see."""
    return bool(_rows(_KNOWN, {"sku": sku, "visible": visible_marketplaces()}, using)[0][0])


def cost_periods(
    skus: Sequence[str] | None = None, *, using: str = "default"
) -> tuple[CostPeriod, ...]:
    """Return the stored costs of products, the oldest first; None for all.

    Of a limited member's marketplaces, and those of all stores in a currency of theirs.
    """
    values = {"skus": None if skus is None else list(skus), "visible": visible_marketplaces()}
    currencies = shop_stores(using=using).all_currencies
    periods = (CostPeriod(CostKey(*row[:4]), *row[4:]) for row in _rows(_PERIODS, values, using))
    return tuple(
        one
        for one in periods
        if visible_marketplaces() is None
        or one.key.marketplace_id != ALL_STORES
        or one.key.currency in currencies
    )


def stored_costs(keys: Iterable[CostKey], *, using: str = "default") -> dict[CostKey, Decimal]:
    """Return the stored unit costs of these periods, as far as there are."""
    keys = list(keys)
    values = {
        "skus": [key.sku for key in keys],
        "stores": [key.marketplace_id for key in keys],
        "currencies": [key.currency for key in keys],
        "days": [key.valid_from for key in keys],
    }
    return {CostKey(*row[:4]): row[4] for row in _rows(_STORED, values, using)}


def _rows(sql: str, values: dict[str, Any], using: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = sql_execution.rows(
        connections[using], sql, {"tenant": current_tenant(), **values}
    )
    return found
