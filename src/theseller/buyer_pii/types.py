"""Values of this room. What is about a buyer does not print."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from theseller.connections.types import ConnectionView


class RequestOutcome(StrEnum):
    """What became of the wish for one order's slip. `FETCHED` is the only good one."""

    FETCHED = "fetched"
    NOT_YOURS = "not_yours"  # no order of this shop that its seller ships, or none any more
    TOO_OLD = "too_old"  # shipped 30 days ago or longer
    NOT_GIVEN = "not_given"  # Amazon answered without a recipient: the role is missing in the seller's authorisation
    NOT_FOUND = "not_found"
    ROLE_MISSING = "role_missing"
    SWITCHED_OFF = "switched_off"
    AMAZON_FAILED = "amazon_failed"


@dataclass(frozen=True, slots=True)
class Gift:
    """A message to print, and the item that it goes with."""

    order_item_id: str = field(repr=False)
    message: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where a parcel goes, line by line as it is printed, and what the giver wrote. `phone` is empty if Amazon gave none."""

    lines: tuple[str, ...] = field(repr=False)
    country: str = field(repr=False)
    phone: str = field(repr=False)
    gifts: tuple[Gift, ...] = field(repr=False)
    ship_by: datetime | None


@dataclass(frozen=True, slots=True)
class SlipLine:
    """One item of an order, from the shop's own facts."""

    order_item_id: str
    sku: str
    title: str
    quantity: int


@dataclass(frozen=True, slots=True)
class ShippableOrder:
    """An order that the seller ships, without anything of its buyer. `expiry_dates` is the day of death of what is held, if anything is."""

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
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class RecipientRequest:
    """An order whose slip was asked for and that nobody has answered yet."""

    order: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Slip:
    """A page to print: an order of the shop's facts and its recipient; `expires_on` is the day on which the recipient can't be read any more."""

    order: ShippableOrder
    recipient: Recipient = field(repr=False)
    expires_on: date


@dataclass(frozen=True, slots=True)
class SlipView:
    """One person looked at the slips of these orders. `person` is their name, empty for who has left."""

    at: datetime
    person: str
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeatureState:
    """The feature for one open connection: since when it is on and by whom; None while it is off."""

    connection: ConnectionView
    consent: UUID | None
    since: datetime | None

    @property
    def is_on(self) -> bool:
        return self.consent is not None


@dataclass(frozen=True, slots=True)
class DisableResult:
    """What turning the feature off destroyed. `first` is False when it was off already."""

    keys_destroyed: int
    rows_erased: int
    first: bool


@dataclass(frozen=True, slots=True)
class ExpiryResult:
    """What a run of the recurring job did."""

    day_keys_destroyed: int
    connection_keys_destroyed: int
    rows_erased: int
    withdrawn: int
