"""All formats of reports that are read. The columns that may pass are in `types.COLUMNS`."""

from __future__ import annotations

from theseller.amazon.reports import all_orders, sales_and_traffic, settlement
from theseller.amazon.reports.formats import FlatFormat, JsonFormat
from theseller.amazon.reports.types import ReportType

FLAT_FORMATS: tuple[FlatFormat, ...] = (settlement.FORMAT, all_orders.FORMAT)
#: One only: a second one needs a look at the type that the document names before it is decoded.
JSON_FORMAT: JsonFormat = sales_and_traffic.FORMAT
_FLAT_BY_TYPE = {kind: form for form in FLAT_FORMATS for kind in form.types}
_FORMATS: tuple[FlatFormat | JsonFormat, ...] = (*FLAT_FORMATS, JSON_FORMAT)
_MUST_ADD_UP = frozenset(kind for form in _FORMATS if form.must_add_up for kind in form.types)


def flat_format(report_type: ReportType) -> FlatFormat:
    """Return the format of a tab-separated report."""
    return _FLAT_BY_TYPE[report_type]


def must_add_up(report_type: ReportType | None) -> bool:
    """Return whether no row of such a report may be left out."""
    return report_type in _MUST_ADD_UP
