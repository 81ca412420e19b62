"""Handler of Sales and Traffic reports: write traffic by day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any

from theseller.amazon.reports import (
    Inspection,
    ReportRefusedError,
    ReportStream,
    ReportType,
)
from theseller.ingest.facts.traffic_writer import write_traffic
from theseller.ingest.report_handlers.covered_period import covered
from theseller.ingest.report_handlers.types import ReportHandler, StoredReport, Target
from theseller.lib.marketplaces import by_code
from theseller.lib.translation_marks import gettext_noop, marked, marked_days, ngettext


def _write(stream: ReportStream, target: Target) -> StoredReport:
    batches: Iterator[list[Any]] = stream.batches()
    result = write_traffic(
        chain.from_iterable(batches),
        tenant=target.tenant,
        connection=target.connection,
        at=target.at,
    )
    inspection = stream.require_inspection()
    _refuse_future(inspection, target.at)
    return StoredReport(result, _source_key(inspection), *covered(inspection))


def _source_key(inspection: Inspection) -> str:
    """Return what identifies the document: its content, and what was stated."""
    stated = inspection.period.days if inspection.stores_possible else {}
    parts = [f"{code}:{first}:{last}" for code, (first, last) in stated.items()]
    return ":".join([inspection.sha256, *parts])


def _refuse_future(inspection: Inspection, at: datetime) -> None:
    """Refuse days that a person chose by mistake: they have not begun.

    Raises:
        ReportRefusedError: there is one.
    """
    if not inspection.stores_possible:  # The document itself names its store and days.
        return
    for code, (_, last) in inspection.period.days.items():
        store = by_code(code)
        if last > store.local_day(at):
            raise ReportRefusedError(
                marked(
                    gettext_noop("%(day)s has not begun in %(store)s"),
                    day=marked_days(last, last),
                    store=store.sales_channel,
                ),
                gettext_noop("Choose the days that the report was downloaded for."),
            )


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
