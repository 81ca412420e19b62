"""Which transactions of Finances a stored settlement holds: the rule of `docs/figures.md`, transaction by transaction in Python.

The figures are computed by `statements/book.sql`; this shares nothing with it, so that each checks the other. Both must say the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from theseller.amazon.kinds import Group, Kind, group

Row = Mapping[str, Any]
Moment = tuple[str, date | datetime]
_NEAR, _RELEASED_LATE, _DAY = timedelta(days=3), timedelta(days=60), timedelta(days=1)


@dataclass(slots=True)
class Money:
    """One transaction of Finances, or one posting of a settlement: what of an order, or of no order, moved at one second."""

    key: str
    order: str
    currency: str
    second: datetime
    total: Decimal = Decimal(0)
    deferred: bool = False
    release: bool = False
    settlement: str | None = None

    @property
    def day(self) -> date:
        return self.second.date()


def settled_transactions(lines: Sequence[Row], stored: Iterable[str], groups: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return (transaction id, currency) of the transactions that a stored settlement holds.

    Args:
        lines: every ledger line of the orders in question, and for lines without an order every such line of their days.
        stored: numbers of the settlements that are stored.
        groups: settlement numbers by financial event group.
    """
    present = frozenset(stored)
    transactions = _transactions(lines, groups)
    found: set[tuple[str, str]] = set()
    open_: dict[str, list[Money]] = defaultdict(list)
    for one in transactions:
        if one.settlement is None or one.settlement in present:
            open_[one.order].append(one)
        if one.settlement in present and not one.deferred:
            found.add((one.key, one.currency))
    postings = _postings(lines)
    for order, ours in open_.items():
        found |= _of_one(order, ours, postings.get(order, []))
    return found


def _counts(line: Row) -> bool:
    return line["state"] not in {"estimated", "reversed"} and group(Kind(line["kind"])) is not Group.CASH


def _transactions(lines: Sequence[Row], groups: Mapping[str, str]) -> list[Money]:
    replaced = {line["supersedes"] for line in lines if line["supersedes"] and line["supersedes"] != line["source_key"]}
    found: dict[tuple[str, str, str], Money] = {}
    for line in lines:
        if line["source"] != "finances" or not _counts(line) or line["source_key"] in replaced:
            continue
        at = line["posted_at"].astimezone(UTC)
        order = line["order_id"] or ""
        one = found.setdefault((line["source_key"], order, line["currency"]), Money(line["source_key"], order, line["currency"], at))
        one.second = min(one.second, at).replace(microsecond=0)
        one.total += line["amount"]
        one.deferred |= line["state"] == "deferred"
        one.release |= line["supersedes"] is not None
        one.settlement = max(filter(None, (one.settlement, line["settlement_id"] or groups.get(line["group_id"] or ""))), default=None)
    return list(found.values())


def _postings(lines: Sequence[Row]) -> dict[str, list[Money]]:
    found: dict[tuple[Any, ...], Money] = {}
    for line in lines:
        if line["source"] != "settlement" or not _counts(line):
            continue
        second = line["posted_at"].astimezone(UTC).replace(microsecond=0)
        order = line["order_id"] or ""
        apart = ("", "") if order else (line["breakdown"].split("/", 1)[0], line["sku"] or "")
        key = (line["source_key"], order, line["currency"], second, line["transaction_type"], *apart)
        found.setdefault(key, Money(line["source_key"], order, line["currency"], second)).total += line["amount"]
    by_order: dict[str, list[Money]] = defaultdict(list)
    for key in sorted(found):
        by_order[found[key].order].append(found[key])
    return by_order


def _of_one(order: str, transactions: list[Money], postings: list[Money]) -> set[tuple[str, str]]:
    """Match the transactions of one order (or of none) with what settlements post of it, the surest matches first."""
    released = [one for one in transactions if not one.deferred]
    deferred = [one for one in transactions if one.deferred]
    matched: list[Money] = []
    for same in (_second, _day):
        released, postings, taken = _equal_sums(released, postings, same)
        matched += taken
    released, postings, taken = _nearest(order, released, postings)
    matched += taken
    if order:
        both = set(map(_second, released)) & set(map(_second, postings))
        matched += [one for one in released if _second(one) in both]
        postings = [one for one in postings if _second(one) not in both]
        matched += _paid_out(deferred, postings)
    return {(one.key, one.currency) for one in matched}


def _second(one: Money) -> Moment:
    return one.currency, one.second


def _day(one: Money) -> Moment:
    return one.currency, one.day


def _equal_sums(
    released: list[Money], postings: list[Money], same: Callable[[Money], Moment]
) -> tuple[list[Money], list[Money], list[Money]]:
    ours: dict[Any, Decimal] = defaultdict(Decimal)
    theirs: dict[Any, Decimal] = defaultdict(Decimal)
    for sums, side in ((ours, released), (theirs, postings)):
        for one in side:
            sums[same(one)] += one.total
    equal = {key for key, total in ours.items() if key in theirs and theirs[key] == total}
    taken = [one for one in released if same(one) in equal]
    return [one for one in released if same(one) not in equal], [one for one in postings if same(one) not in equal], taken


def _nearest(order: str, released: list[Money], postings: list[Money]) -> tuple[list[Money], list[Money], list[Money]]:
    ours, theirs = _copies(sorted(released, key=lambda one: one.key)), _copies(postings)
    candidates = [
        (abs(posting.second - one.second), place, index)
        for index, (one, copy) in enumerate(ours)
        for place, (posting, twin) in enumerate(theirs)
        if (one.currency, one.total, copy) == (posting.currency, posting.total, twin)
        and (one.settlement is None or one.settlement == posting.key)
        and _in_reach(order, one, posting)
    ]
    best_of_ours = {index: min(each for each in candidates if each[2] == index) for index in {each[2] for each in candidates}}
    best_of_theirs = {
        place: min((gap, ours[index][0].key, index) for gap, where, index in candidates if where == place)
        for place in {each[1] for each in candidates}
    }
    pairs = {index: place for index, (_, place, _) in best_of_ours.items() if best_of_theirs[place][2] == index}
    left = [one for index, (one, _) in enumerate(ours) if index not in pairs]
    unused = [posting for place, (posting, _) in enumerate(theirs) if place not in pairs.values()]
    return left, unused, [ours[index][0] for index in pairs]


def _in_reach(order: str, one: Money, posting: Money) -> bool:
    if not order:
        return one.day == posting.day
    early = _RELEASED_LATE if one.release else _NEAR
    return one.second - early <= posting.second <= one.second + _NEAR


def _copies(side: list[Money]) -> list[tuple[Money, int]]:
    """Number those that are alike: the same amount at the same second."""
    seen: Counter[Any] = Counter()
    numbered = []
    for one in side:
        alike = (one.currency, one.total, one.second)
        seen[alike] += 1
        numbered.append((one, seen[alike]))
    return numbered


def _paid_out(deferred: list[Money], postings: list[Money]) -> list[Money]:
    """Return the deferred transactions that a settlement has paid out: same amount, in the order of time."""
    theirs: dict[Any, list[Money]] = defaultdict(list)
    for one in sorted(postings, key=lambda each: each.second):
        theirs[one.currency, one.total].append(one)
    paid = []
    for one in sorted(deferred, key=lambda each: (each.second, each.key)):
        queue = theirs.get((one.currency, one.total))
        if queue and queue.pop(0).second >= one.second - _DAY:
            paid.append(one)
    return paid
