"""What each state of an order's slip is called, and what somebody can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from theseller.amazon.roles import RestrictedRole
from theseller.edge.times import day as day_text
from theseller.lib.limits import PII_DAYS_MAX
from theseller.vault.dates import is_dead
from theseller.vault.types import Outcome, ShippableOrder

ROLE = RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING.value


@dataclass(frozen=True, slots=True)
class State:
    """The state of one order's slip: a badge (`tone` is good, warn, bad, info or empty) and a sentence."""

    label: str
    tone: str
    icon: str
    words: str = ""
    ready: bool = False
    waiting: bool = False


#: Nobody asked: no badge, no sentence.
NOT_ASKED = State("", "", "minus")
_WAITING = State("Waiting", "info", "clock", "Asked of Amazon, one order after the other.", waiting=True)
_GONE = State("Deleted", "", "trash", "What was fetched has had its day. Get it again if you still need it.")
_OF: Mapping[Outcome, State] = MappingProxyType(
    {
        Outcome.NOT_YOURS: State("Not possible", "warn", "warning", "This is no order that your shop ships itself, or it was canceled."),
        Outcome.TOO_OLD: State(
            "Too late",
            "warn",
            "warning",
            f"It left {PII_DAYS_MAX} days ago or longer, or may have: its recipient may not be kept any more.",
        ),
        Outcome.NOT_GIVEN: State(
            "Not given",
            "bad",
            "warning",
            f"Amazon answered without a recipient: your authorization lacks the role “{ROLE}”. An owner authorizes again on the page"
            " Connection, then get it again.",
        ),
        Outcome.NOT_FOUND: State("Not found", "warn", "warning", "Amazon knows no such order any more."),
        Outcome.ROLE_MISSING: State(
            "Refused",
            "bad",
            "warning",
            f"Amazon refused, because the role “{ROLE}” is missing. An owner authorizes again on the page Connection; if that does not help,"
            " whoever runs this service has to ask Amazon.",
        ),
        Outcome.SWITCHED_OFF: State("Deleted", "", "trash", "Packing slips were turned off in between. Get it again."),
        Outcome.AMAZON_FAILED: State("No answer", "warn", "warning", "Amazon could not answer after several tries. Get it again later."),
    }
)


def state_of(order: ShippableOrder, dies_on: date | None, *, at: datetime) -> State:
    """Return the state of an order's slip; `dies_on` is the day of death of what is held of it, None for nothing."""
    if dies_on is not None and not is_dead(dies_on, at=at):
        return State("Ready", "good", "check", f"Stored; destroyed on {day_text(dies_on)}.", ready=True)
    if order.asked_at is None:
        return NOT_ASKED
    if order.outcome is None:
        return _WAITING
    return _GONE if order.outcome is Outcome.FETCHED else _OF[order.outcome]
