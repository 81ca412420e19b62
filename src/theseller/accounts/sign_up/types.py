"""Whether people may open shops themselves, and a shop that was opened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class SignUpMode(StrEnum):
    """Who may open a shop."""

    OFF = "off"  # operators only
    VERIFIED = "verified"  # everyone whose address is verified by mail


@dataclass(frozen=True, slots=True)
class OpenedShop:
    """A shop that was opened, and its owner."""

    tenant: UUID
    name: str
    person: UUID
    email: str
