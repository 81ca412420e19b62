"""Handler of transaction reports: write their rows to the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import chain
from operator import itemgetter
from typing import Any

from theseller.amazon.reports import (
    Inspection,
    ReportRefusedError,
    ReportStream,
    ReportType,
    TransactionRow,
)
from theseller.ingest.facts.transaction_report_writer import write_transaction_report
from theseller.ingest.report_handlers.types import (
    Facts,
    ReportHandler,
    StoredReport,
    Target,
    regions_by_store,
)
from theseller.lib.marketplaces import MARKETPLACES, Region, by_code
from theseller.lib.translation_marks import ngettext

_posted_at_of = itemgetter(TransactionRow.__struct_fields__.index("posted_at"))


def _write(stream: ReportStream, target: Target) -> StoredReport:
    span = _Span()
    result = write_transaction_report(
        chain.from_iterable(span.noted(stream.batches())),
        tenant=target.tenant,
        connection=target.connection,
        marketplace_ids=target.marketplace_ids,
        at=target.at,
    )
    inspection = stream.require_inspection()
    return StoredReport(result, inspection.sha256, *span.whole_days(inspection))


class _Span:
    """Notes the first and the last posting of a file while its rows are read."""

    def __init__(self) -> None:
        self._seen: list[datetime] = []

    def noted(self, batches: Iterator[list[Any]]) -> Iterator[list[Any]]:
        """Yield the batches as they are."""
        for batch in batches:
            posted = [*map(_posted_at_of, batch), *self._seen]
            self._seen = [min(posted), max(posted)] if posted else []
            yield batch

    def whole_days(self, inspection: Inspection) -> tuple[datetime, datetime]:
        """Return the first and last instant of the days of the transactions.

        Amazon makes such files by days; they are each store's own.

        Raises:
            ReportRefusedError: the file holds no transaction.
        """
        if not self._seen:
            raise ReportRefusedError("the file holds no transactions")
        first, last = self._seen
        zones: list[tzinfo] = [by_code(code).zone for code in inspection.marketplaces] or [UTC]
        begins = [datetime.combine(first.astimezone(zone), time(), zone) for zone in zones]
        ends = [
            datetime.combine(last.astimezone(zone) + timedelta(days=1), time(), zone)
            for zone in zones
        ]
        return (
            min(begins).astimezone(UTC),
            max(ends).astimezone(UTC) - timedelta(microseconds=1),
        )


def _regions(inspection: Inspection) -> frozenset[Region]:
    """Return the regions of the stores, else those of the currency."""
    return regions_by_store(inspection) or frozenset(
        store.region for store in MARKETPLACES.values() if store.currency in inspection.currencies
    )


HANDLER = ReportHandler(
    types=(ReportType.TRANSACTIONS,),
    unchanged_text=lambda number: ngettext(
        "%(number)s transaction unchanged.", "%(number)s transactions unchanged.", number
    ),
    outdated_text=lambda number: ngettext(
        "%(number)s transaction skipped: it is stored as released.",
        "%(number)s transactions skipped: they are stored as released.",
        number,
    ),
    outside_text=lambda number: ngettext(
        "%(number)s line skipped: sales outside Amazon's stores.",
        "%(number)s lines skipped: sales outside Amazon's stores.",
        number,
    ),
    write=_write,
    completes=Facts.MONEY,
    regions=_regions,
)
