"""What an emulator is started with: the application as it is registered, and how the emulated Amazon behaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from theseller.lib import clock

ROLES = (
    "Amazon Fulfillment", "Brand Analytics", "Buyer Communication", "Buyer Solicitation", "Direct to Consumer Shipping (Restricted)",
    "Finance and Accounting", "Inventory and Order Tracking", "Pricing", "Product Listing", "Professional Services (Restricted)",
    "Selling Partner Insights", "Tax Invoicing (Restricted)", "Tax Remittance (Restricted)",
)  # fmt: skip


class ApplicationFileError(ValueError):
    """The application file cannot be used; the message says why, and never repeats a secret."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application as registered with Amazon. `client_secrets`: newest first; the first two work."""

    client_id: str
    application_id: str
    client_secrets: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    roles: tuple[str, ...]
    draft: bool = False
    name: str = "TheSeller"


@dataclass(frozen=True, slots=True)
class Config:
    """`rate_scale` multiplies every usage plan and divides every waiting time; 1.0 is Amazon. `public_url`: what document URLs begin with.

    `people`: whether recipients carry canaries, as tests need them, or are plausible, as a
    demonstration does (`people`).
    """

    application: Application
    state_dir: Path
    seed: int = 7
    rate_scale: float = 1.0
    public_url: str = ""
    clock: Callable[[], datetime] = clock.now
    people: str = "canaries"


def load_application(path: Path) -> Application:
    """Read an application file. Raises ApplicationFileError with what to do."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise ApplicationFileError(message) from None
    except ValueError:
        message = f"{path} is not JSON"
        raise ApplicationFileError(message) from None
    return application_from(data)


def application_from(data: object) -> Application:
    """Build an application from the file's JSON. Raises ApplicationFileError for a missing or mistyped key or an unknown role."""
    if not isinstance(data, dict):
        raise ApplicationFileError("the application file must hold one JSON object")
    texts = {key: data.get(key) for key in ("client_id", "application_id")}
    lists = {key: data.get(key) for key in ("client_secrets", "redirect_uris", "roles")}
    for key, value in texts.items():
        if not isinstance(value, str) or not value:
            raise ApplicationFileError(f"{key!r} must be a text")
    for key, value in lists.items():
        if not isinstance(value, list) or not all(
            isinstance(entry, str) and entry for entry in value
        ):
            raise ApplicationFileError(f"{key!r} must be a list of texts")
    if not lists["client_secrets"]:
        raise ApplicationFileError(
            "'client_secrets' must hold at least one secret, the newest first"
        )
    unknown = sorted(set(lists["roles"] or ()) - set(ROLES))
    if unknown:
        raise ApplicationFileError(
            f"unknown role {unknown[0]!r}; Amazon's roles are: {', '.join(ROLES)}"
        )
    return Application(
        client_id=data["client_id"],
        application_id=data["application_id"],
        client_secrets=tuple(data["client_secrets"]),
        redirect_uris=tuple(data["redirect_uris"]),
        roles=tuple(data["roles"]),
        draft=bool(data.get("draft", False)),
        name=str(data.get("name") or "TheSeller"),
    )
