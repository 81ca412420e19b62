"""Handler of All Orders reports: write their orders as facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from theseller.amazon.reports import AllOrdersLine, ReportStream, ReportType
from theseller.ingest.facts.write_orders import write_orders
from theseller.ingest.report_handlers.covered_period import covered
from theseller.ingest.report_handlers.types import Facts, ReportHandler, StoredReport, Target
from theseller.lib.translation_marks import ngettext

_last_updated_at_of = itemgetter(AllOrdersLine.__struct_fields__.index("last_updated_at"))
#: An order is updated within days of its purchase: when it is paid and shipped.
_SOON_UPDATED = timedelta(days=3)


def _write(stream: ReportStream, target: Target) -> StoredReport:
    updates = _Updates()
    result = write_orders(
        updates.noted(stream.batches()),
        tenant=target.tenant,
        connection=target.connection,
        at=target.at,
    )
    inspection = stream.require_inspection()
    first, last = covered(inspection)
    if inspection.report_type is ReportType.ALL_ORDERS_BY_LAST_UPDATE:
        first = min(updates.complete_from(first), last)
    return StoredReport(result, inspection.sha256, first, last)


class _Updates:
    """Notes when the orders of a file were first updated.

    It does so while the file's rows are read.
    """

    def __init__(self) -> None:
        self._first: datetime | None = None

    def noted(self, batches: Iterator[list[Any]]) -> Iterator[list[Any]]:
        """Yield the batches as they are."""
        for batch in batches:
            stamps = [_last_updated_at_of(row) for row in batch]
            if stamps:
                self._first = min([*stamps, self._first] if self._first else stamps)
            yield batch

    def complete_from(self, first_purchase: datetime) -> datetime:
        """Return from when on the file holds all orders.

        A file of updated orders also holds the few earlier orders that changed in its period.
        """
        if self._first is None or self._first - first_purchase <= _SOON_UPDATED:
            return first_purchase
        return self._first


HANDLER = ReportHandler(
    types=(ReportType.ALL_ORDERS_BY_ORDER_DATE, ReportType.ALL_ORDERS_BY_LAST_UPDATE),
    unchanged_text=lambda number: ngettext(
        "%(number)s order unchanged.", "%(number)s orders unchanged.", number
    ),
    outdated_text=lambda number: ngettext(
        "%(number)s order skipped: a newer version is stored.",
        "%(number)s orders skipped: a newer version is stored.",
        number,
    ),
    outside_text=lambda number: ngettext(
        "%(number)s line skipped: sales outside Amazon's stores.",
        "%(number)s lines skipped: sales outside Amazon's stores.",
        number,
    ),
    write=_write,
    completes=Facts.ORDERS,
)
