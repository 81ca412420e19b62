"""An independent check of which transactions a settlement contains.

The rule of `docs/figures.md`, transaction by transaction in Python. The figures are computed by
`statements/matching.sql` and `settlement_matching.py`; this shares no code with them, so that each
checks the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from theseller.amazon.charge_classifier import (
    ChargeType,
    ProfitLine,
    is_profit_and_loss,
    profit_line,
)

Row = Mapping[str, Any]
Period = tuple[datetime, datetime]
_DAY = timedelta(days=1)
_DISCOUNTS = {ChargeType.PROMOTION, ChargeType.POINTS}


@dataclass(slots=True, eq=False)
class Money:
    """A transaction of Finances, or a posting of a settlement.

    It is what of an order, or of no order, moved at one second. `partner` is the matched money of
    the other side.
    """

    key: str
    order: str
    second: datetime
    total: Decimal = Decimal(0)
    deferred: bool = False
    release: bool = False
    settlement: str | None = None
    kinds: set[ChargeType] = field(default_factory=set)
    skus: set[str] = field(default_factory=set)
    partner: Money | None = None

    @property
    def day(self) -> date:
        """The day in UTC."""
        return self.second.date()

    @property
    def nature(self) -> Hashable:
        """A refund, a sale, or else the set of charge types."""
        if any(profit_line(kind) is ProfitLine.REFUNDS for kind in self.kinds):
            return "refund"
        if any(
            profit_line(kind) is ProfitLine.SALES and kind not in _DISCOUNTS for kind in self.kinds
        ):
            return "sale"
        return frozenset(filter(is_profit_and_loss, self.kinds))

    def take(self, line: Row) -> None:
        """Add a ledger line."""
        self.total += line["amount"]
        self.kinds.add(ChargeType(line["kind"]))
        self.skus |= {line["sku"]} - {"", None}


_ByKey = dict[tuple[str, str], dict[Any, Money]]


def _gather(lines: Sequence[Row], groups: Mapping[str, str]) -> tuple[_ByKey, _ByKey]:
    """Return the transactions of Finances and the postings of settlements.

    Both by (order number, currency), then by what makes one: a transaction's id; a posting's
    settlement, second, type and, without an order, its label and SKU.
    """
    replaced = {
        line["supersedes"]
        for line in lines
        if line["supersedes"] and line["supersedes"] != line["source_key"]
    }
    transactions: _ByKey = defaultdict(dict)
    postings: _ByKey = defaultdict(dict)
    for line in lines:
        if (
            line["source"] == "transaction_report"  # Such rows are matched with nothing.
            or line["state"] in {"estimated", "reversed"}
            or profit_line(ChargeType(line["kind"])) is ProfitLine.CASH
        ):
            continue
        order, at = line["order_id"] or "", line["posted_at"].astimezone(UTC).replace(microsecond=0)
        if line["source"] == "settlement":
            apart = () if order else (line["breakdown"].split("/", 1)[0], line["sku"] or "")
            key = (line["source_key"], at, line["transaction_type"], *apart)
            postings[order, line["currency"]].setdefault(
                key, Money(line["source_key"], order, at)
            ).take(line)
        elif line["source_key"] not in replaced:
            one = transactions[order, line["currency"]].setdefault(
                line["source_key"], Money(line["source_key"], order, at)
            )
            one.second = min(one.second, at)
            one.deferred |= line["state"] == "deferred"
            one.release |= line["supersedes"] is not None
            one.settlement = max(
                filter(
                    None,
                    (one.settlement, line["settlement_id"] or groups.get(line["group_id"] or "")),
                ),
                default=None,
            )
            one.take(line)
    return transactions, postings


def settled_transactions(
    lines: Sequence[Row],
    stored: Iterable[str],
    groups: Mapping[str, str],
    periods: Mapping[str, Period],
) -> set[tuple[str, str]]:
    """Return the transactions that a stored settlement contains.

    Args:
        lines: every ledger line of the orders in question; and for charges without an order, of all
            days (UTC) of the settlements that may contain them, and of their own.
        stored: numbers of the settlements that are stored.
        groups: settlement numbers by financial event group.
        periods: when each settlement begins and ends, as its document says.

    Returns:
        (transaction id, currency) of each.
    """
    present = frozenset(stored)
    transactions, postings = _gather(lines, groups)
    found: set[tuple[str, str]] = set()
    for (order, currency), by_key in transactions.items():
        ours = [
            one for one in by_key.values() if one.settlement is None or one.settlement in present
        ]
        theirs = sorted(
            postings[order, currency].values(),
            key=lambda each: (each.second, each.key, each.total, sorted(each.skus)),
        )
        matched = (
            _Order(ours, theirs, periods).matched() if order else _charges(ours, theirs, periods)
        )
        found |= {(one.key, currency) for one in matched}
        found |= {
            (one.key, currency) for one in ours if one.settlement is not None and not one.deferred
        }
    return found


def _free(side: Iterable[Money]) -> list[Money]:
    return [one for one in side if one.partner is None]


def _same_sums(
    ours: Sequence[Money], theirs: Sequence[Money], by: Callable[[Money], Hashable]
) -> None:
    """Match all money with one value of `by` whose sums are equal."""
    sums: dict[Hashable, tuple[list[Money], list[Money]]] = defaultdict(lambda: ([], []))
    for side, part in enumerate((ours, theirs)):
        for one in _free(part):
            sums[by(one)][side].append(one)
    for left, right in sums.values():
        if left and right and sum(one.total for one in left) == sum(one.total for one in right):
            for one in left:
                one.partner = right[0]
            for one in right:
                one.partner = left[0]


def _by_time(
    ours: Sequence[Money], theirs: Sequence[Money], by: Callable[[Money], Hashable]
) -> None:
    """Match money with one value of `by` in order of time.

    Each posting is paired with the last open transaction before it. A posting before every open one
    is paired with the first that follows.
    """
    cells: dict[Hashable, list[tuple[datetime, bool, str, Money]]] = defaultdict(list)
    for is_posting, part in enumerate((ours, theirs)):
        for one in _free(part):
            cells[by(one)].append((one.second, bool(is_posting), one.key, one))
    for events in cells.values():
        waiting: list[Money] = []
        early: list[Money] = []
        for *_, is_posting, _, one in sorted(events, key=lambda event: event[:3]):
            if not is_posting:
                waiting.append(one)
            elif waiting:
                _join(waiting.pop(), one)
            else:
                early.append(one)
        # Every posting that found none waiting came before all that still wait.
        for posting, one in zip(reversed(early), waiting, strict=False):
            _join(one, posting)


def _join(one: Money, posting: Money) -> None:
    one.partner, posting.partner = posting, one


def _charges(
    ours: Sequence[Money], theirs: Sequence[Money], periods: Mapping[str, Period]
) -> list[Money]:
    """Return the charges without an order that are in a settlement.

    Each settlement is matched separately.
    """
    released = [one for one in ours if not one.deferred]
    for by in (lambda one: one.second, lambda one: one.day):
        _same_sums(released, theirs, by)
    _by_time(released, theirs, lambda one: (one.day, one.total))
    matched = [one for one in released if one.partner is not None]
    left = _free(released)
    for number in sorted({posting.key for posting in _free(theirs)} & set(periods)):
        begins, ends = periods[number]
        here = [one for one in _free(theirs) if one.key == number]
        begins = min(begins, *(posting.second for posting in here))
        near = [
            one
            for one in left
            if one.settlement == number
            or (not one.settlement and begins - 3 * _DAY <= one.second <= ends + _DAY)
        ]
        _by_time(near, here, lambda one: (one.total, one.nature))
        matched += [one for one in near if one.partner is not None]
        for one in near:  # What one settlement holds does not depend on another.
            one.partner = None
    return matched


class _Order:
    """One order's money in one currency."""

    def __init__(
        self, ours: Sequence[Money], theirs: Sequence[Money], periods: Mapping[str, Period]
    ) -> None:
        self._released = [one for one in ours if not one.deferred]
        self._deferred = sorted(
            (one for one in ours if one.deferred), key=lambda one: (one.second, one.key)
        )
        self._theirs, self._periods = theirs, periods

    def matched(self) -> list[Money]:
        """Return the transactions that are in a settlement."""
        for by in (lambda one: one.second, lambda one: one.day):
            _same_sums(self._released, self._theirs, by)
        for number in self._numbers():
            _same_sums(*self._of(number, 31), lambda one: one.nature)
            _by_time(*self._of(number, 31), lambda one: (one.total, frozenset(one.skus)))
            _by_time(*self._of(number, 31), lambda one: one.total)
        self._same_instant()
        for number in self._numbers():
            ours, theirs = self._of(number, 3)
            _by_time(ours, theirs, lambda one: (one.nature, frozenset(one.skus)))
            _by_time(*self._unnamed(number), lambda one: one.nature)
        self._pay_out()
        return [one for one in (*self._released, *self._deferred) if one.partner is not None]

    def _numbers(self) -> list[str]:
        """Return the settlements that have something left, the earliest first."""
        begun: dict[str, datetime] = {}
        for posting in _free(self._theirs):
            begins, _ = self._periods.get(posting.key, (posting.second, None))
            begun[posting.key] = min(begins, posting.second, begun.get(posting.key, posting.second))
        return sorted(begun, key=lambda number: (begun[number], number))

    def _of(self, number: str, days: int) -> tuple[list[Money], list[Money]]:
        """Return the open money of a settlement: transactions and postings.

        If its period is not known, transactions from `days` days before its first posting count.
        """
        theirs = [posting for posting in _free(self._theirs) if posting.key == number]
        if not theirs:
            return [], []
        seconds = [posting.second for posting in theirs]
        if number in self._periods:
            begins, ends = self._periods[number]
            earliest, latest = min(begins, *seconds) - 3 * _DAY, ends + _DAY
        else:
            earliest, latest = min(seconds) - days * _DAY, max(seconds) + 3 * _DAY

        def reached(one: Money) -> bool:
            if one.settlement:
                return one.settlement == number
            until = max(latest, max(seconds) + 60 * _DAY) if one.release else latest
            return earliest <= one.second <= until

        return [one for one in _free(self._released) if reached(one)], theirs

    def _unnamed(self, number: str) -> tuple[list[Money], list[Money]]:
        """Return the open money of a settlement without products on one side."""
        ours, theirs = self._of(number, 3)
        named = {one.nature for one in ours if one.skus} & {
            posting.nature for posting in theirs if posting.skus
        }
        return [one for one in ours if one.nature not in named], [
            one for one in theirs if one.nature not in named
        ]

    def _same_instant(self) -> None:
        seconds = {one.second for one in _free(self._released)} & {
            one.second for one in _free(self._theirs)
        }
        for one in (*_free(self._released), *_free(self._theirs)):
            if one.second in seconds:
                one.partner = one

    def _pay_out(self) -> None:
        """Match deferred transactions with postings that paid them out.

        The earliest first.
        """
        open_ = sorted(_free(self._theirs), key=lambda posting: (posting.second, posting.key))
        for alike in (_equal_with_products, _equal, _one_thing):
            for posting in _free(open_):
                due = [
                    one
                    for one in _free(self._deferred)
                    if one.second <= posting.second + _DAY and alike(one, posting)
                ]
                if due:
                    _join(due[0], posting)


def _equal(one: Money, posting: Money) -> bool:
    return one.total == posting.total


def _equal_with_products(one: Money, posting: Money) -> bool:
    return (one.total, one.skus) == (posting.total, posting.skus)


def _one_thing(one: Money, posting: Money) -> bool:
    return one.nature == posting.nature and (
        not one.skus or not posting.skus or one.skus == posting.skus
    )
