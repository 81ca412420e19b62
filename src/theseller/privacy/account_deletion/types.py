"""Values of the deletion of accounts."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


class AccountDeletionRefusedError(ValueError):
    """An account can't be deleted now; the text says what to do first."""


@dataclass(frozen=True, slots=True)
class SoleOwnership:
    """A shop with one owner, and its other members as (person, name)."""

    tenant: UUID
    name: str
    others: tuple[tuple[UUID, str], ...]
