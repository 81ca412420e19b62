"""Which settlements are the last of their streams, and of which stores.

A stream is a row of settlements, each of which begins where the one before ended and opens with its
reserve. A store has several at once (Standard and Invoiced orders), and the stores of a currency
may share one. Pure: it reads nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from theseller.analytics.pages.settlement_queries import (
    Settlement,
    carries_over,
    follows,
    goes_on,
)

#: Two ends of settlements may overlap so far and yet follow each other.
_OVERLAP = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class SettledTogether:
    """Stores of one currency whose money is in the same settlements.

    '' is money of no store. `newest`: the last settlement of each of their streams.
    """

    currency: str
    stores: frozenset[str]
    newest: tuple[Settlement, ...]

    @property
    def ends_at(self) -> datetime:
        """When the first of them ended: what is later may be in none of them."""
        return min(one.ends_at for one in self.newest)


def settled_together(found: Iterable[Settlement]) -> tuple[SettledTogether, ...]:
    """Return the groups of stores that settlements have in common."""
    by_currency: dict[str, list[Settlement]] = defaultdict(list)
    for one in found:
        by_currency[one.currency].append(one)
    return tuple(
        group for currency, of in by_currency.items() for group in _groups(currency, _streams(of))
    )


def _streams(found: Sequence[Settlement]) -> list[list[Settlement]]:
    """Return settlements of one currency by stream, each in order.

    Each settlement has at most one before it: the one whose reserve it opens with, else one that
    ends where it begins; else, where some are not stored, the last one of these stores before it.
    """
    ordered = sorted(found, key=lambda one: (one.starts_at, one.ends_at, one.number))
    before: dict[str, Settlement] = {}
    taken: set[str] = set()
    rules: tuple[Callable[[Settlement, Settlement], bool], ...] = (
        lambda other, one: follows(other, one) and carries_over(other, one),
        follows,
        lambda other, one: other.ends_at <= one.starts_at + _OVERLAP,
    )
    for rule in rules:
        for one in ordered:
            if one.number in before:
                continue
            possible = [
                other
                for other in ordered
                if other.starts_at < one.starts_at
                and rule(other, one)
                and other.number not in taken
                and goes_on(other, one)
            ]
            if possible:
                other = max(possible, key=lambda other: _likeness(other, one))
                before[one.number] = other
                taken.add(other.number)
    streams = []
    for last in ordered:
        if last.number in taken:
            continue
        stream = [last]
        while stream[0].number in before:
            stream.insert(0, before[stream[0].number])
        streams.append(stream)
    return streams


def _likeness(other: Settlement, one: Settlement) -> tuple[bool, datetime, str]:
    return set(other.marketplace_ids) == set(one.marketplace_ids), other.ends_at, other.number


def _groups(currency: str, streams: Sequence[list[Settlement]]) -> list[SettledTogether]:
    """Return streams that have a store in common as one group."""
    groups: list[SettledTogether] = []
    for stream in streams:
        stores = frozenset[str]().union(
            *({*one.marketplace_ids, *one.sums.stores} or {""} for one in stream)
        )
        joined = [group for group in groups if group.stores & stores]
        groups = [group for group in groups if not group.stores & stores]
        newest = (*(one for group in joined for one in group.newest), stream[-1])
        groups.append(
            SettledTogether(currency, stores.union(*(group.stores for group in joined)), newest)
        )
    return groups
