"""Reduction of decoded orders to rows.

The decoders have no field for a name or an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import repeat
from operator import attrgetter, is_
from typing import Any, cast

from theseller.amazon.decoders.orders import Order, OrderItem
from theseller.amazon.reports import AllOrdersLine
from theseller.amazon.reports.report_reader import Row as ReportRow
from theseller.ingest.facts.fact_age_limit import oldest_kept
from theseller.ingest.facts.fact_row_types import OrderRow, ProductRow
from theseller.ingest.facts.local_days import LocalDays
from theseller.lib.marketplaces import MARKETPLACES, Marketplace

_FIELDS = AllOrdersLine.__struct_fields__
_VALUES = attrgetter(*_FIELDS)
#: Positions and not itemgetters: a call for each row would cost a tenth of the work on it.
_MARKETPLACE, _PURCHASED_AT = _FIELDS.index("marketplace"), _FIELDS.index("purchased_at")


#: As `OrderRow._make`, without its Python function call for each row.
_order_row = cast("Callable[[tuple[Any, ...]], OrderRow]", partial(tuple.__new__, OrderRow))


@dataclass(slots=True)
class OrderMinimizer:
    """Turns the order lines of one write into rows.

    `too_old`, `elsewhere`: lines left out because facts of their age are not kept, or because they
    were sold outside Amazon's stores. `products`: the newest statement by (store, SKU).
    """

    at: datetime
    too_old: int = 0
    elsewhere: int = 0
    products: dict[tuple[str, str], ProductRow] = field(default_factory=dict)
    _days: LocalDays = field(default_factory=LocalDays)

    def report_orders(self, batches: Iterable[Iterable[ReportRow]]) -> Iterator[list[OrderRow]]:
        """Yield the rows of the lines of an all-orders report.

        `batches`: structs, or tuples in the same order.
        """
        for batch in batches:
            yield self._report_batch(batch)

    def _report_batch(self, batch: Iterable[Any]) -> list[OrderRow]:
        """Return the rows of a batch, made column by column.

        A call for each cell would cost more than reading the file.
        """
        lines = [line if type(line) is tuple else _VALUES(line) for line in batch]
        oldest = oldest_kept(self.at)
        kept = [
            line
            for line in lines
            if line[_MARKETPLACE] is not None and line[_PURCHASED_AT] >= oldest
        ]
        if len(kept) < len(lines):
            elsewhere = sum(line[_MARKETPLACE] is None for line in lines)
            self.elsewhere += elsewhere
            self.too_old += len(lines) - len(kept) - elsewhere
            if not kept:
                return []
        column: dict[str, tuple[Any, ...]] = dict(
            zip(_FIELDS, zip(*kept, strict=True), strict=True)
        )
        stores = [marketplace.id for marketplace in column["marketplace"]]
        products = ("sku", "asin", "title", "last_updated_at")
        self._note_products(zip(stores, *(column[name] for name in products), strict=True))
        fields: dict[str, Iterable[Any]] = {
            "local_day": map(self._days.day, column["marketplace"], column["purchased_at"]),
            "order_id": column["order_id"],
            "line_key": _line_keys(column),
            "marketplace_id": stores,
            "purchased_at": column["purchased_at"],
            "last_updated_at": column["last_updated_at"],
            "status": map(
                _REPORT_STATUS.__getitem__,
                zip(column["order_status"], column["item_status"], strict=True),
            ),
            "fulfilment": map(_CHANNELS.__getitem__, column["fulfilment_channel"]),
            "is_business": map(_IS_TRUE, column["is_business_order"]),
            "is_replacement": map(_IS_TRUE, column["is_replacement"]),
            "sku": column["sku"],
            "asin": column["asin"],
            "quantity": column["quantity"],
            "quantity_shipped": repeat(None, len(kept)),
            "currency": [currency or None for currency in column["currency"]],
            "item_price": column["item_price"],
            "item_tax": column["item_tax"],
            "shipping_price": column["shipping_price"],
            "gift_wrap_price": column["gift_wrap_price"],
            "promotion_discount": _discounts(column),
            "replacement_stated": column["is_replacement"],
        }
        rows = zip(*(fields[name] for name in OrderRow._fields), strict=True)
        return list(map(_order_row, rows))

    def _note_products(self, seen: Iterable[tuple[str, str, str, str, datetime]]) -> None:
        latest = {(store, sku): (asin, title, updated) for store, sku, asin, title, updated in seen}
        for (store, sku), (asin, title, updated) in latest.items():
            self._note_product(ProductRow(store, sku, asin, title, updated))

    def _note_product(self, product: ProductRow) -> None:
        key = (product.marketplace_id, product.sku)
        known = self.products.get(key)
        if known is None or known.updated_at < product.updated_at:
            self.products[key] = product

    def api_orders(self, orders: Iterable[Order]) -> Iterator[list[OrderRow]]:
        """Yield the rows of orders of the Orders API."""
        rows: list[OrderRow] = []
        for order in orders:
            marketplace = MARKETPLACES.get(order.marketplace_id or "")
            channel = (order.sales_channel.channel_name or "").upper()
            if marketplace is None or channel.startswith("NON_AMAZON"):
                self.elsewhere += len(order.order_items)
            elif order.created_time < oldest_kept(self.at):
                self.too_old += len(order.order_items)
            else:
                rows.extend(self._api_row(order, item, marketplace) for item in order.order_items)
        yield rows

    def _api_row(self, order: Order, item: OrderItem, marketplace: Marketplace) -> OrderRow:
        product, sku = item.product, item.product.seller_sku or ""
        if product.title and sku:
            self.products[marketplace.id, sku] = ProductRow(
                marketplace.id, sku, product.asin or "", product.title, order.last_updated_time
            )
        proceeds = {name: amount for _, name, amount in item.lines()}
        amounts = {name: money.amount for name, money in proceeds.items()}
        price, discount = proceeds.get("ITEM"), amounts.get("DISCOUNT")
        fulfilled_by = order.fulfillment.fulfilled_by if order.fulfillment else None
        status = _status((order.status or "").replace("_", ""))
        return OrderRow(
            local_day=self._days.day(marketplace, order.created_time),
            order_id=order.order_id,
            line_key=item.order_item_id,
            marketplace_id=marketplace.id,
            purchased_at=order.created_time,
            last_updated_at=order.last_updated_time,
            status="cancelled" if item.is_cancelled else status,
            fulfilment=_FULFILMENT.get((fulfilled_by or "").capitalize(), "unknown"),
            is_business="AMAZON_BUSINESS" in (order.programs or ()),
            is_replacement=order.is_replacement,
            sku=sku,
            asin=product.asin or "",
            quantity=item.quantity_ordered,
            quantity_shipped=item.fulfillment.quantity_fulfilled if item.fulfillment else None,
            currency=price.currency_code if price else None,
            item_price=price.amount if price else None,
            item_tax=amounts.get("TAX"),
            shipping_price=amounts.get("SHIPPING"),
            gift_wrap_price=amounts.get("GIFT_WRAP"),
            promotion_discount=None if discount is None else abs(discount),
            replacement_stated=order.is_replacement,
        )


def _line_keys(column: dict[str, tuple[Any, ...]]) -> Iterable[str]:
    """Return the item numbers of lines.

    European reports have none: there it is the SKU and its occurrence.
    """
    items = column["order_item_id"]
    if all(items):
        return items
    return [
        item or f"/{sku}/{occurrence}"
        for item, sku, occurrence in zip(items, column["sku"], column["occurrence"], strict=True)
    ]


def _discounts(column: dict[str, tuple[Any, ...]]) -> Iterable[Any]:
    """Return the discounts on the item and its shipping, as one amount."""
    own, shipping = column["item_promotion_discount"], column["ship_promotion_discount"]
    if not any(shipping):
        return own
    return [
        (item or 0) + extra if extra else item for item, extra in zip(own, shipping, strict=True)
    ]


_IS_TRUE = partial(is_, True)  # an operator's operand  # noqa: FBT003
_FULFILMENT = {"Amazon": "amazon", "AFN": "amazon", "Merchant": "merchant", "MFN": "merchant"}


def _status(word: str) -> str:
    """Return the stored status for one of Amazon's.

    "Shipped - Delivered to Buyer" and "PartiallyShipped" are shipped.
    """
    folded = word.casefold().replace(" ", "")
    if folded.startswith("cancel"):
        return "cancelled"
    if folded.startswith("pending"):
        return "pending"
    if folded.startswith(("shipp", "partiallyshipp", "complete")):
        return "shipped"
    return "unshipped"


class _StatusTable(dict[tuple[str, str], str]):
    """Stored status by the report's (order status, item status).

    A canceled item of an order that is not canceled is canceled.
    """

    def __missing__(self, words: tuple[str, str]) -> str:
        order, item = map(_status, words)
        status = "cancelled" if "cancelled" in {order, item} else order
        if len(self) < 1000:
            self[words] = status
        return status


class _ChannelTable(dict[str, str]):
    """Our word for who fulfils, by the report's."""

    def __missing__(self, word: str) -> str:
        folded = word.strip().casefold()
        return next(
            (ours for theirs, ours in _FULFILMENT.items() if theirs.casefold() == folded), "unknown"
        )


_REPORT_STATUS = _StatusTable()
_CHANNELS = _ChannelTable(_FULFILMENT)
