"""Amazon's reports, from bytes to rows.

The same decoders serve the Reports API and the files that sellers download themselves. Pure: no
Django, no HTTP, nothing on disk. `inspect_report`, `read_report` and `stream_report` are the entry
points; data passes through `replayable_source`, `encoding_detection`, `report_text_reader`,
`flat_file_header` (allow-list), and `all_orders`, `settlement` or `transaction_report`; JSON passes
through `sales_and_traffic`, and other CSV through `business_report`.
"""

from __future__ import annotations

from theseller.amazon.reports.all_orders import AllOrdersLine
from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.format_registry import must_add_up
from theseller.amazon.reports.inspection_result import Inspection, Period, RefusedRow
from theseller.amazon.reports.replayable_source import Chunks, Limits, Source
from theseller.amazon.reports.report_reader import (
    Options,
    Report,
    ReportStream,
    inspect_report,
    read_report,
    stream_report,
)
from theseller.amazon.reports.report_text_reader import open_report
from theseller.amazon.reports.report_types_and_columns import ReportType, SettlementSummary
from theseller.amazon.reports.sales_and_traffic_structs import TrafficDay, TrafficProduct
from theseller.amazon.reports.settlement import SettlementLine
from theseller.amazon.reports.stated_scope import NOTHING_STATED, Question, Stated
from theseller.amazon.reports.transaction_report import TransactionRow

__all__ = [
    "NOTHING_STATED",
    "AllOrdersLine",
    "Chunks",
    "Inspection",
    "Limits",
    "Options",
    "Period",
    "Question",
    "RefusedRow",
    "Report",
    "ReportRefusedError",
    "ReportStream",
    "ReportType",
    "SettlementLine",
    "SettlementSummary",
    "Source",
    "Stated",
    "TrafficDay",
    "TrafficProduct",
    "TransactionRow",
    "inspect_report",
    "must_add_up",
    "open_report",
    "read_report",
    "stream_report",
]
