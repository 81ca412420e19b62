"""The way into the world: orders by day, by change, by id; events by posting; settlements. Days are remembered, never stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache

from theseller.emulator.world import events, settlements
from theseller.emulator.world.cast import SELLERS, Seller, Store
from theseller.emulator.world.events import Event
from theseller.emulator.world.making import make_day
from theseller.emulator.world.orders import HORIZON_DAYS, Order, unscramble
from theseller.emulator.world.settlements import Period

_HORIZON = timedelta(days=HORIZON_DAYS)
_ONE_DAY = timedelta(days=1)


class World:
    """All that the emulated sellers did and will do under one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.sellers = SELLERS
        self._day = lru_cache(maxsize=6000)(self._make_day)
        self._day_events = lru_cache(maxsize=6000)(self._make_day_events)
        self._month_events = lru_cache(maxsize=1000)(self._make_month_events)
        self._settlement = lru_cache(maxsize=400)(self._make_settlement)

    def _make_day(self, seller_id: str, store_index: int, day: date) -> tuple[Order, ...]:
        return make_day(self.seed, self.sellers[seller_id], store_index, day)

    def _make_day_events(self, seller_id: str, store_index: int, day: date) -> tuple[Event, ...]:
        return tuple(event for order in self._day(seller_id, store_index, day) for event in events.of_order(self.seed, order))

    def _make_month_events(self, seller_id: str, store_index: int, month: date) -> tuple[Event, ...]:
        seller = self.sellers[seller_id]
        return events.of_month(self.seed, seller, seller.stores[store_index], month)

    def orders_of_day(self, seller: Seller, store: Store, day: date) -> tuple[Order, ...]:
        """Return what was ordered on the store's local `day`, oldest first, whatever became of it."""
        return self._day(seller.id, seller.stores.index(store), day)

    def days(self, seller: Seller, store: Store, start: datetime, end: datetime) -> list[date]:
        """Return the store's local days that [start, end] touches, none before it opened."""
        first = max(store.marketplace.local_day(start), seller.opened)
        last = store.marketplace.local_day(end)
        return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]

    def orders_created(self, seller: Seller, stores: list[Store], start: datetime, end: datetime) -> Iterator[Order]:
        """Give the orders placed in [start, end], oldest first, ties by id, without making days that are not asked for."""
        if not stores:
            return
        cursor = max(start, datetime(seller.opened.year, seller.opened.month, seller.opened.day, tzinfo=start.tzinfo) - 2 * _ONE_DAY)
        while cursor <= end:
            until = min(cursor + timedelta(days=7), end + timedelta(microseconds=1))
            batch = [
                order
                for store in stores
                for day in self.days(seller, store, cursor, until)
                for order in self.orders_of_day(seller, store, day)
                if cursor <= order.created < until
            ]
            yield from sorted(batch, key=lambda order: (order.created, order.id))
            cursor = until

    def orders_updated(self, seller: Seller, stores: list[Store], start: datetime, end: datetime, at: datetime) -> Iterator[Order]:
        """Give the orders whose newest change, as seen at `at`, lies in [start, end]; by that change, ties by id."""
        low = max(start, datetime(seller.opened.year, seller.opened.month, seller.opened.day, tzinfo=start.tzinfo) - 2 * _ONE_DAY)
        while low <= end:
            high = min(low + timedelta(days=7), end + timedelta(microseconds=1))
            found = [
                (updated, order.id, order)
                for store in stores
                for day in self.days(seller, store, low - _HORIZON, high)
                for order in self.orders_of_day(seller, store, day)
                if order.updates[-1] >= low and order.created <= at and low <= (updated := order.last_updated(at)) < high
            ]
            found.sort(key=lambda entry: entry[:2])
            yield from (entry[2] for entry in found)
            low = high

    def find_order(self, seller: Seller, order_id: str) -> Order | None:
        """Return the order with this id, or None if the seller never had it."""
        groups = order_id.split("-")
        if len(groups) != 3 or len(groups[1]) != 7 or not groups[1].isascii() or not groups[1].isdigit():
            return None
        place = unscramble(self.seed, seller, groups[1])
        if place is None or place[0] < seller.opened:
            return None
        day, store_index, _ = place
        return next((order for order in self._day(seller.id, store_index, day) if order.id == order_id), None)

    def events(self, seller: Seller, store: Store, start: datetime, end: datetime) -> list[Event]:
        """Return the events with anything to show in [start, end): posted or settled in it. Oldest posting first."""
        index = seller.stores.index(store)
        days = self.days(seller, store, start - _HORIZON, end)
        candidates = [event for day in days for event in self._day_events(seller.id, index, day)]
        for month in events.months(max(start.date(), seller.opened) - _ONE_DAY, end.date()):
            candidates += self._month_events(seller.id, index, month)
        chosen = [event for event in candidates if start <= event.posted < end or start <= event.settled < end]
        return sorted(chosen, key=lambda event: (event.posted, event.id))

    def settlement(self, period: Period) -> tuple[tuple[Event, ...], int, int]:
        """Return a closed period's events by settling time, the reserve it opens with and the one it closes with (both ≥ 0)."""
        return self._settlement(period)

    def _make_settlement(self, period: Period) -> tuple[tuple[Event, ...], int, int]:
        seller, store = period.seller, period.store
        settled = [event for event in self.events(seller, store, period.start, period.end) if period.start <= event.settled < period.end]
        settled.sort(key=lambda event: (event.settled, event.id))
        opening = 0
        if period.index > 0:
            previous = settlements.period(self.seed, seller, store, period.index - 1)
            opening = self._reserve(previous)
        return tuple(settled), opening, self._reserve(period)

    def _reserve(self, period: Period) -> int:
        """Depends on the period alone, so that the chain needs no beginning."""
        since = period.end - timedelta(days=3)
        recent = self.events(period.seller, period.store, since, period.end)
        proceeds = sum(event.total for event in recent if since <= event.settled < period.end)
        return round(max(proceeds, 0) * settlements.reserve_share(self.seed, period))

    def periods_published(self, seller: Seller, since: datetime, until: datetime) -> list[Period]:
        """Return the seller's settlements whose report appeared in [since, until], newest first."""
        found = [period for store in seller.stores for period in settlements.closed_between(self.seed, seller, store, since, until)]
        return sorted(found, key=lambda period: (period.published, period.settlement_id), reverse=True)

    def period_of(self, seller: Seller, store: Store, instant: datetime) -> Period:
        """Return the settlement that money settled at `instant` belongs to."""
        return settlements.period_at(self.seed, seller, store, instant)
