"""All handlers of reports, by type."""

from __future__ import annotations

from theseller.amazon.reports import ReportType
from theseller.ingest.report_handlers import (
    all_orders,
    customer_returns,
    sales_and_traffic,
    settlement,
    transaction_report,
)
from theseller.ingest.report_handlers.types import Facts, ReportHandler

HANDLERS: tuple[ReportHandler, ...] = (
    all_orders.HANDLER,
    settlement.HANDLER,
    customer_returns.HANDLER,
    sales_and_traffic.HANDLER,
    transaction_report.HANDLER,
)
_BY_TYPE = {kind: handler for handler in HANDLERS for kind in handler.types}


def handler_of(report_type: ReportType) -> ReportHandler:
    """Return the handler of a type. Every type has one; a test checks it."""
    return _BY_TYPE[report_type]


def types_completing(facts: Facts) -> list[str]:
    """Return the report types that complete `facts` for the time they cover."""
    return [kind.value for kind, handler in _BY_TYPE.items() if handler.completes is facts]
