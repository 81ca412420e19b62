"""Match transactions of Finances with postings of settlements.

For those that neither identifiers nor equal sums decide (docs/figures.md). Both sides are of one
order and currency, or of none. Pure functions: the open ones come from `statements/matching.sql`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

#: A settlement holds what was posted in its period. What is posted late, near its end, may come in
#: the next one; and a date without a time is noon of its day.
EARLY, LATE = timedelta(days=3), timedelta(days=1)
#: Where a settlement's own document, and so its period, is not stored.
_LONGEST, _RELEASED_LATE = timedelta(days=31), timedelta(days=60)

Fits = Callable[["Money", "Money"], bool]


@dataclass(frozen=True, slots=True, eq=False)  # Two that are alike are still two.
class Money:
    """A transaction, or a posting of a settlement: the money of one second.

    `settlement` is the settlement of a posting, or that which Amazon states for a transaction.
    `kind` is a refund, a sale, or else the charge types. `begins` and `ends` are the period of a
    posting's settlement.
    """

    key: str
    order: str
    currency: str
    at: datetime
    total: Decimal
    kind: str
    skus: frozenset[str]
    deferred: bool
    release: bool
    settlement: str | None
    begins: datetime | None
    ends: datetime | None


def in_settlements(
    transactions: Iterable[Money], postings: Iterable[Money]
) -> set[tuple[str, str]]:
    """Return the transactions that are among the postings.

    Returns:
        (transaction id, currency) of each.
    """
    ours: dict[tuple[str, str], list[Money]] = defaultdict(list)
    theirs: dict[tuple[str, str], list[Money]] = defaultdict(list)
    for side, found in ((transactions, ours), (postings, theirs)):
        for one in side:
            found[one.order, one.currency].append(one)
    matched: list[Money] = []
    for (order, currency), group in ours.items():
        open_ = theirs.get((order, currency), [])
        matched += _of_order(group, open_) if order else _of_none(group, open_)
    return {(one.key, one.currency) for one in matched}


def _of_order(ours: list[Money], theirs: list[Money]) -> list[Money]:
    """Match the money of one order, the most certain pairs first.

    Equal amounts, then the same time, then what is left of one kind, then what was deferred.
    """
    ours = sorted(ours, key=_place)
    released, deferred = (
        [one for one in ours if not one.deferred],
        [one for one in ours if one.deferred],
    )
    left = released
    for settlement in _settlements(theirs):
        for sums in (_equal_sums, _pairs(_same_amount_and_products), _pairs(_same_amount)):
            left, theirs = _settle(settlement, left, theirs, sums)
    both = {one.at for one in left} & {posting.at for posting in theirs}
    left = [one for one in left if one.at not in both]
    theirs = [posting for posting in theirs if posting.at not in both]
    for settlement in _settlements(theirs):
        for changed in (_pairs(_same_products), _pairs_unnamed):
            left, theirs = _settle(settlement, left, theirs, changed, restated=True)
    return [*(one for one in released if one not in left), *_paid_out(deferred, theirs)]


def _of_none(ours: list[Money], theirs: list[Money]) -> list[Money]:
    """Match charges without an order.

    On one day by amount; within a settlement's period by amount and kind. Each settlement is
    matched separately: what it contains does not depend on which others are stored.
    """
    ours = sorted((one for one in ours if not one.deferred), key=_place)
    left, open_ = _pairs(_same_amount_and_day)(ours, sorted(theirs, key=_place))
    matched = [one for one in ours if one not in left]
    for settlement in _settlements(posting for posting in open_ if posting.begins is not None):
        rest, _ = _settle(settlement, left, open_, _pairs(_same_amount_and_kind))
        matched += [one for one in left if one not in rest]
    return matched


def _place(one: Money) -> tuple[datetime, str, Decimal, str, list[str]]:
    return (one.at, one.key, one.total, one.kind, sorted(one.skus))


def _settlements(postings: Iterable[Money]) -> list[str]:
    begun: dict[str, datetime] = {}
    for posting in postings:
        begun[posting.key] = min(posting.begins or posting.at, begun.get(posting.key, posting.at))
    return sorted(begun, key=lambda key: (begun[key], key))


Step = Callable[[Sequence[Money], Sequence[Money]], tuple[list[Money], list[Money]]]


def _settle(
    settlement: str, ours: list[Money], theirs: list[Money], step: Step, *, restated: bool = False
) -> tuple[list[Money], list[Money]]:
    """Apply `step` to one settlement and the transactions that it may contain.

    Returns:
        The unmatched transactions and the unmatched postings.
    """
    postings = sorted((posting for posting in theirs if posting.key == settlement), key=_place)
    near = [one for one in ours if _may_hold(settlement, postings, one, restated=restated)]
    mine, open_ = step(near, postings)
    taken = [one for one in near if one not in mine]
    used = [posting for posting in postings if posting not in open_]
    return [one for one in ours if one not in taken], [
        posting for posting in theirs if posting not in used
    ]


def _may_hold(settlement: str, postings: Sequence[Money], one: Money, *, restated: bool) -> bool:
    """Return whether a transaction may be in a settlement.

    As Amazon states, else by the settlement's period.
    """
    if one.settlement is not None:
        return one.settlement == settlement
    if not postings:
        return False
    first, last = postings[0].at, postings[-1].at
    begins, ends = postings[0].begins, postings[0].ends
    if begins is None or ends is None:
        begins, ends = first - (timedelta(0) if restated else _LONGEST - EARLY), last + EARLY - LATE
    if one.release and one.order:  # The settlement may print the day of the sale.
        ends = max(ends, last + _RELEASED_LATE - LATE)
    return min(begins, first) - EARLY <= one.at <= ends + LATE


def _equal_sums(ours: Sequence[Money], theirs: Sequence[Money]) -> tuple[list[Money], list[Money]]:
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for side, part in enumerate((ours, theirs)):
        for one in part:
            sums[one.kind][side] += one.total
    kinds = {one.kind for one in ours} & {posting.kind for posting in theirs}
    equal = {kind for kind in kinds if sums[kind][0] == sums[kind][1]}
    return [one for one in ours if one.kind not in equal], [
        posting for posting in theirs if posting.kind not in equal
    ]


def _pairs(fits: Fits) -> Step:
    """Return a step that pairs each posting with one transaction.

    It is the latest unpaired transaction before the posting; if there is none, the first after it.
    """

    def step(ours: Sequence[Money], theirs: Sequence[Money]) -> tuple[list[Money], list[Money]]:
        left, open_ = list(ours), []
        for posting in theirs:
            before = [one for one in left if one.at <= posting.at and fits(one, posting)]
            if before:
                left.remove(before[-1])
            else:
                open_.append(posting)
        unmatched = []
        for posting in reversed(open_):
            after = next((one for one in left if one.at > posting.at and fits(one, posting)), None)
            if after is None:
                unmatched.append(posting)
            else:
                left.remove(after)
        return left, unmatched

    return step


def _same_amount(one: Money, posting: Money) -> bool:
    return one.total == posting.total


def _same_amount_and_products(one: Money, posting: Money) -> bool:
    return one.total == posting.total and one.skus == posting.skus


def _same_amount_and_day(one: Money, posting: Money) -> bool:
    return (
        one.total == posting.total
        and one.at.astimezone(UTC).date() == posting.at.astimezone(UTC).date()
    )


def _same_amount_and_kind(one: Money, posting: Money) -> bool:
    return one.total == posting.total and one.kind == posting.kind


def _same_products(one: Money, posting: Money) -> bool:
    return one.kind == posting.kind and one.skus == posting.skus


def _pairs_unnamed(
    ours: Sequence[Money], theirs: Sequence[Money]
) -> tuple[list[Money], list[Money]]:
    """Pair by kind, unless both sides name products of that kind."""
    named = [{one.kind for one in side if one.skus} for side in (ours, theirs)]
    return _pairs(
        lambda one, posting: (
            one.kind == posting.kind and not (one.kind in named[0] and one.kind in named[1])
        )
    )(ours, theirs)


def _same_thing(one: Money, posting: Money) -> bool:
    """Return whether two amounts may be one that was changed.

    A sale or a refund of the same products, as far as both name them.
    """
    return one.kind == posting.kind and (
        one.skus == posting.skus or not one.skus or not posting.skus
    )


def _paid_out(deferred: Sequence[Money], postings: Iterable[Money]) -> list[Money]:
    """Return the deferred transactions that a settlement has paid out.

    The earliest first; with the same amount, else the same kind and products.
    """
    paid: list[Money] = []
    open_ = sorted(postings, key=_place)
    for fits in (_same_amount_and_products, _same_amount, _same_thing):
        for posting in list(open_):
            due = (
                one
                for one in deferred
                if one not in paid and one.at <= posting.at + LATE and fits(one, posting)
            )
            if (first := next(due, None)) is not None:
                paid.append(first)
                open_.remove(posting)
    return paid
