"""Find products by their names, and the names of products.

Each function runs inside the caller's tenant scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections

from theseller.lib import sql_execution
from theseller.tenancy.tenant_scope import current_tenant

#: A condition on a column `sku`: the SKU, the ASIN or the title contains what is searched for.
#: Parameters: `tenant`, `stores` and `pattern` (`search_pattern`).
SEARCH = """
      and (sku ilike %(pattern)s or sku in (
          select p.sku from ingest_product p
          where p.tenant_id = %(tenant)s and p.marketplace_id = any (%(stores)s::text[])
            and (p.title ilike %(pattern)s or p.asin ilike %(pattern)s)))
"""
_NAMES = """
select distinct on (sku) sku, asin, title from ingest_product
where tenant_id = %(tenant)s and sku = any (%(skus)s::text[])
  and (%(stores)s::text[] is null or marketplace_id = any (%(stores)s::text[]))
order by sku, updated_at desc, marketplace_id
"""


def search_pattern(search: str) -> str:
    """Return the pattern of ``ilike`` that finds `search` anywhere in a text."""
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def product_names(
    skus: Sequence[str], stores: Sequence[str] | None, *, using: str = "default"
) -> dict[str, tuple[str, str]]:
    """Return the ASIN and the title of products, as last seen.

    `stores`: where; None is in any.
    """
    values: dict[str, Any] = {
        "tenant": current_tenant(),
        "skus": list(skus),
        "stores": None if stores is None else list(stores),
    }
    rows = sql_execution.rows(connections[using], _NAMES, values)
    return {sku: (asin or "", title or "") for sku, asin, title in rows}
