"""Labels and help texts for the states of a packing slip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from theseller.amazon.roles import RestrictedRole
from theseller.buyer_pii.expiry_date import is_expired
from theseller.buyer_pii.types import RequestOutcome, ShippableOrder
from theseller.edge.date_time_formatting import day as day_text
from theseller.lib.policy_time_limits import PII_DAYS_MAX

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ROLE = RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING.value


@dataclass(frozen=True, slots=True)
class SlipState:
    """The state of an order's slip: a badge and a message.

    `tone` is good, warn, bad, info or empty.
    """

    label: StrOrPromise
    tone: str
    icon: str
    message: StrOrPromise = ""
    ready: bool = False
    waiting: bool = False


#: Not requested: no badge, no message.
NOT_REQUESTED = SlipState("", "", "minus")
_WAITING = SlipState(
    gettext_lazy("Waiting"),
    "info",
    "clock",
    gettext_lazy("Requested from Amazon, one order at a time."),
    waiting=True,
)
_EXPIRED = SlipState(
    gettext_lazy("Deleted"),
    "",
    "trash",
    gettext_lazy("The stored recipient has expired. Request it again if you still need it."),
)
_STATE_BY_OUTCOME: Mapping[RequestOutcome, SlipState] = MappingProxyType(
    {
        RequestOutcome.NOT_YOURS: SlipState(
            gettext_lazy("Not possible"),
            "warn",
            "warning",
            gettext_lazy("Your shop does not ship this order itself, or it was canceled."),
        ),
        RequestOutcome.TOO_OLD: SlipState(
            gettext_lazy("Too late"),
            "warn",
            "warning",
            format_lazy(
                gettext_lazy(
                    "It shipped at least {days} days ago, or may have: its recipient may no longer"
                    " be stored."
                ),
                days=PII_DAYS_MAX,
            ),
        ),
        RequestOutcome.NOT_GIVEN: SlipState(
            gettext_lazy("Not given"),
            "bad",
            "warning",
            format_lazy(
                gettext_lazy(
                    "Amazon answered without a recipient: your authorization lacks the role"
                    " “{role}”. An owner has to authorize again on the page Connection; then"
                    " request it again."
                ),
                role=ROLE,
            ),
        ),
        RequestOutcome.NOT_FOUND: SlipState(
            gettext_lazy("Not found"),
            "warn",
            "warning",
            gettext_lazy("Amazon no longer has this order."),
        ),
        RequestOutcome.ROLE_MISSING: SlipState(
            gettext_lazy("Refused"),
            "bad",
            "warning",
            format_lazy(
                gettext_lazy(
                    "Amazon refused, because the role “{role}” is missing. An owner authorizes"
                    " again on the page Connection; if that does not help, the operator of this"
                    " service has to contact Amazon."
                ),
                role=ROLE,
            ),
        ),
        RequestOutcome.SWITCHED_OFF: SlipState(
            gettext_lazy("Deleted"),
            "",
            "trash",
            gettext_lazy("Packing slips were turned off meanwhile. Request it again."),
        ),
        RequestOutcome.AMAZON_FAILED: SlipState(
            gettext_lazy("No answer"),
            "warn",
            "warning",
            gettext_lazy("Amazon did not respond after several tries. Request it again later."),
        ),
    }
)


def slip_state(order: ShippableOrder, expires_on: date | None, *, at: datetime) -> SlipState:
    """Return the state of an order's slip.

    `expires_on` is the expiry date of the stored recipient; None if none is stored.
    """
    if expires_on is not None and not is_expired(expires_on, at=at):
        return SlipState(
            _("Ready"),
            "good",
            "check",
            _("Stored; destroyed on %(day)s.") % {"day": day_text(expires_on)},
            ready=True,
        )
    if order.requested_at is None:
        return NOT_REQUESTED
    if order.outcome is None:
        return _WAITING
    return _EXPIRED if order.outcome is RequestOutcome.FETCHED else _STATE_BY_OUTCOME[order.outcome]
