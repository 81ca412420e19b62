"""All handlers of reports, by type."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from theseller.amazon.reports import ReportType
from theseller.ingest.reports import all_orders, sales_and_traffic, settlement
from theseller.ingest.reports.types import Facts, ReportHandler

#: In the order in which the command line lists them.
HANDLERS: tuple[ReportHandler, ...] = (
    all_orders.HANDLER,
    settlement.HANDLER,
    sales_and_traffic.HANDLER,
)
_BY_TYPE = {kind: handler for handler in HANDLERS for kind in handler.titles}
#: Name on the command line → type.
TYPE_NAMES: Mapping[str, ReportType] = MappingProxyType({name: kind for handler in HANDLERS for name, kind in handler.names.items()})


def handler_of(report_type: ReportType) -> ReportHandler:
    """Return the handler of a type. Every type has one; a test checks it."""
    return _BY_TYPE[report_type]


def types_completing(facts: Facts) -> list[str]:
    """Return the types whose stored documents complete `facts` for the time they cover."""
    return [kind.value for kind, handler in _BY_TYPE.items() if handler.completes is facts]


def title(report_type: str | None) -> str:
    """Return what Seller Central calls a report type; the type itself if it is unknown."""
    for kind, handler in _BY_TYPE.items():
        if kind == report_type:
            return handler.titles[kind]
    return report_type or "not recognized"
