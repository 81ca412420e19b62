"""Changes of generated facts on request: refunds, cancellations, closings.

Late refunds, cancellations, releases, settlements closed early, a second settlement stream. Each
has the instant at which it happened, and changes nothing of what was known before: a closed
settlement and a document that was made stay as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from theseller.emulator.world.financial_events import Event
from theseller.emulator.world.order_types import Order, Refund
from theseller.emulator.world.settlement_periods import STANDARD


class Change(StrEnum):
    """The kinds of changes."""

    REFUND = "refund"
    CANCEL = "cancel"
    RELEASE = "release"
    CLOSE = "close"
    INVOICED = "invoiced"


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change at `at`.

    `order_id` and `share` (of each line) are for orders, `marketplace_id` and `stream` for stores.
    """

    kind: Change
    at: datetime
    seller_id: str
    marketplace_id: str = ""
    order_id: str = ""
    share: float = 1.0
    stream: str = STANDARD


def record_of(amendment: Amendment) -> dict[str, Any]:
    """Return a change as JSON."""
    return {**asdict(amendment), "at": amendment.at.isoformat()}


def amendment_of(record: Mapping[str, Any]) -> Amendment:
    """Return the change that `record_of` wrote down."""
    return Amendment(
        **{**record, "kind": Change(record["kind"]), "at": datetime.fromisoformat(record["at"])}
    )


_Store = tuple[str, str]


class Amendments:
    """All changes, found by what they concern."""

    def __init__(self, amendments: Iterable[Amendment] = ()) -> None:
        self.all = tuple(sorted(amendments, key=lambda amendment: amendment.at))
        self._of_order: dict[str, list[Amendment]] = defaultdict(list)
        self._releases: dict[_Store, list[datetime]] = defaultdict(list)
        self._cuts: dict[tuple[_Store, str], list[datetime]] = defaultdict(list)
        self._invoiced: dict[_Store, datetime] = {}
        for amendment in self.all:
            store = (amendment.seller_id, amendment.marketplace_id)
            if amendment.order_id:
                self._of_order[amendment.order_id].append(amendment)
            elif amendment.kind is Change.RELEASE:
                self._releases[store].append(amendment.at)
            elif amendment.kind is Change.CLOSE:
                self._cuts[store, amendment.stream].append(amendment.at)
            else:
                self._invoiced.setdefault(store, amendment.at)

    def orders(self) -> list[tuple[str, str]]:
        """Return (seller id, order id) of every order that was changed."""
        return [(changes[0].seller_id, order_id) for order_id, changes in self._of_order.items()]

    def cuts(self, seller_id: str, marketplace_id: str, stream: str) -> list[datetime]:
        """Return when settlements of the stream were closed early, oldest first."""
        return self._cuts.get(((seller_id, marketplace_id), stream), [])

    def invoiced_since(self, seller_id: str, marketplace_id: str) -> datetime | None:
        """Return since when invoiced orders have settlements of their own.

        None if they are in the store's standard settlements.
        """
        return self._invoiced.get((seller_id, marketplace_id))

    def order(self, order: Order) -> Order:
        """Return the order with its changes."""
        for change in self._of_order.get(order.id, ()):
            order = (
                _cancelled(order, change.at)
                if change.kind is Change.CANCEL
                else _refunded(order, change.at, change.share)
            )
        return order

    def event(self, event: Event) -> Event:
        """Return the event, released earlier if its store's deferred money was."""
        if not event.deferral or event.order is None:
            return event
        store = (event.order.seller.id, event.store.marketplace.id)
        early = next(
            (at for at in self._releases.get(store, ()) if event.posted <= at < event.settled), None
        )
        return replace(event, settled=early) if early else event


def _cancelled(order: Order, at: datetime) -> Order:
    """Return an order that was canceled before it was shipped.

    Nothing that would have come later happens.
    """
    lines = tuple(replace(line, refund=None) for line in order.lines)
    updates = (*(update for update in order.updates if update < at), at)
    return replace(
        order,
        shipped=None,
        delivered=None,
        cancelled=at,
        cancelled_by="BUYER",
        lines=lines,
        updates=updates,
    )


def _refunded(order: Order, at: datetime, share: float) -> Order:
    """Return an order whose lines are refunded by `share`.

    Lines that were refunded before stay as they are.
    """
    lines, removed = [], set()
    for line in order.lines:
        if not line.price or (line.refund and line.refund.at <= at):
            lines.append(line)
            continue
        removed |= {line.refund.at} if line.refund else set()
        lines.append(replace(line, refund=Refund(at, "Refund", share, prompt=True)))
    updates = sorted({at, *(update for update in order.updates if update not in removed)})
    return replace(order, lines=tuple(lines), updates=tuple(updates))
