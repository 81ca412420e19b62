"""Settlements: fourteen days of one store.

Each closes with a reserve, which the next one opens with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

from theseller.emulator.world.random_draws import identifier, number, share
from theseller.emulator.world.sellers import Seller, Store

_CYCLE = timedelta(days=14)
#: Amazon's names of settlement streams, as accountType shows them.
STANDARD, INVOICED = "Standard Orders", "Invoiced Orders"


@dataclass(frozen=True, slots=True)
class Period:
    """A settlement of one stream in a store's `index`-th fortnight.

    It covers [start, end). `published`: when its report appears. `deposit`: when its money is paid.
    """

    seller: Seller
    store: Store
    index: int
    start: datetime
    end: datetime
    published: datetime
    deposit: datetime
    settlement_id: str
    group_id: str
    stream: str = STANDARD


def period(seed: int, seller: Seller, store: Store, index: int) -> Period:
    """Return one settlement period; index 0 begins with the store."""
    offset = timedelta(days=number(seed, seller.id, store.marketplace.id, "cycle", below=14))
    opening = datetime.combine(seller.opened, time(6, 12, 44), UTC) - _CYCLE + offset
    start = opening + _CYCLE * index
    end = start + _CYCLE
    key = (seller.id, store.marketplace.id, index)
    settlement_id, group_id = _ids(seed, key)
    published = end + timedelta(hours=5 + number(seed, *key, "published", below=30))
    return Period(
        seller,
        store,
        index,
        start,
        end,
        published,
        end + timedelta(days=2),
        settlement_id,
        group_id,
    )


def index_at(seed: int, seller: Seller, store: Store, instant: datetime) -> int:
    """Return the index of the fortnight that `instant` falls in.

    0 for anything before the first.
    """
    return max((instant - period(seed, seller, store, 0).start) // _CYCLE, 0)


def periods(
    seed: int, seller: Seller, store: Store, index: int, cuts: Sequence[datetime]
) -> list[Period]:
    """Return the settlements of one fortnight.

    It is the planned one, or its parts where it was closed early at `cuts`. The first part keeps
    the IDs of the planned one, because they were shown before it was closed.
    """
    whole = period(seed, seller, store, index)
    found = []
    for part, (start, end) in enumerate(
        pairwise([whole.start, *(cut for cut in cuts if whole.start < cut < whole.end), whole.end])
    ):
        early = end < whole.end
        published, deposit = (
            (end, end + timedelta(days=2)) if early else (whole.published, whole.deposit)
        )
        ids = (
            _ids(seed, (seller.id, store.marketplace.id, index, part))
            if part
            else (whole.settlement_id, whole.group_id)
        )
        found.append(
            replace(
                whole,
                start=start,
                end=end,
                published=published,
                deposit=deposit,
                settlement_id=ids[0],
                group_id=ids[1],
            )
        )
    return found


def of_stream(standard: Period, stream: str, since: datetime) -> Period | None:
    """Return the settlement of another stream over the same days.

    It begins at `since` at the earliest; None if the fortnight ended before that.
    """
    if standard.end <= since:
        return None
    key = (standard.seller.id, standard.store.marketplace.id, standard.start.isoformat(), stream)
    settlement_id, group_id = _ids(0, key)
    start = max(standard.start, since)
    return replace(
        standard, start=start, settlement_id=settlement_id, group_id=group_id, stream=stream
    )


def _ids(seed: int, key: tuple[object, ...]) -> tuple[str, str]:
    return str(11_000_000_000 + number(seed, *key, "settlement", below=9_000_000_000)), identifier(
        seed, *key, "group"
    )


def reserve_share(seed: int, closing: Period) -> float:
    """Return the share of the last days' proceeds that Amazon reserves.

    The caller applies it to the proceeds of the last three days, if they are positive.
    """
    return 0.55 + 0.4 * share(seed, closing.settlement_id, "reserve")
