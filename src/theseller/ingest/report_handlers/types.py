"""What a handler of reports consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from theseller.amazon.reports import Inspection, ReportStream, ReportType
from theseller.ingest.types import WriteResult
from theseller.lib.marketplaces import Region, by_code
from theseller.lib.translation_marks import MarkedText


class Facts(StrEnum):
    """Facts that a stored document completes for the time it covers."""

    ORDERS = "orders"
    MONEY = "money"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the rows of a report are stored.

    An open connection, at an instant.
    """

    tenant: UUID
    connection: UUID
    marketplace_ids: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredReport:
    """What a handler stored.

    `source_key` identifies the document among those of its type: a settlement's number, or the
    SHA-256 of a file. `covers_from`, `covers_until`: the first and last instant it completes.
    """

    result: WriteResult
    source_key: str
    covers_from: datetime
    covers_until: datetime


def regions_by_store(inspection: Inspection) -> frozenset[Region]:
    """Return the regions of the stores that a report names."""
    return frozenset(by_code(code).region for code in inspection.marketplaces)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHandler:
    """What to do with the reports of one kind.

    Attributes:
        types: the report types; how they are recognized is in `theseller.amazon.reports`.
        unchanged_text: says how many of what is replaced as a whole (orders) were unchanged.
        outdated_text: says how many of them were left out, because a newer version is stored.
        outside_text: says how many lines outside the stored facts were left out, and why.
        write: stores the rows of a stream in the caller's transaction. Raises ReportRefusedError.
        completes: the facts that a stored document completes, if any.
        regions: the regions that an inspected report belongs to.
    """

    types: tuple[ReportType, ...]
    unchanged_text: Callable[[int], MarkedText]
    outdated_text: Callable[[int], MarkedText]
    outside_text: Callable[[int], MarkedText]
    write: Callable[[ReportStream, Target], StoredReport]
    completes: Facts | None = None
    regions: Callable[[Inspection], frozenset[Region]] = regions_by_store
