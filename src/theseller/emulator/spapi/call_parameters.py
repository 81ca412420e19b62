"""Read the parameters of a call that has passed the checks of requests."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.datastructures import QueryParams

from theseller.emulator.emulator_instance import Emulator
from theseller.emulator.spapi.errors import denied, invalid
from theseller.emulator.world.sellers import Seller, Store


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation that `request_checks` has let through.

    Attributes:
        emulator: the state of the emulator.
        seller: whose access token was sent.
        roles: what the seller granted.
        at: the emulated instant of the call.
        query: the parameters of the URL.
        path: the parameters of the path.
        body: the request's body.
        base_url: where documents are fetched from.
        elements: the personal data that a restricted data token opens; none with an ordinary access
            token.
    """

    emulator: Emulator
    seller: Seller
    roles: frozenset[str]
    at: datetime
    query: QueryParams
    path: dict[str, str]
    body: bytes
    base_url: str
    elements: frozenset[str] = frozenset()

    def texts(self, name: str) -> list[str]:
        """Return a list parameter; Amazon's lists are comma-separated."""
        value = self.query.get(name)
        return [part for part in value.split(",") if part] if value else []

    def choices(self, name: str, allowed: tuple[str, ...]) -> list[str]:
        """Return a list parameter whose values are an enumeration, case-sensitive."""
        values = self.texts(name)
        if not set(values) <= set(allowed):
            raise invalid(f"Invalid value for {name}.")
        return values

    def instant(self, name: str) -> datetime | None:
        """Return a date-time parameter, aware."""
        value = self.query.get(name)
        if value is None:
            return None
        return parse_instant(value.replace(" ", "+"), name)

    def integer(self, name: str, default: int, most: int) -> int:
        """Return a parameter as a whole number from 1 to `most`.

        Raises:
            ApiError: 400, the parameter is not such a number.
        """
        value = self.query.get(name)
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= most:
            raise invalid(f"{name} must be between 1 and {most}.")
        return int(value)

    def stores(self, name: str = "marketplaceIds") -> list[Store]:
        """Return the seller's stores that a parameter names.

        All of the seller's stores if the parameter is absent.
        """
        return (
            self.stores_of(self.texts(name)) if self.query.get(name) else list(self.seller.stores)
        )

    def stores_of(self, marketplace_ids: list[str]) -> list[Store]:
        """Return the seller's stores in these marketplaces.

        Raises:
            ApiError: 403, the seller has no account in one of them.
        """
        known = {store.marketplace.id: store for store in self.seller.stores}
        if not set(marketplace_ids) <= set(known):
            raise denied()
        return [known[marketplace_id] for marketplace_id in dict.fromkeys(marketplace_ids)]

    def token(self, kind: str, content: dict[str, Any]) -> str:
        """Return an opaque pagination token with an HMAC.

        It is valid for this seller and this `kind` of list only.
        """
        text = json.dumps(
            {"kind": kind, "seller": self.seller.id, "issued": self.at.timestamp(), **content},
            separators=(",", ":"),
        )
        return base64.urlsafe_b64encode(f"{self.emulator.seal(text)}{text}".encode()).decode()

    def read_token(self, name: str, kind: str, lifetime: timedelta) -> dict[str, Any] | None:
        """Return the content of a pagination token; None without the parameter.

        Raises:
            ApiError: 400, the token is altered, too old, or of another seller or list.
        """
        token = self.query.get(name)
        if token is None:
            return None
        try:
            sealed = base64.urlsafe_b64decode(token).decode()
        except (binascii.Error, ValueError):
            raise invalid(f"{name} is invalid.") from None
        if self.emulator.seal(sealed[32:]) != sealed[:32]:
            raise invalid(f"{name} is invalid.")
        content: dict[str, Any] = json.loads(sealed[32:])
        if content["kind"] != kind or content["seller"] != self.seller.id:
            raise invalid(f"{name} is invalid.")
        if self.at.timestamp() - content["issued"] > lifetime.total_seconds():
            raise invalid(f"{name} has expired.")
        return content


def parse_instant(value: str, name: str) -> datetime:
    """Read an ISO 8601 instant or date; without an offset it is UTC."""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise invalid(f"Invalid date format for {name}. Use ISO 8601.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
