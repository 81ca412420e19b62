"""What Amazon has released but not settled yet, and what it defers.

Both are whole transactions, with the taxes in them, decided line by line as everywhere else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connections

from theseller.analytics.pages import queries
from theseller.analytics.pages.settlement_queries import Settlement, settlements
from theseller.analytics.pages.types import Store
from theseller.analytics.rollups.column_charge_types import SETTLEMENT_REPORTS
from theseller.analytics.rollups.rollup_sql_execution import run_on_counted_lines
from theseller.analytics.rollups.settlement_matching import EARLY
from theseller.analytics.rollups.sql_parameters import parameters
from theseller.lib import sql_execution as statements
from theseller.lib.marketplaces import local_day
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import visible_marketplaces

#: Released money is added up from this many days at most; older is summed from totals of days.
_LONGEST = timedelta(days=62)
_DEFERRED_DAYS = """
select distinct marketplace_id, local_day from analytics_day
where tenant_id = %(tenant)s and deferred <> 0
  and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[]))
"""
_OLDER = """
select a.marketplace_id, a.currency, sum(a.net_proceeds - a.settled_net)
from analytics_day a
join unnest(%(stores)s::text[], %(currencies)s::text[], %(first)s::date[], %(until)s::date[])
  as w (marketplace_id, currency, first, until)
  on w.marketplace_id = a.marketplace_id and w.currency = a.currency
     and a.local_day >= w.first and a.local_day < w.until
where a.tenant_id = %(tenant)s
group by 1, 2
"""
_FIRST_SETTLED = """
select store, min(d.covers_from)
from ingest_document d, unnest(d.marketplace_ids) as store
where d.tenant_id = %(tenant)s and d.report_type = any (%(reports)s::text[])
group by 1
"""


@dataclass(frozen=True, slots=True)
class Deferred:
    """What Amazon says to release on one day; None if it states none."""

    on: date | None
    transactions: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class OpenBalance:
    """The money of one store and currency that is in no stored settlement.

    `last`: the newest stored settlement of the store; None if there is none, and then what was paid
    out is not known, and `released` is None. `released`: what Amazon released since. `older`:
    income and costs of earlier days that are in no stored settlement, without taxes.
    """

    marketplace_id: str
    currency: str
    last: Settlement | None
    since: date | None
    released: Decimal | None
    transactions: int
    older: Decimal
    deferred: tuple[Deferred, ...]

    @property
    def reserve(self) -> Decimal:
        """What the newest settlement carried over to the next one."""
        return -self.last.sums.reserve if self.last else Decimal(0)

    @property
    def available(self) -> Decimal | None:
        """The reserve and what was released since; None without a settlement."""
        return None if self.released is None else self.reserve + self.released

    @property
    def deferred_total(self) -> Decimal:
        """All that Amazon defers."""
        return sum((one.amount for one in self.deferred), Decimal(0))


def open_balances(
    at: datetime, *, store: str | None = None, using: str = "default"
) -> tuple[OpenBalance, ...]:
    """Return the open balance of each visible store and currency.

    `store`: only of this marketplace.
    """
    stores = [
        one for one in queries.stores(using=using) if store is None or one.marketplace_id == store
    ]
    last = {
        (one.marketplace_id, one.currency): _last_settlement(one, using=using) for one in stores
    }
    since = {key: _since(found, key[0], at) for key, found in last.items() if found}
    found = _lines(stores, since, at, using)
    older = _older(since, using)
    return tuple(
        _balance(key, last[key], since.get(key), found.get(key, []), older.get(key, Decimal(0)))
        for key in last
    )


def _last_settlement(store: Store, *, using: str) -> Settlement | None:
    """Return the newest stored settlement of a store and its currency.

    Money of no store is settled with that of the stores of its currency.
    """
    found = settlements(store=store.marketplace_id or None, most=4, using=using)
    return next((one for one in found if one.currency == store.currency), None)


def _since(last: Settlement, marketplace_id: str, at: datetime) -> date:
    """Return the first day whose transactions may be in the next settlement."""
    return local_day(marketplace_id, max(last.ends_at - EARLY, at - _LONGEST))


_Key = tuple[str, str]


def _lines(
    stores: Sequence[Store], since: dict[_Key, date], at: datetime, using: str
) -> dict[_Key, list[tuple[Any, ...]]]:
    """Return the rows of `open_balance.sql` by store and currency."""
    tenant, known = current_tenant(), {store.marketplace_id for store in stores}
    values = {"tenant": tenant, "visible": visible_marketplaces()}
    slices = {
        (store, day)
        for store, day in statements.rows(connections[using], _DEFERRED_DAYS, values)
        if store in known
    }
    for (store, _), first in since.items():
        last = local_day(store, at)
        slices |= {(store, first + timedelta(days=step)) for step in range((last - first).days + 1)}
    found: dict[_Key, list[tuple[Any, ...]]] = defaultdict(list)
    if not slices:
        return found
    with connections[using].cursor() as cursor:
        run_on_counted_lines(cursor, parameters(tenant, sorted(slices)), "open_balance.sql")
        for store, currency, *rest in cursor.fetchall():
            found[store, currency].append(tuple(rest))
    return found


def _older(since: dict[_Key, date], using: str) -> dict[_Key, Decimal]:
    if not since:
        return {}
    common = {"tenant": current_tenant(), "reports": list(SETTLEMENT_REPORTS)}
    begun = dict(statements.rows(connections[using], _FIRST_SETTLED, common))
    earliest = min(begun.values())
    keys = list(since)
    values = common | {
        "stores": [store for store, _ in keys],
        "currencies": [currency for _, currency in keys],
        # Of the day on which the first stored settlement begins a part is in the one before it.
        "first": [
            local_day(store, begun.get(store, earliest)) + timedelta(days=1) for store, _ in keys
        ],
        "until": [since[key] for key in keys],
    }
    return {
        (store, currency): amount
        for store, currency, amount in statements.rows(connections[using], _OLDER, values)
    }


def _balance(
    key: _Key,
    last: Settlement | None,
    since: date | None,
    rows: Sequence[tuple[Any, ...]],
    older: Decimal,
) -> OpenBalance:
    released, transactions = Decimal(0), 0
    by_day: dict[date | None, list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for day, deferred, matures_on, count, amount in rows:
        if deferred:
            by_day[matures_on][0] += count
            by_day[matures_on][1] += amount
        elif since is not None and day >= since:
            released, transactions = released + amount, transactions + count
    ordered = sorted(by_day, key=lambda day: (day is None, day or date.min))
    return OpenBalance(
        *key,
        last,
        since,
        released if last else None,
        transactions,
        older,
        tuple(Deferred(day, *by_day[day]) for day in ordered),
    )
