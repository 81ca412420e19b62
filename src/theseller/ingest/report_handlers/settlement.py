"""Handler of settlement reports (V2): write their lines to the ledger."""

from __future__ import annotations

from itertools import chain

from theseller.amazon.reports import Inspection, ReportRefusedError, ReportStream, ReportType
from theseller.ingest.facts.ledger_writer import write_settlement
from theseller.ingest.report_handlers.types import (
    Facts,
    ReportHandler,
    StoredReport,
    Target,
    regions_by_store,
)
from theseller.lib.marketplaces import MARKETPLACES, Region
from theseller.lib.translation_marks import ngettext


def _write(stream: ReportStream, target: Target) -> StoredReport:
    lines = list(chain.from_iterable(stream.batches()))
    summary = stream.summary
    if summary is None:
        raise ReportRefusedError("the file holds no settlement")
    result = write_settlement(
        summary,
        lines,
        tenant=target.tenant,
        connection=target.connection,
        marketplace_ids=target.marketplace_ids,
        at=target.at,
    )
    first, last = sorted((summary.starts_at, summary.ends_at))
    return StoredReport(result, summary.settlement_id, first, last)


def _regions(inspection: Inspection) -> frozenset[Region]:
    """Return the regions of the stores.

    A settlement of fees alone names no store: its currency decides.
    """
    return regions_by_store(inspection) or frozenset(
        store.region for store in MARKETPLACES.values() if store.currency in inspection.currencies
    )


HANDLER = ReportHandler(
    types=(ReportType.SETTLEMENT_V2,),
    unchanged_text=lambda number: ngettext(
        "%(number)s settlement unchanged.", "%(number)s settlements unchanged.", number
    ),
    outdated_text=lambda number: ngettext(
        "%(number)s settlement skipped: a newer version is stored.",
        "%(number)s settlements skipped: a newer version is stored.",
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
