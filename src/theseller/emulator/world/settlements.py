"""Settlements: fourteen days of one store, closed with a reserve that the next one opens with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from theseller.emulator.world.cast import Seller, Store
from theseller.emulator.world.chance import identifier, number, share

_CYCLE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Period:
    """The `index`-th settlement of a store: [start, end). Its report appears at `published`, its money at `deposit`."""

    seller: Seller
    store: Store
    index: int
    start: datetime
    end: datetime
    published: datetime
    deposit: datetime
    settlement_id: str
    group_id: str


def period(seed: int, seller: Seller, store: Store, index: int) -> Period:
    """Return one settlement period; index 0 begins with the store."""
    offset = timedelta(days=number(seed, seller.id, store.marketplace.id, "cycle", below=14))
    opening = datetime.combine(seller.opened, time(6, 12, 44), UTC) - _CYCLE + offset
    start = opening + _CYCLE * index
    end = start + _CYCLE
    key = (seller.id, store.marketplace.id, index)
    settlement_id = str(11_000_000_000 + number(seed, *key, "settlement", below=9_000_000_000))
    published = end + timedelta(hours=5 + number(seed, *key, "published", below=30))
    return Period(seller, store, index, start, end, published, end + timedelta(days=2), settlement_id, identifier(seed, *key, "group"))


def period_at(seed: int, seller: Seller, store: Store, instant: datetime) -> Period:
    """Return the period that `instant` falls in; the first one for anything before."""
    first = period(seed, seller, store, 0)
    return period(seed, seller, store, max((instant - first.start) // _CYCLE, 0))


def closed_between(seed: int, seller: Seller, store: Store, since: datetime, until: datetime) -> list[Period]:
    """Return the periods whose report was published in [since, until], oldest first."""
    index = max(period_at(seed, seller, store, since).index - 2, 0)
    found = []
    while (candidate := period(seed, seller, store, index)).end <= until:
        if since <= candidate.published <= until:
            found.append(candidate)
        index += 1
    return found


def reserve_share(seed: int, closing: Period) -> float:
    """Return the share of the last three days' positive proceeds that Amazon keeps back."""
    return 0.55 + 0.4 * share(seed, closing.settlement_id, "reserve")
