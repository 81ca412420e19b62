"""The structs of a Sales and Traffic report: its allow-list and rows.

msgspec skips every other field without making a value of it. Shapes: Amazon's schema
`sellerSalesAndTrafficReport.json`.
"""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec

from theseller.lib.marketplaces import Marketplace


class TrafficDay(msgspec.Struct, frozen=True):
    """One marketplace-local day of the whole catalog.

    Percentages run from 0 to 100; conversion can exceed 100. None: not given. `alone`: the report
    is about this day only, so that it lists all products of the day.
    """

    marketplace: Marketplace
    day: date
    currency: str
    ordered_product_sales: Decimal
    units_ordered: int
    order_items: int | None
    units_refunded: int | None
    units_shipped: int | None
    orders_shipped: int | None
    sessions: int | None
    page_views: int | None
    buy_box_percentage: Decimal | None
    unit_session_percentage: Decimal | None
    alone: bool = False


class TrafficProduct(msgspec.Struct, frozen=True):
    """One product over the report's period, both days included.

    It is a fact of a day only if `daily`. Percentages as in TrafficDay; None: not given.
    """

    marketplace: Marketplace
    first_day: date
    last_day: date
    daily: bool
    parent_asin: str
    child_asin: str | None
    sku: str | None
    currency: str
    ordered_product_sales: Decimal
    units_ordered: int
    order_items: int | None
    sessions: int | None
    page_views: int | None
    buy_box_percentage: Decimal | None
    unit_session_percentage: Decimal | None


class _Struct(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _Amount(_Struct, frozen=True):
    amount: Decimal
    currency_code: str


_COUNT_MAX = 10**12
_Count = Annotated[int, msgspec.Meta(ge=-_COUNT_MAX, le=_COUNT_MAX)]


class Sales(_Struct, frozen=True):
    """The sales of a row."""

    ordered_product_sales: _Amount
    units_ordered: _Count
    total_order_items: _Count
    units_refunded: _Count | None = None
    units_shipped: _Count | None = None
    orders_shipped: _Count | None = None


class Traffic(_Struct, frozen=True):
    """The traffic of a row; None: not given."""

    sessions: _Count | None = None
    page_views: _Count | None = None
    buy_box_percentage: Decimal | None = None
    unit_session_percentage: Decimal | None = None


class ByDate(_Struct, frozen=True):
    """One row by date."""

    date: date
    sales: Sales = msgspec.field(name="salesByDate")
    traffic: Traffic = msgspec.field(name="trafficByDate")


class ByAsin(_Struct, frozen=True):
    """One row by product."""

    parent_asin: str
    sales: Sales = msgspec.field(name="salesByAsin")
    traffic: Traffic = msgspec.field(name="trafficByAsin")
    child_asin: str | None = None
    sku: str | None = None


class _Options(_Struct, frozen=True):
    date_granularity: str = "DAY"
    asin_granularity: str = "PARENT"


class Specification(_Struct, frozen=True):
    """The request that Amazon repeats in the document."""

    report_type: str
    data_start_time: date
    data_end_time: date
    marketplace_ids: list[str]
    report_options: _Options = _Options()


class Document(_Struct, frozen=True):
    """The document with its rows still undecoded."""

    report_specification: msgspec.Raw
    sales_and_traffic_by_date: list[msgspec.Raw] = []
    sales_and_traffic_by_asin: list[msgspec.Raw] = []


class TooManyRowsError(Exception):
    """The document has more rows than its limit."""


class _Counter(threading.local):
    """How many more rows a count may see, in this thread."""

    left = 0


COUNTER = _Counter()


class _Element(msgspec.Struct, frozen=True):
    """A row of which only its presence is counted."""

    def __post_init__(self) -> None:
        COUNTER.left -= 1
        if COUNTER.left < 0:
            raise TooManyRowsError


class Outline(_Struct, frozen=True):
    """The same document, to count its rows before objects are made of them.

    Equal elements of a set take no memory.
    """

    report_specification: msgspec.Raw
    sales_and_traffic_by_date: set[_Element] = set()
    sales_and_traffic_by_asin: set[_Element] = set()
