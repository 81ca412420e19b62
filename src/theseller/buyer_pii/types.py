"""Value types. Fields with buyer PII are excluded from `repr`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from theseller.connections.types import ConnectionView

#: Who acts, in the audit log, where no person requested it.
ACTOR = "process:vault"


class RequestOutcome(StrEnum):
    """The outcome of a request for one order's slip."""

    FETCHED = "fetched"
    NOT_YOURS = "not_yours"  # no order that the seller ships, or no longer one
    TOO_OLD = "too_old"  # shipped 30 days ago or longer
    # Amazon answered without a recipient: the seller's authorization lacks the role
    NOT_GIVEN = "not_given"
    NOT_FOUND = "not_found"
    ROLE_MISSING = "role_missing"
    SWITCHED_OFF = "switched_off"
    AMAZON_FAILED = "amazon_failed"


@dataclass(frozen=True, slots=True)
class Gift:
    """A gift message and the order item that it belongs to."""

    order_item_id: str = field(repr=False)
    message: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient as printed. `phone` is empty if Amazon returned none."""

    lines: tuple[str, ...] = field(repr=False)
    country: str = field(repr=False)
    phone: str = field(repr=False)
    gifts: tuple[Gift, ...] = field(repr=False)
    ship_by: datetime | None


@dataclass(frozen=True, slots=True)
class SlipLine:
    """One item of an order, from the tenant's own facts."""

    order_item_id: str
    sku: str
    title: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ShippableOrder:
    """An order that the seller ships, without buyer PII."""

    connection: UUID
    id: str
    purchased_at: datetime
    marketplace_id: str
    shipped: bool
    lines: tuple[SlipLine, ...]
    requested_at: datetime | None = None
    outcome: RequestOutcome | None = None

    @property
    def units(self) -> int:
        """Units to ship, over all lines of the order."""
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class RecipientRequest:
    """A request for an order's slip that has no outcome yet."""

    order: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Slip:
    """An order and its recipient, to print. Unreadable from `expires_on` on."""

    order: ShippableOrder
    recipient: Recipient = field(repr=False)
    expires_on: date


@dataclass(frozen=True, slots=True)
class SlipView:
    """One person's access to the slips of these orders.

    `person` is the name, empty for former members.
    """

    at: datetime
    person: str
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeatureState:
    """The feature's state for one open connection; None fields while off."""

    connection: ConnectionView
    consent: UUID | None
    since: datetime | None

    @property
    def is_on(self) -> bool:
        """Whether the tenant has a consent in force for this connection."""
        return self.consent is not None


@dataclass(frozen=True, slots=True)
class DisableResult:
    """What disabling destroyed. `first` is False if it was off already."""

    keys_destroyed: int
    rows_erased: int
    first: bool


@dataclass(frozen=True, slots=True)
class ExpiryResult:
    """What one run of the periodic job did."""

    day_keys_destroyed: int
    connection_keys_destroyed: int
    rows_erased: int
    withdrawn: int
