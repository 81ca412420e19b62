# statements are put together from the constants of this module; every value is a bound parameter
"""Stores that a seller has, and money that names no store.

Every function runs inside the caller's tenant scope. Which stores a seller has is derived from what
is stored: a connection is authorized for a whole region, so its list of stores does not tell. Money
that names no store is attributed to the seller's only store of its currency, else to none. The
result does not depend on the order in which documents arrive: `reassign_storeless_lines` decides
again once another store is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from theseller.amazon.reports import ReportType
from theseller.ingest.facts.advisory_lock_numbers import LEDGER_LOCK
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.dirty_days import Day
from theseller.ingest.facts.fact_row_types import LEDGER_COLUMNS
from theseller.ingest.facts.transaction_digests import delete_all_digests
from theseller.lib.marketplaces import MARKETPLACES, Marketplace

_LINE = ", ".join(name for name, _ in LEDGER_COLUMNS if name not in {"local_day", "marketplace_id"})
_SHARED = sorted({store.currency for store in MARKETPLACES.values()})
#: Currencies that several of Amazon's stores keep: only for these it matters which stores a seller
#: has.
SHARED_CURRENCIES = tuple(
    currency
    for currency in _SHARED
    if sum(store.currency == currency for store in MARKETPLACES.values()) > 1
)


class SellerStores:
    """The stores that the seller is known to have.

    They decide which store gets money that Amazon attributes to none.
    """

    def __init__(self, marketplace_ids: Iterable[str]) -> None:
        self._own = frozenset(marketplace_ids)

    def __str__(self) -> str:
        """Return their ids."""
        return " ".join(sorted(self._own))

    def only(self, currency: str) -> Marketplace | None:
        """Return the only store that money in `currency` can belong to.

        None if there are several or none.

        It is Amazon's only store with that currency, else the seller's only one. A store that the
        seller does not have is never returned for a currency that several of Amazon's stores keep.
        """
        stores = [store for store in MARKETPLACES.values() if store.currency == currency]
        own = stores if len(stores) == 1 else [store for store in stores if store.id in self._own]
        return own[0] if len(own) == 1 else None


def stores_of_seller(bulk: Bulk, within: Iterable[str] = tuple(MARKETPLACES)) -> SellerStores:
    """Return the stores among `within` in which the seller has sold something.

    They are named by stored products and settlements. Only stores of shared currencies are looked
    for.
    """
    possible = frozenset(within)
    candidates = [
        store.id
        for store in MARKETPLACES.values()
        if store.currency in SHARED_CURRENCIES and store.id in possible
    ]
    found = bulk.rows(
        """
        select c.store from unnest(%(candidates)s::text[]) as c (store)
        where exists (select from ingest_product p
                      where p.tenant_id = %(tenant)s and p.marketplace_id = c.store)
           or exists (select from ingest_document d
                      where d.tenant_id = %(tenant)s and c.store = any (d.marketplace_ids)
                        and (d.origin = 'imported' or d.report_type = %(settlement)s))
        """,
        candidates=candidates,
        settlement=ReportType.SETTLEMENT_V2.value,
    )
    return SellerStores(store for (store,) in found)


def reassign_storeless_lines(bulk: Bulk, currencies: Iterable[str] = SHARED_CURRENCIES) -> set[Day]:
    """Attribute lines that name no store by what is stored now.

    Returns:
        The days whose lines changed.
    """
    lines = bulk.rows(
        "select distinct currency, marketplace_id from ingest_ledger_line"
        " where tenant_id = %(tenant)s and not store_named and currency = any(%(currencies)s)",
        currencies=list(currencies),
    )
    if not lines:
        return set()
    bulk.lock(LEDGER_LOCK)
    stores = stores_of_seller(bulk)
    changed: set[Day] = set()
    for currency, former in lines:
        home = stores.only(currency)
        if (home.id if home else "") != former:
            changed |= _move(bulk, currency, former, home)
            delete_all_digests(bulk)
    return changed


# a Marketplace or none
def _move(bulk: Bulk, currency: str, former: str, home: Any) -> set[Day]:  # noqa: ANN401
    """Move the lines of one currency that name no store to another store.

    Lines are deleted and inserted, never updated.
    """
    store, zone = (home.id, home.zone_name) if home else ("", "UTC")
    days = bulk.rows(
        f"""
        with deleted as (
            delete from ingest_ledger_line
            where tenant_id = %(tenant)s and not store_named and currency = %(currency)s
                and marketplace_id = %(former)s
            returning *
        ), moved as (
            insert into ingest_ledger_line (tenant_id, connection_id, source, local_day,
                marketplace_id, {_LINE})
            select tenant_id, connection_id, source, (posted_at at time zone %(zone)s)::date,
                %(store)s, {_LINE} from deleted
            returning marketplace_id, local_day
        )
        select marketplace_id, local_day from deleted
        union select marketplace_id, local_day from moved
        """,  # noqa: S608
        currency=currency,
        former=former,
        store=store,
        zone=zone,
    )
    return {(store, day) for store, day in days}
