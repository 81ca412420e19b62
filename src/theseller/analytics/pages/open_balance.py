"""What Amazon has released but not settled yet, and what it defers.

Both are whole transactions, with the taxes in them, decided line by line as everywhere else. The
stores of a currency whose money is in the same settlements have one balance together: the reserve
of a settlement is of all its stores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connections

from theseller.analytics.pages import queries
from theseller.analytics.pages.settlement_queries import (
    Settlement,
    may_see,
    newest_of_all_members,
)
from theseller.analytics.pages.settlement_streams import SettledTogether, settled_together
from theseller.analytics.rollups.column_charge_types import SETTLEMENT_REPORTS
from theseller.analytics.rollups.rollup_sql_execution import run_on_counted_lines
from theseller.analytics.rollups.settlement_matching import EARLY
from theseller.analytics.rollups.sql_parameters import parameters
from theseller.ingest.sync.stored_ranges import spans, stored_ranges
from theseller.lib import sql_execution as statements
from theseller.lib.marketplaces import local_day, midnight
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import visible_marketplaces

#: Released money is added up from this many days at most; older is summed from totals of days. A
#: stream of settlements whose last one ended so long before the newest of its currency is over.
_LONGEST = timedelta(days=62)
#: Amazon shows new transactions up to 48 hours late.
_LATE = timedelta(hours=48)
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
from ingest_document d,
     unnest(case when d.marketplace_ids = '{}' then '{""}' else d.marketplace_ids end) as store
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
    """The money of stores of one currency that is in no stored settlement.

    `newest`: the last stored settlement of each of their streams; without any, what was paid out is
    not known. `hidden`: they are settled together with stores that the person may not see. In both
    cases `since` and `released` are None. `since`: the first day whose transactions may be in no
    stored settlement. `released`: what Amazon released from then on; None if not all of these
    transactions are stored. `older`: income and costs of earlier days that are in no stored
    settlement, without taxes.
    """

    marketplace_ids: tuple[str, ...]
    currency: str
    newest: tuple[Settlement, ...]
    hidden: bool
    since: date | None
    released: Decimal | None
    transactions: int
    older: Decimal
    deferred: tuple[Deferred, ...]

    @property
    def reserves(self) -> tuple[tuple[Settlement, Decimal], ...]:
        """What each of the newest settlements carried over to the next one."""
        return tuple((one, -one.sums.reserve) for one in self.newest)

    @property
    def available(self) -> Decimal | None:
        """The reserves and what was released since; None if that is not known."""
        reserves = sum((amount for _, amount in self.reserves), Decimal(0))
        return None if self.released is None else reserves + self.released

    @property
    def deferred_total(self) -> Decimal:
        """All that Amazon defers."""
        return sum((one.amount for one in self.deferred), Decimal(0))


_Key = tuple[str, str]


def open_balances(
    at: datetime, *, store: str | None = None, using: str = "default"
) -> tuple[OpenBalance, ...]:
    """Return the open balances of the visible stores, by currency.

    `store`: only of this marketplace, and of those that are settled together with it.
    """
    known = [(one.marketplace_id, one.currency) for one in queries.stores(using=using)]
    groups = [
        (group, [(one, of) for one, of in known if of == group.currency and one in group.stores])
        for group in _all_groups(known, newest_of_all_members(_LONGEST, using=using))
    ]
    shown = [
        (group, keys)
        for group, keys in groups
        if keys and (store is None or any(one == store for one, _ in keys))
    ]
    since = {
        key: local_day(key[0], max(group.ends_at - EARLY, at - _LONGEST))
        for group, keys in shown
        if group.newest and not _hidden(group)
        for key in keys
    }
    rows = _lines([key for _, keys in shown for key in keys], since, at, using)
    older, transactions = _older(since, using), stored_ranges(using=using).transactions

    def whole(key: _Key) -> bool:
        begin = midnight(key[0], since[key])
        return not key[0] or spans(transactions.get(key[0], ()), begin, max(begin, at - _LATE))

    return tuple(
        _balance(group, keys, since, rows, older, known=keys[0] in since and all(map(whole, keys)))
        for group, keys in shown
    )


def _hidden(group: SettledTogether) -> bool:
    return not all(may_see(one) for one in group.newest) or not _all_visible(group.stores)


def _all_visible(stores: Iterable[str]) -> bool:
    visible = visible_marketplaces()
    return visible is None or set(stores) <= set(visible)


def _all_groups(known: Sequence[_Key], found: Sequence[Settlement]) -> tuple[SettledTogether, ...]:
    """Return every store of `known` in one group, in their order.

    Money of no store is settled with that of the stores of its currency, if these have their
    settlements in common.
    """
    groups = list(settled_together(found))
    for store, currency in known:
        of = [group for group in groups if group.currency == currency]
        if any(store in group.stores for group in of):
            continue
        if not store and len(of) == 1:
            groups.remove(of[0])
            groups.append(SettledTogether(currency, of[0].stores | {""}, of[0].newest))
        else:
            groups.append(SettledTogether(currency, frozenset({store}), ()))
    places = {key: place for place, key in enumerate(known)}
    return tuple(
        sorted(
            groups,
            key=lambda group: min(
                (places.get((store, group.currency), len(places)) for store in group.stores),
                default=len(places),
            ),
        )
    )


def _lines(
    keys: Sequence[_Key], since: Mapping[_Key, date], at: datetime, using: str
) -> dict[_Key, list[tuple[Any, ...]]]:
    """Return the rows of `open_balance.sql` by store and currency."""
    tenant, known = current_tenant(), {store for store, _ in keys}
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


def _older(since: Mapping[_Key, date], using: str) -> dict[_Key, Decimal]:
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
    group: SettledTogether,
    keys: Sequence[_Key],
    since: Mapping[_Key, date],
    rows: Mapping[_Key, list[tuple[Any, ...]]],
    older: Mapping[_Key, Decimal],
    *,
    known: bool,
) -> OpenBalance:
    released, transactions = Decimal(0), 0
    by_day: dict[date | None, list[Any]] = defaultdict(lambda: [0, Decimal(0)])
    for key in keys:
        for day, deferred, matures_at, count, amount in rows.get(key, ()):
            if deferred:
                matures_on = None if matures_at is None else local_day(key[0], matures_at)
                by_day[matures_on][0] += count
                by_day[matures_on][1] += amount
            elif key in since and day >= since[key]:
                released, transactions = released + amount, transactions + count
    ordered = sorted(by_day, key=lambda day: (day is None, day or date.min))
    hidden = bool(group.newest) and _hidden(group)
    return OpenBalance(
        tuple(store for store, _ in keys),
        group.currency,
        () if hidden else group.newest,
        hidden,
        since.get(keys[0]),
        released if known else None,
        transactions,
        sum((older.get(key, Decimal(0)) for key in keys), Decimal(0)),
        tuple(Deferred(day, *by_day[day]) for day in ordered),
    )
