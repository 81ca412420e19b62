"""Types of erasures: subjects, journal entries, records and certificates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from theseller.connections.types import DisconnectReason
from theseller.lib.secret_type import Secret
from theseller.lib.translation_marks import gettext_noop


class SubjectKind(StrEnum):
    """What an erasure is about.

    The values are stored in tables, in the erasure journal and in older certificates.
    """

    CONNECTION = gettext_noop("connection")
    USER = gettext_noop("person")
    TENANT = gettext_noop("shop")

    @property
    def certified(self) -> str:
        """Return how certificates name the kind: `connection`, `tenant` or `user`."""
        return self.name.lower()


#: How the audit log names a subject, before its id.
_IN_THE_LOG = {
    SubjectKind.CONNECTION: "connection",
    SubjectKind.TENANT: "tenant",
    SubjectKind.USER: "user",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is erased, by its id.

    `tenant` is the tenant that it belongs to, None for a user. `others` are ids that are erased
    with it: a tenant's users.
    """

    kind: SubjectKind
    id: UUID
    tenant: UUID | None
    others: tuple[UUID, ...] = ()

    @property
    def scope(self) -> UUID:
        """Return the id whose scope the record and the certificate are in.

        It is that of the tenant, or a user's own.
        """
        return self.tenant or self.id

    @property
    def name(self) -> str:
        """Return the name of the subject in the audit log."""
        return f"{_IN_THE_LOG[self.kind]}:{self.id}"


class JournalUnreadableError(ValueError):
    """An entry of the erasure journal can't be read.

    The text says which and what to do; it holds ids only.
    """


@dataclass(frozen=True, slots=True)
class JournalLink:
    """A link to a certificate, by the SHA-256 of its token."""

    token_hash: bytes
    made_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One entry of the erasure journal: what was erased, and when.

    Of a connection: `tenant` and `reason` are None if only the tombstone of its key tells of it. Of
    a user: `own_request` if they requested it, and did not just lose their last tenant. Of a tenant
    or a user: `links` lead to the certificate.
    """

    kind: SubjectKind
    id: UUID
    at: datetime
    tenant: UUID | None = None
    reason: DisconnectReason | None = None
    own_request: bool = False
    links: tuple[JournalLink, ...] = ()


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to a certificate that is to come.

    The token is shown once; the database stores its hash.
    """

    token: Secret
    token_hash: bytes
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """What one run did for a subject.

    `deleted`: rows by step of deletion. `left`: rows by table that a count by another role found,
    all zero or it is not complete. `completed`: it is certified. `waiting`: what the next run waits
    for, if anything.
    """

    subject: Subject
    deleted: dict[str, int]
    left: dict[str, int]
    completed: bool
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """The record of an erasure.

    `plan` and `deleted` have rows by table and by step; `rewritten` has, by relation, the bytes
    before and after and the milliseconds of it. `erased_xid` is a transaction later than all that
    deleted rows.
    """

    requested_at: datetime
    begun_at: datetime | None
    plan: dict[str, int]
    deleted: dict[str, int]
    erased_at: datetime | None
    erased_xid: int | None
    rewritten: dict[str, dict[str, int]]
    wal_from: str | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ResidualScan:
    """What was searched and found.

    `not_searched` says why the database's files were not searched, "" if they were. `hits` are
    places with the connection's id in the files of the tables that were rewritten, and
    in files that belong to no table; `older_wal` counts files of WAL from before the rewriting;
    `log_hits` are places in the program's own logs.
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
        """Whether no residual data was found, in the database and older WAL."""
        return self.hits == 0 and self.older_wal == 0


@dataclass(frozen=True, slots=True)
class SanitizationProof:
    """What was rewritten, or why not, and what a search of the disk found."""

    rewritten: dict[str, dict[str, int]]
    not_rewritten: str
    residue: ResidualScan


@dataclass(frozen=True, slots=True)
class ErasureView:
    """How far the erasure of a connection is, for the seller.

    `certificate_issued_at` is None until it is certified.
    """

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


@dataclass(frozen=True, slots=True)
class ErasureSummary:
    """One line of the operators' list of erasures of tenants and users."""

    subject: UUID
    kind: SubjectKind
    requested_at: datetime
    erased_at: datetime | None
    completed_at: datetime | None
    certificate: UUID | None
