"""Value types of connections and authorizations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from theseller.lib.marketplaces import Region


class Origin(StrEnum):
    """Where a connection's data comes from: SP-API or imported files."""

    FILES = "files"
    LWA = "lwa"


class DisconnectReason(StrEnum):
    """Why a connection ended."""

    ACCOUNT_DELETION = "account_deletion"
    AMAZON_REQUEST = "amazon_request"
    AUTHORISATION_EXPIRED = "authorisation_expired"
    REVOKED_AT_AMAZON = "revoked_at_amazon"
    SELLER_REQUEST = "seller_request"


class Refusal(StrEnum):
    """Why an authorization did not lead to a connection."""

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
    """An attempt and the URL to send the seller's browser to."""

    attempt: UUID
    consent_url: str


@dataclass(frozen=True, slots=True)
class Authorized:
    """The seller granted access; the connection has a sealed token."""

    connection: UUID


@dataclass(frozen=True, slots=True)
class Refused:
    """The authorization led to no connection."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection, read-only. `disconnected_at` is None while it is open."""

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
        """Whether Amazon's responses named this seller."""
        return self.seller_check == "confirmed"

    @property
    def seller_unconfirmed(self) -> bool:
        """Whether no response has named a seller yet; nothing is read before."""
        return self.origin is Origin.LWA and self.seller_check is None

    @property
    def seller_mismatch(self) -> bool:
        """Whether Amazon's responses named another seller; nothing is read."""
        return self.seller_check == "mismatch"

    @property
    def is_open(self) -> bool:
        """Whether the connection has not been disconnected."""
        return self.disconnected_at is None


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A disconnection. `first` is False if the connection had ended before."""

    connection: UUID
    at: datetime
    reason: DisconnectReason
    first: bool
