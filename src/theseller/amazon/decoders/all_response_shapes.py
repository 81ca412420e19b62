"""Every known response shape, by operation.

The conformance test compares them with Amazon's models.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from theseller.amazon.decoders.finances_balances_and_summaries import LIST_BALANCES, LIST_SUMMARY
from theseller.amazon.decoders.inventory import GET_INVENTORY_SUMMARIES
from theseller.amazon.decoders.marketplace_participations import GET_MARKETPLACE_PARTICIPATIONS
from theseller.amazon.decoders.order_metrics import GET_ORDER_METRICS
from theseller.amazon.decoders.orders import GET_ORDER, SEARCH_ORDERS
from theseller.amazon.decoders.reports_api import (
    CREATE_REPORT,
    GET_REPORT,
    GET_REPORT_DOCUMENT,
    GET_REPORTS,
)
from theseller.amazon.decoders.response_shape import Shape
from theseller.amazon.decoders.transactions import LIST_TRANSACTIONS

_ALL: tuple[Shape[Any], ...] = (
    SEARCH_ORDERS,
    GET_ORDER,
    LIST_TRANSACTIONS,
    LIST_BALANCES,
    LIST_SUMMARY,
    GET_INVENTORY_SUMMARIES,
    GET_MARKETPLACE_PARTICIPATIONS,
    CREATE_REPORT,
    GET_REPORTS,
    GET_REPORT,
    GET_REPORT_DOCUMENT,
    GET_ORDER_METRICS,
)
SHAPES: Mapping[str, Shape[Any]] = MappingProxyType({shape.operation: shape for shape in _ALL})
