"""Sales v1: Amazon's own totals of orders, an independent check on ours."""

from __future__ import annotations

import msgspec

from theseller.amazon.decoders.orders import Amount
from theseller.amazon.decoders.response_field_types import Count, Wire
from theseller.amazon.decoders.response_shape import Shape, dropped


class OrderMetrics(Wire, frozen=True):
    """Totals of one `interval`.

    The interval is ISO 8601, start and end joined by two hyphens, in the requested time zone.
    """

    interval: str
    unit_count: Count
    order_item_count: Count
    order_count: Count
    total_sales: Amount | None = None
    average_unit_price: Amount | None = None


class _GetOrderMetrics(Wire, frozen=True):
    payload: list[OrderMetrics]


class OrderMetricsPage(msgspec.Struct, frozen=True, gc=False):
    """The answer of getOrderMetrics."""

    metrics: tuple[OrderMetrics, ...]
    drift: tuple[str, ...]


GET_ORDER_METRICS = Shape(
    "getOrderMetrics", _GetOrderMetrics, dropped(unneeded="errors[]: code message details")
)


def decode_order_metrics(body: bytes) -> OrderMetricsPage:
    """Decode an answer of getOrderMetrics.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    return OrderMetricsPage(
        tuple(GET_ORDER_METRICS.decode(body).payload), GET_ORDER_METRICS.drift(body)
    )
