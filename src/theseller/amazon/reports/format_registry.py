"""All formats of reports that are read.

The columns that may pass are in `report_types_and_columns.COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from theseller.amazon.reports import (
    all_orders,
    business_report,
    customer_returns,
    sales_and_traffic,
    settlement,
    transaction_report,
)
from theseller.amazon.reports.format_types import CsvFormat, FlatFormat, JsonFormat
from theseller.amazon.reports.report_types_and_columns import ReportType

FLAT_FORMATS: tuple[FlatFormat, ...] = (
    all_orders.FORMAT,
    settlement.FORMAT,
    customer_returns.FORMAT,
    transaction_report.FORMAT,
)
#: One only: before a second one, read which type the document names, then choose.
JSON_FORMAT: JsonFormat = sales_and_traffic.FORMAT
JSON_TYPE = ReportType.SALES_AND_TRAFFIC
#: Other forms of reports that `FORMATS` has.
CSV_FORMATS: tuple[CsvFormat, ...] = (business_report.FORMAT,)
FORMATS: tuple[FlatFormat | JsonFormat, ...] = (*FLAT_FORMATS, JSON_FORMAT)
_FLAT_BY_TYPE = {kind: form for form in FLAT_FORMATS for kind in form.titles}
_TITLES = {kind.value: title for form in FORMATS for kind, title in form.titles.items()}
_MUST_ADD_UP = frozenset(kind for form in FORMATS if form.must_add_up for kind in form.titles)
#: Short name, for the command line → report type.
TYPE_NAMES: Mapping[str, ReportType] = MappingProxyType(
    {name: kind for form in FORMATS for name, kind in form.names.items()}
)


def flat_format(report_type: ReportType) -> FlatFormat:
    """Return the format of a tab-separated report."""
    return _FLAT_BY_TYPE[report_type]


def must_add_up(report_type: ReportType | None) -> bool:
    """Return whether no row of such a report may be left out."""
    return report_type in _MUST_ADD_UP


def title(report_type: str | None) -> str:
    """Return the name of a report type in Seller Central.

    A type that we don't read is returned as it is.
    """
    return _TITLES.get(report_type or "", report_type or "not recognized")
