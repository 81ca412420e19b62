"""All-orders reports: tab-separated, one row per order line.

They have no key, and hold the whole region whatever marketplaces were requested.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from theseller.emulator.amount_and_time_formats import amount
from theseller.emulator.canary_texts import canary
from theseller.emulator.reports.types import ReportGenerator, ReportOrder, regional_encoding
from theseller.emulator.world.order_types import Line, Order
from theseller.emulator.world.random_draws import number
from theseller.emulator.world.sellers import Seller
from theseller.emulator.world.world_queries import World

LAST_UPDATE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
ORDER_DATE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
COLUMNS = (
    "amazon-order-id", "merchant-order-id", "purchase-date", "last-updated-date", "order-status",
    "order-item-id", "fulfillment-channel", "sales-channel", "order-channel", "ship-service-level",
    "product-name", "sku", "asin", "item-status", "quantity", "currency", "item-price", "item-tax",
    "shipping-price", "shipping-tax", "gift-wrap-price", "gift-wrap-tax", "item-promotion-discount",
    "ship-promotion-discount", "ship-city", "ship-state", "ship-postal-code", "ship-country",
    "promotion-ids", "cpf", "is-business-order", "purchase-order-number", "price-designation",
)  # fmt: skip
_STATUS = {
    "PENDING": "Pending",
    "UNSHIPPED": "Unshipped",
    "SHIPPED": "Shipped",
    "CANCELLED": "Cancelled",
}


def columns(report_type: str, seller: Seller) -> tuple[str, ...]:
    """Return the names of the columns.

    `cpf` is in the report by order date only. Europe has the older set, without order-item-id.
    """
    left_out = set()
    if report_type == LAST_UPDATE:
        left_out.add("cpf")
    if seller.region == "eu":
        left_out.add("order-item-id")
    return tuple(column for column in COLUMNS if column not in left_out)


def orders(
    world: World, seller: Seller, report_type: str, start: datetime, end: datetime, at: datetime
) -> Iterator[Order]:
    """Yield the orders that the report of [start, end) holds.

    They are as Amazon knew them at `at`.
    """
    stores, last = list(seller.stores), min(end - timedelta(microseconds=1), at)
    if report_type == LAST_UPDATE:
        return world.orders_updated(seller, stores, start, last, at)
    return world.orders_created(seller, stores, start, last)


def rows(
    world: World, seller: Seller, report_type: str, start: datetime, end: datetime, at: datetime
) -> list[tuple[str, ...]]:
    """Return the rows of [start, end) as Amazon knew them at `at`."""
    wanted = columns(report_type, seller)
    found = orders(world, seller, report_type, start, end, at)
    picked = (_row(world.seed, order, line, at) for order in found for line in order.lines)
    return [tuple(row[column] for column in wanted) for row in picked]


def write(header: tuple[str, ...], body: list[tuple[str, ...]]) -> str:
    """Return the document's text."""
    return "".join("\t".join(row) + "\r\n" for row in (header, *body))


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _row(seed: int, order: Order, line: Line, at: datetime) -> dict[str, str]:
    status = order.status(at)
    store = order.store.marketplace
    priced = status in {"UNSHIPPED", "SHIPPED"} and not order.off_amazon
    # In many cancelled rows the quantity is 0; in the others it stays. Readers must rely on the
    # status alone.
    emptied = status == "CANCELLED" and number(seed, order.id, line.item_id, below=4) > 0

    def paid(minor: int) -> str:
        return amount(minor, store.currency) if priced else ""

    def plant(column: str) -> str:
        return canary(seed, column, order.id)

    return {
        "amazon-order-id": order.id,
        "merchant-order-id": order.id,
        "purchase-date": _stamp(order.created),
        "last-updated-date": _stamp(order.last_updated(at)),
        "order-status": _STATUS[status],
        "order-item-id": line.item_id,
        "fulfillment-channel": "Amazon" if order.by_amazon else "Merchant",
        "sales-channel": "Non-Amazon" if order.off_amazon else store.sales_channel,
        "order-channel": "WebsiteOrderChannel",
        "ship-service-level": order.service_level.capitalize(),
        "product-name": line.product.title(order.store),
        "sku": line.product.sku,
        "asin": line.product.asin,
        "item-status": _STATUS[status] if status != "PENDING" else "Unshipped",
        "quantity": "0" if emptied else str(line.quantity),
        "currency": store.currency if priced else "",
        "item-price": paid(line.price),
        "item-tax": paid(line.tax),
        "shipping-price": paid(line.shipping) if line.shipping else "",
        "shipping-tax": paid(line.shipping_tax) if line.shipping else "",
        "gift-wrap-price": paid(line.gift_wrap) if line.gift_wrap else "",
        "gift-wrap-tax": paid(line.gift_wrap_tax) if line.gift_wrap else "",
        "item-promotion-discount": paid(line.discount) if line.discount else "",
        "ship-promotion-discount": paid(line.shipping_discount) if line.shipping_discount else "",
        "ship-city": plant("ship-city"),
        "ship-state": plant("ship-state"),
        "ship-postal-code": plant("ship-postal-code"),
        "ship-country": order.destination,
        "promotion-ids": ",".join(line.promotion_ids),
        "cpf": plant("cpf"),
        "is-business-order": "true" if order.business else "false",
        "purchase-order-number": plant("purchase-order-number"),
        "price-designation": "Business Price" if order.business else "",
    }


def _has_data(world: World, order: ReportOrder) -> bool:
    found = orders(world, order.seller, order.report_type, order.start, order.end, order.at)
    return next(found, None) is not None


def _render(world: World, order: ReportOrder) -> str:
    body = rows(world, order.seller, order.report_type, order.start, order.end, order.at)
    return write(columns(order.report_type, order.seller), body)


def _with_byte_order_mark(seller: Seller) -> str:
    encoding = regional_encoding(seller)
    return "utf-8-sig" if encoding == "utf-8" else encoding


_FULFILLING = frozenset({"Amazon Fulfillment", "Inventory and Order Tracking"})
_LONGEST = timedelta(days=30)
GENERATORS = (
    ReportGenerator(
        report_type=LAST_UPDATE,
        roles=_FULFILLING | {"Product Listing"},
        has_data=_has_data,
        render=_render,
        encoding=regional_encoding,
        longest=_LONGEST,
    ),
    ReportGenerator(
        report_type=ORDER_DATE,
        roles=_FULFILLING | {"Pricing"},
        has_data=_has_data,
        render=_render,
        encoding=_with_byte_order_mark,
        longest=_LONGEST,
    ),
)
