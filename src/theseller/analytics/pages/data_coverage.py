"""Find which days have data of orders and of money.

Every function runs inside the caller's tenant scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connections

from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import Coverage, Scope
from theseller.ingest.facts.history_windows import Window
from theseller.ingest.sync.stored_ranges import spans, stored_ranges
from theseller.lib import sql_execution
from theseller.lib.marketplaces import MARKETPLACES, midnight
from theseller.tenancy.tenant_scope import current_tenant

#: What has been read lags behind: a day that is not over is covered if it has been read up to so
#: long ago.
_LAG = timedelta(hours=6)
_WAITING = """
select marketplace_id, local_day, coalesce(orders_only_at = marked_at, false)
from ingest_dirty_day
where tenant_id = %(tenant)s and local_day between %(first)s and %(last)s
"""
#: A store's day.
_Day = tuple[str, date]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of orders, or of money.

    Attributes:
        ranges: the time ranges that are stored, by store.
        live: from when on new data is read, by store.
        waiting: days whose figures wait to be computed again.
        at: now.
    """

    ranges: Mapping[str, Sequence[Window]]
    live: Mapping[str, datetime]
    waiting: frozenset[_Day]
    at: datetime

    def has(self, store: str, day: date) -> bool:
        """Return whether the figures of a store's day contain all its data."""
        begin, end = midnight(store, day), midnight(store, day + timedelta(days=1))
        if end > self.at:
            end = max(begin, self.at - _LAG)
        stored = begin <= self.at and spans(self.ranges.get(store, ()), begin, end)
        return stored and not ((store, day) in self.waiting and self.arrives_once(store, day))

    def arrives_once(self, store: str, day: date) -> bool:
        """Return whether the data of a store's day arrives once, not bit by bit.

        As history or in a document. Its figures lack all of that until they are computed. Those of
        a day that a stream reads, or that is not over, lack what was read last.
        """
        end = midnight(store, day + timedelta(days=1))
        live = self.live.get(store)
        return end <= self.at and (live is None or end <= live)


def coverage(scope: Scope, span: Span, at: datetime, *, using: str = "default") -> Coverage:
    """Return the days of `span` with data in every store of `scope`.

    Orders and money separately. A day is covered if pulled streams and imported documents span it
    from midnight to midnight of the store; the day that is not over at `at`, if they reach to at
    least six hours before. A day of history or of a document is covered once its figures are
    computed from it. Money that belongs to no store has no coverage of its own.
    """
    return Coverage(span, *covered_days(scope, [span], at, using=using))


def covered_days(
    scope: Scope, several: Sequence[Span], at: datetime, *, using: str = "default"
) -> tuple[frozenset[date], frozenset[date]]:
    """Return the days of several spans with data of orders, and of money.

    See `coverage`.
    """
    every = Span(min(span.first for span in several), max(span.last for span in several))
    kept, (orders, money) = stored_ranges(using=using), _waiting(every, using)
    days = {day for span in several for day in span.days()}
    return (
        _covered(_Known(kept.orders, kept.orders_live, orders, at), scope.marketplace_ids, days),
        _covered(_Known(kept.money, kept.money_live, money, at), scope.marketplace_ids, days),
    )


def order_days(
    spans_of_stores: Mapping[str, Span], at: datetime, *, using: str = "default"
) -> dict[str, frozenset[date]]:
    """Return for each store the days of its span whose orders are stored."""
    if not spans_of_stores:
        return {}
    kept = stored_ranges(using=using)
    every = Span(
        min(span.first for span in spans_of_stores.values()),
        max(span.last for span in spans_of_stores.values()),
    )
    known = _Known(kept.orders, kept.orders_live, _waiting(every, using)[0], at)
    return {store: _covered(known, [store], span.days()) for store, span in spans_of_stores.items()}


def _waiting(span: Span, using: str) -> tuple[frozenset[_Day], frozenset[_Day]]:
    """Return the days that wait to be computed: of orders, and of money."""
    values = {"tenant": current_tenant(), "first": span.first, "last": span.last}
    rows = sql_execution.rows(connections[using], _WAITING, values)
    return (
        frozenset((store, day) for store, day, _ in rows),
        frozenset((store, day) for store, day, orders_only in rows if not orders_only),
    )


def _covered(known: _Known, stores: Sequence[str], days: Iterable[date]) -> frozenset[date]:
    named = [store for store in stores if store in MARKETPLACES]
    others = [store for store in stores if store not in MARKETPLACES]
    return frozenset(
        day
        for day in days
        if named
        and all(known.has(store, day) for store in named)
        and not (
            any((other, day) in known.waiting for other in others)
            and any(known.arrives_once(store, day) for store in named)
        )
    )
