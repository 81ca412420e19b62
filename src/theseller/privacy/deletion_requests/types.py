"""Values of deletion requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.connections.types import DisconnectReason
from theseller.retention.retention_limits import DELETION_REQUEST_DAYS


class DeletionRequestRefusedError(ValueError):
    """A request can't be recorded as it was given; the text says what to do."""


class DeletionRequestState(StrEnum):
    """How far a request is.

    It is not stored, but derived from the connections that the request covers.
    """

    RECEIVED = gettext_noop("received")
    TOKEN_DELETED = gettext_noop("token deleted")  # a state
    ERASED = gettext_noop("erased")
    CERTIFIED = gettext_noop("certified")


#: The origin of a request, as the seller reads it.
ORIGIN_LABELS: dict[DisconnectReason, str] = {
    DisconnectReason.SELLER_REQUEST: gettext_noop("You disconnected"),
    DisconnectReason.REVOKED_AT_AMAZON: gettext_noop("Revoked in Seller Central"),
    DisconnectReason.ACCOUNT_DELETION: gettext_noop("The shop was deleted"),
    DisconnectReason.AMAZON_REQUEST: gettext_noop("Requested by Amazon"),
    DisconnectReason.AUTHORISATION_EXPIRED: gettext_noop("The yearly authorization expired"),
}


#: The origin of a request, as operators read it.
_OPERATOR_ORIGIN_LABELS: dict[DisconnectReason, str] = {
    DisconnectReason.SELLER_REQUEST: gettext_noop("The seller disconnected"),
    DisconnectReason.REVOKED_AT_AMAZON: gettext_noop("Revoked in Seller Central"),
    DisconnectReason.ACCOUNT_DELETION: gettext_noop("The shop was deleted"),
    DisconnectReason.AMAZON_REQUEST: gettext_noop("Requested by Amazon"),
    DisconnectReason.AUTHORISATION_EXPIRED: gettext_noop("The yearly authorization expired"),
}


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """One request.

    `connections` are what it covers. `closed_at` is when the last of their certificates was issued,
    None before.
    """

    tenant: UUID
    id: UUID
    origin: DisconnectReason
    connections: tuple[UUID, ...]
    ends_shop: bool
    received_at: datetime
    recorded_at: datetime
    recorded_by: str
    reference: str
    state: DeletionRequestState
    closed_at: datetime | None

    @property
    def due_at(self) -> datetime:
        """Return the deadline of the request."""
        return self.received_at + timedelta(days=DELETION_REQUEST_DAYS)

    @property
    def recorder(self) -> str:
        """Return what kind of actor recorded it.

        Operators see that, and not which person of a shop it was.
        """
        return {
            "user": gettext_noop("the seller"),
            "operator": gettext_noop("an operator"),
            "amazon": gettext_noop("Amazon's answer"),
        }.get(self.recorded_by.split(":")[0], gettext_noop("the service"))

    @property
    def operator_origin_label(self) -> str:
        """Return the text for the request's origin, as operators read it."""
        return _(_OPERATOR_ORIGIN_LABELS[self.origin])

    @property
    def label(self) -> str:
        """Return the text for the request's origin."""
        return _(ORIGIN_LABELS[self.origin])

    @property
    def is_open(self) -> bool:
        """Say whether a certificate of the request is missing."""
        return self.state is not DeletionRequestState.CERTIFIED

    def overdue(self, at: datetime) -> bool:
        """Say whether its clock has run out before it was certified."""
        return self.is_open and at > self.due_at


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """What the recording of a request of Amazon did in one shop.

    `ended`: how many connections it disconnected now.
    """

    tenant: UUID
    request: UUID
    ended: int
    first: bool
