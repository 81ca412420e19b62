"""Query the simulated orders, financial events and settlements.

Orders by day, by change and by ID; events by posting; settlements. Days are generated when they are
needed and stored nowhere; the process caches generated days, and each world its days with the
requested changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache

from theseller.emulator.world import fees_and_reimbursements, financial_events, settlement_periods
from theseller.emulator.world.financial_events import Event
from theseller.emulator.world.order_generator import make_day
from theseller.emulator.world.order_id_encoding import unscramble
from theseller.emulator.world.order_types import HORIZON_DAYS, Order
from theseller.emulator.world.requested_changes import Amendments
from theseller.emulator.world.sellers import SELLERS, Seller, Store
from theseller.emulator.world.settlement_periods import Period

_HORIZON = timedelta(days=HORIZON_DAYS)
_ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=6000)
def _generated_day(seed: int, seller_id: str, store_index: int, day: date) -> tuple[Order, ...]:
    return make_day(seed, SELLERS[seller_id], store_index, day)


@lru_cache(maxsize=6000)
def _generated_events(seed: int, seller_id: str, store_index: int, day: date) -> tuple[Event, ...]:
    return tuple(
        event
        for order in _generated_day(seed, seller_id, store_index, day)
        for event in financial_events.of_order(seed, order)
    )


class World:
    """All that the emulated sellers did and will do under one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.sellers = SELLERS
        self.amend(Amendments())

    def amend(self, amendments: Amendments) -> None:
        """Put `amendments` in the place of all changes that were made before."""
        self.amendments = amendments
        self._changed: dict[tuple[str, int], set[date]] = defaultdict(set)
        for seller_id, order_id in amendments.orders():
            place = unscramble(self.seed, self.sellers[seller_id], order_id.split("-")[1])
            if place is not None:
                self._changed[seller_id, place[1]].add(place[0])
        self._day = lru_cache(maxsize=6000)(self._make_day)
        self._day_events = lru_cache(maxsize=6000)(self._make_day_events)
        self._month_events = lru_cache(maxsize=1000)(self._make_month_events)
        self._settlement = lru_cache(maxsize=400)(self._make_settlement)

    def _make_day(self, seller_id: str, store_index: int, day: date) -> tuple[Order, ...]:
        orders = _generated_day(self.seed, seller_id, store_index, day)
        return (
            tuple(self.amendments.order(order) for order in orders)
            if day in self._changed[seller_id, store_index]
            else orders
        )

    def _make_day_events(self, seller_id: str, store_index: int, day: date) -> tuple[Event, ...]:
        if day not in self._changed[seller_id, store_index]:
            events = _generated_events(self.seed, seller_id, store_index, day)
            return tuple(self.amendments.event(event) for event in events)
        return tuple(
            event
            for order in self._day(seller_id, store_index, day)
            for event in self.events_of(order)
        )

    def events_of(self, order: Order) -> tuple[Event, ...]:
        """Return every event that the order causes, oldest first."""
        return tuple(
            self.amendments.event(event) for event in financial_events.of_order(self.seed, order)
        )

    def _make_month_events(
        self, seller_id: str, store_index: int, month: date
    ) -> tuple[Event, ...]:
        seller = self.sellers[seller_id]
        return fees_and_reimbursements.of_month(
            self.seed, seller, seller.stores[store_index], month
        )

    def orders_of_day(self, seller: Seller, store: Store, day: date) -> tuple[Order, ...]:
        """Return the orders of the store's local `day`, oldest first.

        Canceled orders are among them.
        """
        return self._day(seller.id, seller.stores.index(store), day)

    def days(self, seller: Seller, store: Store, start: datetime, end: datetime) -> list[date]:
        """Return the store's local days that [start, end] touches.

        None of them is before the store opened.
        """
        first = max(store.marketplace.local_day(start), seller.opened)
        last = store.marketplace.local_day(end)
        return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]

    def _days_of_changes(
        self, seller: Seller, store: Store, start: datetime, end: datetime
    ) -> list[date]:
        """Return the days of orders that change in [start, end].

        Those up to the horizon before it, and those with amendments.
        """
        usual = self.days(seller, store, start - _HORIZON, end)
        first = usual[0] if usual else store.marketplace.local_day(start)
        return [
            *sorted(
                day for day in self._changed[seller.id, seller.stores.index(store)] if day < first
            ),
            *usual,
        ]

    def orders_created(
        self, seller: Seller, stores: list[Store], start: datetime, end: datetime
    ) -> Iterator[Order]:
        """Yield the orders placed in [start, end], oldest first, ties by ID.

        Days that the caller does not consume are not generated.
        """
        if not stores:
            return
        cursor = max(
            start,
            datetime(
                seller.opened.year, seller.opened.month, seller.opened.day, tzinfo=start.tzinfo
            )
            - 2 * _ONE_DAY,
        )
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

    def orders_updated(
        self, seller: Seller, stores: list[Store], start: datetime, end: datetime, at: datetime
    ) -> Iterator[Order]:
        """Yield the orders whose newest change at `at` is in [start, end].

        In the order of that change, ties by ID.
        """
        low = max(
            start,
            datetime(
                seller.opened.year, seller.opened.month, seller.opened.day, tzinfo=start.tzinfo
            )
            - 2 * _ONE_DAY,
        )
        while low <= end:
            high = min(low + timedelta(days=7), end + timedelta(microseconds=1))
            found = [
                (updated, order.id, order)
                for store in stores
                for day in self._days_of_changes(seller, store, low, high)
                for order in self.orders_of_day(seller, store, day)
                if order.updates[-1] >= low
                and order.created <= at
                and low <= (updated := order.last_updated(at)) < high
            ]
            found.sort(key=lambda entry: entry[:2])
            yield from (entry[2] for entry in found)
            low = high

    def find_order(self, seller: Seller, order_id: str) -> Order | None:
        """Return the order with this id, or None if the seller never had it."""
        groups = order_id.split("-")
        if (
            len(groups) != 3
            or len(groups[1]) != 7
            or not groups[1].isascii()
            or not groups[1].isdigit()
        ):
            return None
        place = unscramble(self.seed, seller, groups[1])
        if place is None or place[0] < seller.opened:
            return None
        day, store_index, _ = place
        return next(
            (order for order in self._day(seller.id, store_index, day) if order.id == order_id),
            None,
        )

    def events(self, seller: Seller, store: Store, start: datetime, end: datetime) -> list[Event]:
        """Return the events that were posted or settled in [start, end).

        Oldest posting first.
        """
        index = seller.stores.index(store)
        days = self._days_of_changes(seller, store, start, end)
        candidates = [event for day in days for event in self._day_events(seller.id, index, day)]
        for month in fees_and_reimbursements.months(
            max(start.date(), seller.opened) - _ONE_DAY, end.date()
        ):
            candidates += self._month_events(seller.id, index, month)
        chosen = [
            event
            for event in candidates
            if start <= event.posted < end or start <= event.settled < end
        ]
        return sorted(chosen, key=lambda event: (event.posted, event.id))

    def stream_of(self, seller: Seller, event: Event) -> str:
        """Return the settlement stream of an event.

        That of invoiced orders where the store has it, else the standard one.
        """
        since = self.amendments.invoiced_since(seller.id, event.store.marketplace.id)
        separate = since is not None and event.settled >= since and event.order is not None
        return (
            settlement_periods.INVOICED
            if separate and event.order and financial_events.is_invoiced(self.seed, event.order)
            else settlement_periods.STANDARD
        )

    def settlement(self, period: Period) -> tuple[tuple[Event, ...], int, int]:
        """Return (events, opening reserve, closing reserve) of a closed period.

        Events are in the order of settling. Both reserves are minor units ≥ 0.
        """
        return self._settlement(period)

    def _make_settlement(self, period: Period) -> tuple[tuple[Event, ...], int, int]:
        settled = self._settled(period, period.start)
        settled.sort(key=lambda event: (event.settled, event.id))
        before = self._before(period)
        return tuple(settled), self._reserve(before) if before else 0, self._reserve(period)

    def _before(self, period: Period) -> Period | None:
        """Return the preceding settlement of the same store and stream.

        It ended when this one began. None if there is none.
        """
        indexes = (period.index, period.index - 1) if period.index > 0 else (period.index,)
        found = (
            one
            for index in indexes
            for one in self._periods(period.seller, period.store, period.stream, index)
        )
        return next((one for one in found if one.end == period.start), None)

    def _settled(self, period: Period, since: datetime) -> list[Event]:
        found = self.events(period.seller, period.store, since, period.end)
        return [
            event
            for event in found
            if since <= event.settled < period.end
            and self.stream_of(period.seller, event) == period.stream
        ]

    def _reserve(self, period: Period) -> int:
        """Return the reserve that a settlement closes with, in minor units.

        It depends on the period alone, so that it needs no earlier settlements. Only the standard
        stream has one.
        """
        if period.stream != settlement_periods.STANDARD:
            return 0
        proceeds = sum(
            event.total
            for event in self._settled(period, max(period.end - timedelta(days=3), period.start))
        )
        return round(max(proceeds, 0) * settlement_periods.reserve_share(self.seed, period))

    def _periods(self, seller: Seller, store: Store, stream: str, index: int) -> list[Period]:
        """Return a stream's settlements of the store's `index`-th fortnight.

        Oldest first.
        """
        cuts = self.amendments.cuts(seller.id, store.marketplace.id, stream)
        found = settlement_periods.periods(self.seed, seller, store, index, cuts)
        if stream == settlement_periods.STANDARD:
            return found
        since = self.amendments.invoiced_since(seller.id, store.marketplace.id)
        separate = (
            [settlement_periods.of_stream(period, stream, since) for period in found]
            if since
            else []
        )
        return [period for period in separate if period]

    def streams(self, seller: Seller, store: Store) -> tuple[str, ...]:
        """Return the settlement streams of a store."""
        separate = self.amendments.invoiced_since(seller.id, store.marketplace.id)
        return (
            (settlement_periods.STANDARD, settlement_periods.INVOICED)
            if separate
            else (settlement_periods.STANDARD,)
        )

    def closed_between(
        self, seller: Seller, store: Store, since: datetime, until: datetime
    ) -> list[Period]:
        """Return the store's settlements that were published in [since, until].

        Oldest first.
        """
        first, last = (
            settlement_periods.index_at(self.seed, seller, store, instant)
            for instant in (since, until)
        )
        found = [
            period
            for stream in self.streams(seller, store)
            for index in range(max(first - 2, 0), last + 1)
            for period in self._periods(seller, store, stream, index)
            if period.end <= until and since <= period.published <= until
        ]
        return sorted(found, key=lambda period: (period.end, period.stream))

    def periods_published(self, seller: Seller, since: datetime, until: datetime) -> list[Period]:
        """Return the seller's settlements that were published in [since, until].

        Newest first.
        """
        found = [
            period
            for store in seller.stores
            for period in self.closed_between(seller, store, since, until)
        ]
        return sorted(
            found, key=lambda period: (period.published, period.settlement_id), reverse=True
        )

    def period_of(
        self,
        seller: Seller,
        store: Store,
        instant: datetime,
        stream: str = settlement_periods.STANDARD,
    ) -> Period:
        """Return the settlement of a stream for money settled at `instant`."""
        index = settlement_periods.index_at(self.seed, seller, store, instant)
        found = self._periods(seller, store, stream, index)
        return next((period for period in found if period.start <= instant < period.end), found[0])
