"""Values of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ClosedConnection:
    """A connection that has ended and whose data is to be proven gone."""

    tenant: UUID
    connection: UUID
    disconnected_at: datetime


@dataclass(frozen=True, slots=True)
class Purged:
    """What one erasure did: rows deleted by table, and what an independent count found left (all zero, or it was not completed)."""

    connection: UUID
    deleted: dict[str, int]
    left: dict[str, int]
    completed: bool


@dataclass(frozen=True, slots=True)
class PurgeView:
    """How far an erasure is, for the seller. `certificate_issued_at` is None until it is proven."""

    connection: UUID
    begun_at: datetime
    rows_planned: int
    rows_deleted: int
    completed_at: datetime | None
    certificate_issued_at: datetime | None


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """A certificate whose signature fits every byte of the file."""

    body: dict[str, object]
    public_key: str
