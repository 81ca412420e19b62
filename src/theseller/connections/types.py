"""Values of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from theseller.lib.marketplaces import Region


class Origin(StrEnum):
    """How a connection's data comes: by Amazon's authorisation, or by report files that the seller imports."""

    FILES = "files"
    LWA = "lwa"


class DisconnectReason(StrEnum):
    """Why a connection ended. Whatever the reason, the verb is the same."""

    ACCOUNT_DELETION = "account_deletion"
    AMAZON_REQUEST = "amazon_request"
    AUTHORISATION_EXPIRED = "authorisation_expired"
    REVOKED_AT_AMAZON = "revoked_at_amazon"
    SELLER_REQUEST = "seller_request"


class Refusal(StrEnum):
    """Why an authorisation did not become a connection; each has a page that says what to do."""

    ALREADY_CONNECTED = "already_connected"
    AMAZON_UNAVAILABLE = "amazon_unavailable"
    CODE_REJECTED = "code_rejected"
    DECLINED = "declined"
    EXPIRED = "expired"
    KEYS_UNAVAILABLE = "keys_unavailable"
    MISCONFIGURED = "misconfigured"
    OTHER_SELLER = "other_seller"
    STATE_UNKNOWN = "state_unknown"
    STATE_USED = "state_used"
    WRONG_SESSION = "wrong_session"


@dataclass(frozen=True, slots=True)
class StartedAuthorization:
    """Where to send the seller's browser."""

    attempt: UUID
    consent_url: str


@dataclass(frozen=True, slots=True)
class Authorized:
    """The seller granted access; the connection exists and holds its sealed token."""

    connection: UUID


@dataclass(frozen=True, slots=True)
class Refused:
    """No connection came of it."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection as others may see it. `disconnected_at` is None while it is open."""

    tenant: UUID
    id: UUID
    origin: Origin
    region: Region
    selling_partner_id: str
    marketplace_ids: tuple[str, ...]
    features: tuple[str, ...]
    roles: tuple[str, ...]
    created_at: datetime
    authorised_at: datetime | None
    authorisation_expires_at: datetime | None
    disconnected_at: datetime | None
    disconnect_reason: DisconnectReason | None
    seller_check: str | None = None

    @property
    def seller_is_confirmed(self) -> bool:
        """Whether Amazon's own answers named this seller. Until then the browser's word is all there is."""
        return self.seller_check == "confirmed"

    @property
    def seller_unconfirmed(self) -> bool:
        """Whether no answer of Amazon's has named a seller yet: nothing is read before one does."""
        return self.origin is Origin.LWA and self.seller_check is None

    @property
    def seller_mismatch(self) -> bool:
        """Whether Amazon's own answers named another seller: nothing is read for the connection any more."""
        return self.seller_check == "mismatch"

    @property
    def is_open(self) -> bool:
        return self.disconnected_at is None


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The end of a connection. `first` is False when it had ended before and this call changed nothing."""

    connection: UUID
    at: datetime
    reason: DisconnectReason
    first: bool
