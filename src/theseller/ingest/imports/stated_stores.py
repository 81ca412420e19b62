"""The stores that may be stated for a file that names none."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from theseller.ingest.facts.bulk_writer import Bulk
from theseller.lib.marketplaces import MARKETPLACES, Marketplace
from theseller.tenancy.tenant_scope import tenant_scope

# A connection is authorized for a whole region, so its list of stores does not tell.
_STORES = """
select c.store from unnest(%(candidates)s::text[]) as c (store)
where exists (select from ingest_product p
              where p.tenant_id = %(tenant)s and p.marketplace_id = c.store)
   or exists (select from ingest_document d
              where d.tenant_id = %(tenant)s and c.store = any (d.marketplace_ids))
   or exists (select from ingest_traffic_day t
              where t.tenant_id = %(tenant)s and t.marketplace_id = c.store)
"""


def stores_to_state(*, tenant: UUID) -> tuple[Marketplace, ...]:
    """Return the stores that a shop has data of.

    All of Amazon's if it has none.
    """
    with tenant_scope(tenant):
        rows = Bulk(tenant).rows(_STORES, candidates=list(MARKETPLACES))
    known = {store for (store,) in rows}
    return tuple(store for store in MARKETPLACES.values() if not known or store.id in known)


def preselected(possible: Sequence[str], stores: Sequence[Marketplace]) -> Marketplace | None:
    """Return the only one of a shop's `stores` that a file may be of.

    None if several may be.

    `possible` are the codes of all stores that have the file's currency.
    """
    fitting = [store for store in stores if store.code in possible]
    return fitting[0] if len(fitting) == 1 else None
