"""Configuration of an emulator: the registered application, its behavior."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from theseller.lib import clock

ROLES = (
    "Amazon Fulfillment", "Brand Analytics", "Buyer Communication", "Buyer Solicitation",
    "Direct to Consumer Shipping (Restricted)", "Finance and Accounting",
    "Inventory and Order Tracking", "Pricing", "Product Listing",
    "Professional Services (Restricted)", "Selling Partner Insights", "Tax Invoicing (Restricted)",
    "Tax Remittance (Restricted)",
)  # fmt: skip


class ApplicationFileError(ValueError):
    """An application file that cannot be used.

    The message says why, and never repeats a secret.
    """


@dataclass(frozen=True, slots=True)
class Application:
    """An application as registered with Amazon.

    `client_secrets`: newest first; the first two are valid.
    """

    client_id: str
    application_id: str
    client_secrets: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    roles: tuple[str, ...]
    draft: bool = False
    name: str = "TheSeller"


@dataclass(frozen=True, slots=True)
class Config:
    """How an emulator behaves.

    Attributes:
        application: the registered application.
        state_dir: the folder of the state file.
        seed: the seed of all random draws.
        rate_scale: multiplies every usage plan and divides every waiting time; 1.0 is Amazon.
        public_url: what document URLs begin with.
        clock: returns the current time, aware.
        people: ``canaries`` as tests need them, else plausible recipients (`invented_buyers`) as in
            a demonstration.
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
    """Return the application that the file's JSON describes.

    Raises:
        ApplicationFileError: a key is missing or of the wrong type, or a role is unknown.
    """
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
