"""Handler of FBA customer returns: write returned units."""

from __future__ import annotations

from itertools import chain

from theseller.amazon.reports import ReportRefusedError, ReportStream, ReportType
from theseller.amazon.reports.stated_scope import NO_STORE
from theseller.ingest.facts.return_writer import write_returns
from theseller.ingest.report_handlers.covered_period import covered
from theseller.ingest.report_handlers.types import ReportHandler, StoredReport, Target
from theseller.lib.translation_marks import ngettext


def _write(stream: ReportStream, target: Target) -> StoredReport:
    store = stream.stated_store
    if store is None:
        raise ReportRefusedError(*NO_STORE)
    result = write_returns(
        chain.from_iterable(stream.batches()),  # type: ignore[arg-type]  # rows are tuples here
        stated=store,
        tenant=target.tenant,
        connection=target.connection,
        at=target.at,
    )
    inspection = stream.require_inspection()
    return StoredReport(result, inspection.sha256, *covered(inspection))


HANDLER = ReportHandler(
    types=(ReportType.CUSTOMER_RETURNS,),
    unchanged_text=lambda number: ngettext(
        "%(number)s return unchanged.", "%(number)s returns unchanged.", number
    ),
    outdated_text=lambda number: ngettext(
        "%(number)s return skipped: a file with more of the same units is stored.",
        "%(number)s returns skipped: files with more of the same units are stored.",
        number,
    ),
    outside_text=lambda number: ngettext(
        "%(number)s line skipped: sales outside Amazon's stores.",
        "%(number)s lines skipped: sales outside Amazon's stores.",
        number,
    ),
    write=_write,
)
