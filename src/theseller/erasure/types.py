"""Values of this room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from theseller.lib.secret import Secret


class SubjectKind(StrEnum):
    """What an erasure is about."""

    CONNECTION = "connection"
    # The values are stored: in tables, in the erasure journal and in certificates.
    USER = "person"
    TENANT = "shop"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is erased, by its id. `tenant` is whose it is, None for a person. `others` are ids that go with it: people, with their shop."""

    kind: SubjectKind
    id: UUID
    tenant: UUID | None
    others: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to a proof that is to come: the token, which is shown once, and what the database keeps of it."""

    token: Secret
    token_hash: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ClosedConnection:
    """A connection that has ended and whose data is to be proven gone."""

    tenant: UUID
    connection: UUID
    disconnected_at: datetime


@dataclass(frozen=True, slots=True)
class Purged:
    """What one erasure did: rows deleted by table, and what an independent count found left (all zero, or it was not completed).

    `waiting` says what the rewriting has to wait for, if anything; the next run goes on.
    """

    connection: UUID
    deleted: dict[str, int]
    left: dict[str, int]
    completed: bool
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """An erasure as its row of the ledger has it. `rewritten` has, by relation, the bytes before and after and the milliseconds of it."""

    plan: dict[str, int]
    deleted: dict[str, int]
    erased_at: datetime | None
    erased_xid: int | None
    rewritten: dict[str, dict[str, int]]
    wal_from: str | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ResidualScan:
    """What was searched and found. `not_searched` says why the database's files were not, "" if they were.

    `hits` are places with the connection's id in the files of the tables that were written anew, and in files that belong to no table;
    `older_wal` counts files of WAL from before the rewriting; `log_hits` are places in the program's own logs.
    """

    not_searched: str
    files: int = 0
    bytes: int = 0
    hits: int = 0
    wal_files: int = 0
    older_wal: int = 0
    log_files: int = 0
    log_bytes: int = 0
    log_hits: int = 0
    places: tuple[str, ...] = ()

    @property
    def sanitize(self) -> bool:
        return self.hits == 0 and self.older_wal == 0


@dataclass(frozen=True, slots=True)
class SanitizationProof:
    """That the bytes went: what was written anew (or why nothing could be), and what a search found afterwards."""

    rewritten: dict[str, dict[str, int]]
    not_rewritten: str
    residue: ResidualScan


@dataclass(frozen=True, slots=True)
class PurgeView:
    """How far an erasure is, for the seller. `certificate_issued_at` is None until it is proven."""

    connection: UUID
    begun_at: datetime
    rows_planned: int
    rows_deleted: int
    erased_at: datetime | None
    completed_at: datetime | None
    certificate_issued_at: datetime | None


@dataclass(frozen=True, slots=True)
class VerifiedCertificate:
    """A certificate whose signature fits every byte of the file."""

    body: dict[str, object]
    public_key: str
