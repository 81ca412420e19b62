"""Find which days have data of orders and of money.

Every function runs inside the caller's tenant scope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import Coverage, Scope
from theseller.ingest.sync.history_windows import Window
from theseller.ingest.sync.stored_ranges import spans, stored_ranges
from theseller.lib.marketplaces import MARKETPLACES, midnight

#: What has been read lags behind: a day that is not over is covered if it has been read up to so
#: long ago.
_LAG = timedelta(hours=6)


def coverage(scope: Scope, span: Span, at: datetime, *, using: str = "default") -> Coverage:
    """Return the days of `span` with data in every store of `scope`.

    Orders and money separately. A day is covered if pulled streams and imported documents span it
    from midnight to midnight of the store; the day that is not over at `at`, if they reach to at
    least six hours before. Money that belongs to no store has no coverage of its own.
    """
    kept = stored_ranges(using=using)
    stores = [store for store in scope.marketplace_ids if store in MARKETPLACES]
    return Coverage(
        span, _covered(kept.orders, stores, span, at), _covered(kept.money, stores, span, at)
    )


def order_days(
    spans_of_stores: Mapping[str, Span], at: datetime, *, using: str = "default"
) -> dict[str, frozenset[date]]:
    """Return for each store the days of its span whose orders are stored."""
    kept = stored_ranges(using=using).orders
    return {store: _covered(kept, [store], span, at) for store, span in spans_of_stores.items()}


def _covered(
    kept: Mapping[str, Sequence[Window]], stores: Sequence[str], span: Span, at: datetime
) -> frozenset[date]:
    return frozenset(
        day
        for day in span.days()
        if stores and all(_has(kept.get(store, ()), store, day, at) for store in stores)
    )


def _has(windows: Sequence[Window], store: str, day: date, at: datetime) -> bool:
    begin, end = midnight(store, day), midnight(store, day + timedelta(days=1))
    if end > at:
        end = max(begin, at - _LAG)
    return begin <= at and spans(windows, begin, end)
