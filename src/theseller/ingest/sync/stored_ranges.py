"""Time ranges for which each store's orders and money are stored.

They come from pulled streams and from imported documents. Every function runs inside the caller's
tenant scope. What a range does not span is unknown: a page must not show it as zero.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db import connections

from theseller.ingest.facts.history_windows import HISTORY_WINDOWS, Window, parse_instant, window
from theseller.ingest.report_handlers.registry import types_completing
from theseller.ingest.report_handlers.types import Facts
from theseller.lib.marketplaces import MARKETPLACES, Marketplace
from theseller.tenancy.tenant_scope import current_tenant

_STREAMS = """
select s.connection_id, s.name, s.cursor, s.fresh_until, c.marketplace_ids
from ingest_stream s
join connections_connection c on c.tenant_id = s.tenant_id and c.id = s.connection_id
where s.tenant_id = %(tenant)s and s.name = any (%(names)s::text[]) and not exists (
    select from connections_disconnection d where d.tenant_id = s.tenant_id
        and d.connection_id = s.connection_id)
"""
_DOCUMENTS = """
select report_type = any(%(money_reports)s::text[]), origin = 'imported', marketplace_ids,
    covers_from, covers_until
from ingest_document
where tenant_id = %(tenant)s
    and report_type = any(%(money_reports)s::text[] || %(order_reports)s::text[])
"""
#: Stretches whose ends are this close are one: a document of whole days ends a microsecond before
#: midnight.
_SEAM = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class StoredRanges:
    """The time ranges whose orders and whose money are stored, by store.

    They are sorted and do not overlap. `transactions` are the ranges of `money` whose transactions
    of the Finances API are stored: settlements state only what was settled. `orders_live` and
    `money_live` are the instants from which on a stream reads what is new of a store; what was
    before arrives once, as history or in a document.
    """

    orders: dict[str, tuple[Window, ...]] = field(default_factory=dict)
    money: dict[str, tuple[Window, ...]] = field(default_factory=dict)
    transactions: dict[str, tuple[Window, ...]] = field(default_factory=dict)
    orders_live: dict[str, datetime] = field(default_factory=dict)
    money_live: dict[str, datetime] = field(default_factory=dict)


def stored_ranges(*, using: str = "default") -> StoredRanges:
    """Return the stored ranges of each store of the tenant in scope.

    Of open connections and of documents.
    """
    orders: dict[str, list[Window]] = defaultdict(list)
    money: dict[str, list[Window]] = defaultdict(list)
    orders_live: dict[str, list[datetime]] = defaultdict(list)
    money_live: dict[str, list[datetime]] = defaultdict(list)
    values: dict[str, Any] = {
        "tenant": current_tenant(),
        "names": ["orders_history", "orders", "transactions"],
        "money_reports": types_completing(Facts.MONEY),
        "order_reports": types_completing(Facts.ORDERS),
    }
    with connections[using].cursor() as cursor:
        cursor.execute(_STREAMS, values)
        by_connection: dict[Any, dict[str, _Stream]] = defaultdict(dict)
        stores: dict[Any, list[str]] = {}
        for connection, name, position, fresh_until, of_connection in cursor.fetchall():
            known = json.loads(position) if isinstance(position, str) else position
            by_connection[connection][name] = _Stream(known, fresh_until)
            stores[connection] = of_connection
        for connection, streams in by_connection.items():
            history, fresh = streams.get("orders_history"), streams.get("orders")
            entries = streams.get("transactions")
            for store in stores[connection]:
                orders[store] += _orders(history, fresh)
                money[store] += _money(entries)
                orders_live[store] += _live(history, fresh)
                money_live[store] += _live(entries, entries)
        transactions = _joined(money)
        cursor.execute(_DOCUMENTS, values)
        for settlement, imported, named, begin, end in cursor.fetchall():
            for store in named:
                whole = imported and not settlement and store in MARKETPLACES
                window = (
                    _whole_days(MARKETPLACES[store], begin, end) if whole else Window(begin, end)
                )
                (money if settlement else orders)[store].append(window)
    live = _earliest(orders_live), _earliest(money_live)
    return StoredRanges(_joined(orders), _joined(money), transactions, *live)


def _whole_days(store: Marketplace, begin: datetime, end: datetime) -> Window:
    """Return the whole days from a file's first to its last order.

    Amazon makes such files by days.
    """
    first, last = store.local_day(begin), store.local_day(end) + timedelta(days=1)
    return Window(
        *(
            datetime.combine(day, time.min, tzinfo=store.zone).astimezone(UTC)
            for day in (first, last)
        )
    )


@dataclass(frozen=True, slots=True)
class _Stream:
    cursor: dict[str, Any]
    fresh_until: datetime | None


def _orders(history: _Stream | None, fresh: _Stream | None) -> list[Window]:
    """Return the ranges of orders that were read.

    The windows of history, and the new orders that were read after them.
    """
    if history is None or "anchor" not in history.cursor:
        return []
    anchor, until = parse_instant(history.cursor["anchor"]), fresh.fresh_until if fresh else None
    first_round = not history.cursor.get("round")
    pending = {int(index) for index in history.cursor.get("pending", ())} if first_round else set()
    windows = [window(anchor, index) for index in range(HISTORY_WINDOWS) if index not in pending]
    # New orders are read from an hour before the connection was planned, which is where the history
    # ends.
    return (
        [*windows, Window(anchor - timedelta(hours=1), until)]
        if until and until > anchor
        else windows
    )


def _money(stream: _Stream | None) -> list[Window]:
    """Return the ranges of transactions that were read.

    The newest ends at the instant until which they are complete.
    """
    if stream is None or "anchor" not in stream.cursor:
        return []
    anchor, pending = (
        parse_instant(stream.cursor["anchor"]),
        {int(index) for index in stream.cursor.get("pending", ())},
    )
    windows = [window(anchor, index) for index in range(HISTORY_WINDOWS) if index not in pending]
    until = stream.fresh_until
    return [*windows, Window(anchor, until)] if until and until > anchor else windows


def _live(history: _Stream | None, fresh: _Stream | None) -> list[datetime]:
    """Return from when on new data is read: where the history ends."""
    if history is None or fresh is None or "anchor" not in history.cursor:
        return []
    anchor = parse_instant(history.cursor["anchor"])
    return [anchor] if fresh.fresh_until and fresh.fresh_until > anchor else []


def _earliest(found: dict[str, list[datetime]]) -> dict[str, datetime]:
    return {store: min(instants) for store, instants in found.items() if instants}


def _joined(found: dict[str, list[Window]]) -> dict[str, tuple[Window, ...]]:
    return {store: tuple(join(windows)) for store, windows in found.items()}


def join(windows: Iterable[Window]) -> Sequence[Window]:
    """Return the union of stretches of time, sorted, those that touch joined."""
    joined: list[Window] = []
    for one in sorted(windows, key=lambda each: (each.start, each.end)):
        if joined and one.start <= joined[-1].end + _SEAM:
            joined[-1] = Window(joined[-1].start, max(joined[-1].end, one.end))
        else:
            joined.append(one)
    return joined


def spans(windows: Sequence[Window], begin: datetime, end: datetime) -> bool:
    """Return whether one of the joined stretches spans [begin, end) whole."""
    return any(one.start <= begin and one.end + _SEAM >= end for one in windows)
