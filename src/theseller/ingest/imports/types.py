"""Outcomes of an import.

Does not import Django, so that `theseller inspect` can use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from theseller.amazon.reports import Inspection
from theseller.ingest.types import WriteResult
from theseller.lib.marketplaces import Region


class ImportStatus(StrEnum):
    """How an import ended.

    Only `imported` changed anything; only `refused` is a failure.
    """

    ALREADY = "already"
    EMPTY = "empty"
    IMPORTED = "imported"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """The outcome of one file.

    `why_not` and `advice` are set only if it was refused; `since` is when an earlier import of the
    same content was recorded.
    """

    status: ImportStatus
    inspection: Inspection
    written: WriteResult = field(default_factory=WriteResult)
    region: Region | None = None
    document: UUID | None = None
    since: datetime | None = None
    why_not: str = ""
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Say whether the file was not refused."""
        return self.status is not ImportStatus.REFUSED


@dataclass(frozen=True, slots=True)
class ImportedDocument:
    """A recorded import, as the page lists it.

    `fingerprint`: the first 12 digits of the content's SHA-256.
    """

    report_type: str
    marketplace_ids: tuple[str, ...]
    covers_from: datetime
    covers_until: datetime
    rows_kept: int
    rows_skipped: int
    fingerprint: str
    recorded_at: datetime
