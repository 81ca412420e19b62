"""Labels and help texts for the states of a packing slip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from theseller.amazon.roles import RestrictedRole
from theseller.buyer_pii.expiry_date import is_expired
from theseller.buyer_pii.types import RequestOutcome, ShippableOrder
from theseller.edge.times import day as day_text
from theseller.lib.limits import PII_DAYS_MAX

ROLE = RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING.value


@dataclass(frozen=True, slots=True)
class SlipState:
    """The state of an order's slip: a badge and a message.

    `tone` is good, warn, bad, info or empty.
    """

    label: str
    tone: str
    icon: str
    message: str = ""
    ready: bool = False
    waiting: bool = False


#: Not requested: no badge, no message.
NOT_REQUESTED = SlipState("", "", "minus")
_WAITING = SlipState(
    "Waiting", "info", "clock", "Requested from Amazon, one order at a time.", waiting=True
)
_EXPIRED = SlipState(
    "Deleted",
    "",
    "trash",
    "The stored recipient has expired. Request it again if you still need it.",
)
_STATE_BY_OUTCOME: Mapping[RequestOutcome, SlipState] = MappingProxyType(
    {
        RequestOutcome.NOT_YOURS: SlipState(
            "Not possible",
            "warn",
            "warning",
            "Your shop does not ship this order itself, or it was canceled.",
        ),
        RequestOutcome.TOO_OLD: SlipState(
            "Too late",
            "warn",
            "warning",
            f"It shipped at least {PII_DAYS_MAX} days ago, or may have: its recipient may no longer"
            " be stored.",
        ),
        RequestOutcome.NOT_GIVEN: SlipState(
            "Not given",
            "bad",
            "warning",
            f"Amazon answered without a recipient: your authorization lacks the role “{ROLE}”. An"
            " owner has to authorize again on the page Connection; then request it again.",
        ),
        RequestOutcome.NOT_FOUND: SlipState(
            "Not found", "warn", "warning", "Amazon no longer has this order."
        ),
        RequestOutcome.ROLE_MISSING: SlipState(
            "Refused",
            "bad",
            "warning",
            f"Amazon refused, because the role “{ROLE}” is missing. An owner authorizes again on"
            " the page Connection; if that does not help, the operator of this service has to"
            " contact Amazon.",
        ),
        RequestOutcome.SWITCHED_OFF: SlipState(
            "Deleted", "", "trash", "Packing slips were turned off meanwhile. Request it again."
        ),
        RequestOutcome.AMAZON_FAILED: SlipState(
            "No answer",
            "warn",
            "warning",
            "Amazon did not respond after several tries. Request it again later.",
        ),
    }
)


def slip_state(order: ShippableOrder, expires_on: date | None, *, at: datetime) -> SlipState:
    """Return the state of an order's slip.

    `expires_on` is the expiry date of the stored recipient; None if none is stored.
    """
    if expires_on is not None and not is_expired(expires_on, at=at):
        return SlipState(
            "Ready", "good", "check", f"Stored; destroyed on {day_text(expires_on)}.", ready=True
        )
    if order.requested_at is None:
        return NOT_REQUESTED
    if order.outcome is None:
        return _WAITING
    return _EXPIRED if order.outcome is RequestOutcome.FETCHED else _STATE_BY_OUTCOME[order.outcome]
