"""Handler of Sales and Traffic reports: write traffic by day."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from theseller.amazon.reports import ReportStream, ReportType
from theseller.ingest.facts.traffic_writer import write_traffic
from theseller.ingest.report_handlers.covered_period import covered
from theseller.ingest.report_handlers.types import ReportHandler, StoredReport, Target
from theseller.lib.translation_marks import ngettext


def _write(stream: ReportStream, target: Target) -> StoredReport:
    batches: Iterator[list[Any]] = stream.batches()
    result = write_traffic(
        chain.from_iterable(batches),
        tenant=target.tenant,
        connection=target.connection,
        at=target.at,
    )
    inspection = stream.require_inspection()
    return StoredReport(result, inspection.sha256, *covered(inspection))


HANDLER = ReportHandler(
    types=(ReportType.SALES_AND_TRAFFIC,),
    unchanged_text=lambda number: ngettext(
        "%(number)s day unchanged.", "%(number)s days unchanged.", number
    ),
    outdated_text=lambda number: ngettext(
        "%(number)s day skipped: a newer version is stored.",
        "%(number)s days skipped: a newer version is stored.",
        number,
    ),
    outside_text=lambda number: ngettext(
        "%(number)s row skipped: by product over more than one day.",
        "%(number)s rows skipped: by product over more than one day.",
        number,
    ),
    write=_write,
)
