"""Rows of the fact tables, a named tuple per table, with COPY columns.

A field has the name of its column. `tenant_id`, `connection_id` and `source` are the same for all
rows of one write and are added by the statement that inserts them.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, NamedTuple, get_type_hints

Columns = tuple[tuple[str, str], ...]
Int8 = Annotated[int, "int8"]

_SQL_TYPES: dict[object, str] = {
    bool: "boolean",
    date: "date",
    datetime: "timestamptz",
    Decimal: "numeric",
    int: "int4",
    str: "text",
}


class OrderRow(NamedTuple):
    """A row of `ingest_order_line`: one line of an order.

    Amounts are of the whole line.

    `replacement_stated`: what Amazon says of `is_replacement`; None where a document does not say.
    """

    local_day: date
    order_id: str
    line_key: str
    marketplace_id: str
    purchased_at: datetime
    last_updated_at: datetime
    status: str
    fulfilment: str
    is_business: bool
    is_replacement: bool
    sku: str
    asin: str
    quantity: int
    quantity_shipped: int | None
    currency: str | None
    item_price: Decimal | None
    item_tax: Decimal | None
    shipping_price: Decimal | None
    gift_wrap_price: Decimal | None
    promotion_discount: Decimal | None
    replacement_stated: bool | None


class LedgerRow(NamedTuple):
    """A row of `ingest_ledger_line`: one amount that Amazon booked.

    The amount has the ledger's sign.

    `source_key`: the transaction or the settlement. `supersedes`: the deferred transaction that
    this one releases. `store_named`: whether Amazon attributes the money to a store.
    `matures_at`: when Amazon releases a deferred transaction, if it states that.
    """

    local_day: date
    source_key: str
    source_line: int
    marketplace_id: str
    posted_at: datetime
    state: str
    kind: str
    transaction_type: str
    breakdown: str
    currency: str
    amount: Decimal
    quantity: int | None
    order_id: str | None
    sku: str | None
    asin: str | None
    supersedes: str | None
    settlement_id: str | None
    group_id: str | None
    store_named: bool
    matures_at: datetime | None


class ProductRow(NamedTuple):
    """A row of `ingest_product`: the name of a store's SKU at `updated_at`."""

    marketplace_id: str
    sku: str
    asin: str
    title: str
    updated_at: datetime


class InventoryRow(NamedTuple):
    """A row of `ingest_inventory`: units of a SKU in Amazon's warehouses.

    As of the pull.
    """

    sku: str
    condition: str
    asin: str
    fnsku: str
    fulfillable: int
    inbound: int
    reserved: int
    unfulfillable: int
    total: int
    as_of: datetime


class TrafficRow(NamedTuple):
    """A row of `ingest_traffic_day`: a day of a store or of one product.

    A blank ASIN is the whole store. Percentages are 0 to 100.
    """

    marketplace_id: str
    local_day: date
    asin: str
    sessions: Int8
    page_views: Int8
    units_ordered: Int8
    ordered_sales: Decimal
    currency: str
    buy_box_percent: Decimal | None


class ReturnRow(NamedTuple):
    """A row of `ingest_return`: one row of a returns report.

    `occurrence` counts the rows of one instant, order, SKU and FNSKU.
    """

    returned_at: datetime
    order_id: str
    sku: str
    fnsku: str
    occurrence: int
    marketplace_id: str
    local_day: date
    asin: str
    quantity: int
    fulfillment_center: str
    disposition: str
    reason: str
    status: str


def columns_of(row: type[NamedTuple]) -> Columns:
    """Return (column, SQL type) for each field of a row type, in order."""
    hints = get_type_hints(row, include_extras=True)
    return tuple((name, _sql_type(hint)) for name, hint in hints.items())


def names_of(columns: Columns) -> str:
    """Return the names of columns as an SQL list."""
    return ", ".join(name for name, _ in columns)


def _sql_type(hint: object) -> str:
    given = getattr(hint, "__metadata__", None)
    if given:
        return str(given[0])
    options = getattr(hint, "__args__", (hint,))
    return next(_SQL_TYPES[one] for one in options if one is not type(None))


ORDER_COLUMNS = columns_of(OrderRow)
LEDGER_COLUMNS = columns_of(LedgerRow)
PRODUCT_COLUMNS = columns_of(ProductRow)
INVENTORY_COLUMNS = columns_of(InventoryRow)
TRAFFIC_COLUMNS = columns_of(TrafficRow)
RETURN_COLUMNS = columns_of(ReturnRow)
