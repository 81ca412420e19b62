"""Orders API v0, which is deprecated and still available.

The operations: getOrders, getOrder, getOrderItems, getOrderBuyerInfo, getOrderAddress.

Without a restricted data token nothing fails: names, street and telephone number are absent, while
the relay address of the buyer's mail, city, state and postal code come all the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from theseller.emulator.amount_and_time_formats import amount, instant
from theseller.emulator.canary_texts import canary
from theseller.emulator.spapi.call_parameters import Call, parse_instant
from theseller.emulator.spapi.errors import invalid, not_found
from theseller.emulator.world.order_types import Line, Order

Json = dict[str, Any]
_LAG = timedelta(minutes=2)
_TOKEN_LIFETIME = timedelta(hours=24)
_STATUS = {
    "PENDING": "Pending",
    "UNSHIPPED": "Unshipped",
    "SHIPPED": "Shipped",
    "CANCELLED": "Canceled",
}
_STATUSES = (
    "PendingAvailability",
    "Pending",
    "Unshipped",
    "PartiallyShipped",
    "Shipped",
    "InvoiceUnconfirmed",
    "Canceled",
    "Unfulfillable",
)


def get_orders(call: Call) -> Json:
    """Return a page of orders, oldest first by last update or by creation."""
    if not call.query.get("MarketplaceIds"):
        raise invalid("MarketplaceIds is required.")
    stores, size = call.stores("MarketplaceIds"), call.integer("MaxResultsPerPage", 100, 100)
    statuses = set(call.choices("OrderStatuses", _STATUSES))
    created_after, updated_after = (
        _instant(call, "CreatedAfter"),
        _instant(call, "LastUpdatedAfter"),
    )
    if (created_after is None) == (updated_after is None):
        raise invalid(
            "Either the CreatedAfter parameter or the LastUpdatedAfter parameter is required. Both"
            " cannot be empty."
        )
    by_creation, newest = created_after is not None, call.at - _LAG
    before = _instant(call, "CreatedBefore" if by_creation else "LastUpdatedBefore") or newest
    if before > newest:
        raise invalid(
            "The upper bound must be at least two minutes before the time of the request."
        )
    token = call.read_token("NextToken", "orders_v0", _TOKEN_LIFETIME)
    position: tuple[datetime, str] | None = None
    if token:
        before = parse_instant(token["before"], "NextToken")
        position = (parse_instant(token["last"][0], "NextToken"), token["last"][1])
    start = position[0] if position else (created_after or updated_after or before)
    world = call.emulator.world
    found = world.orders_created(call.seller, stores, start, before) if by_creation else None
    found = found or world.orders_updated(call.seller, stores, start, before, call.at)

    def key(order: Order) -> tuple[datetime, str]:
        return (order.created if by_creation else order.last_updated(call.at), order.id)

    wanted = (
        order
        for order in found
        if (position is None or key(order) > position)
        and (not statuses or _STATUS[order.status(call.at)] in statuses)
    )
    page = list(islice(wanted, size + 1))
    payload: Json = {"Orders": [_order(call, order) for order in page[:size]]}
    payload["CreatedBefore" if by_creation else "LastUpdatedBefore"] = instant(before)
    if len(page) > size:
        last = key(page[size - 1])
        payload["NextToken"] = call.token(
            "orders_v0", {"before": before.isoformat(), "last": [last[0].isoformat(), last[1]]}
        )
    return {"payload": payload}


def _instant(call: Call, name: str) -> datetime | None:
    value = call.query.get(name)
    if value is None:
        return None
    if " " in value:  # A plus sign that was not encoded; the newer version forgives it.
        raise invalid("timestamp must follow ISO8601")
    return parse_instant(value, name)


def _find(call: Call) -> Order:
    order = call.emulator.world.find_order(call.seller, call.path["order_id"])
    if order is None or order.created > call.at - _LAG:
        raise not_found("The requested order was not found.")
    return order


def get_order(call: Call) -> Json:
    """Return one order."""
    return {"payload": _order(call, _find(call))}


def get_order_items(call: Call) -> Json:
    """Return an order's items, all on one page."""
    order = _find(call)
    return {
        "payload": {
            "AmazonOrderId": order.id,
            "OrderItems": [_item(call, order, line) for line in order.lines],
        }
    }


def get_order_buyer_info(call: Call) -> Json:
    """Return the buyer's data."""
    order = _find(call)
    return {"payload": {"AmazonOrderId": order.id, **_buyer(call, order)}}


def get_order_address(call: Call) -> Json:
    """Return the delivery address."""
    order = _find(call)
    return {"payload": {"AmazonOrderId": order.id, "ShippingAddress": _address(call, order)}}


def _plant(call: Call, order: Order, path: str) -> str:
    return canary(call.emulator.world.seed, f"v0:{path}", order.id)


def _order(call: Call, order: Order) -> Json:
    store, status = order.store.marketplace, order.status(call.at)
    units = sum(line.quantity for line in order.lines)
    body: Json = {
        "AmazonOrderId": order.id,
        "PurchaseDate": instant(order.created),
        "LastUpdateDate": instant(order.last_updated(call.at)),
        "OrderStatus": _STATUS[status],
        "FulfillmentChannel": "AFN" if order.by_amazon else "MFN",
        "SalesChannel": "Non-Amazon" if order.off_amazon else store.sales_channel,
        "OrderChannel": "WebsiteOrderChannel",
        "ShipServiceLevel": order.service_level.capitalize(),
        "NumberOfItemsShipped": units if status == "SHIPPED" else 0,
        "NumberOfItemsUnshipped": units if status in {"PENDING", "UNSHIPPED"} else 0,
        "MarketplaceId": store.id,
        "OrderType": "StandardOrder",
        "EarliestShipDate": instant(order.paid),
        "LatestShipDate": instant(order.paid + timedelta(days=2)),
        "IsBusinessOrder": order.business,
        "IsPrime": order.by_amazon,
        "IsPremiumOrder": False,
        "IsReplacementOrder": "true" if order.replaces else "false",
        "HasRegulatedItems": False,
        "BuyerInfo": _buyer(call, order),
    }
    if order.replaces:
        body["ReplacedOrderId"] = order.replaces
    if status not in {"PENDING", "CANCELLED"}:
        total = sum(line.total(tax_included=store.tax_included) for line in order.lines)
        body["OrderTotal"] = {
            "CurrencyCode": store.currency,
            "Amount": amount(total, store.currency),
        }
        body["ShippingAddress"] = _address(call, order)
    return body


def _buyer(call: Call, order: Order) -> Json:
    body: Json = {
        "BuyerEmail": (
            f"{_plant(call, order, 'BuyerEmail')}@marketplace."
            f"{order.store.marketplace.sales_channel.casefold()}"
        )
    }
    if "buyerInfo" in call.elements:
        body["BuyerName"] = f"{_plant(call, order, 'BuyerName')} Miller"
        body["PurchaseOrderNumber"] = _plant(call, order, "PurchaseOrderNumber")
    return body


def _address(call: Call, order: Order) -> Json:
    body: Json = {"CountryCode": order.destination}
    body |= {part: _plant(call, order, part) for part in ("City", "StateOrRegion", "PostalCode")}
    if "shippingAddress" in call.elements:
        body |= {
            part: _plant(call, order, part) for part in ("Name", "AddressLine1", "AddressLine2")
        }
        body["Phone"] = f"+1 555 {_plant(call, order, 'Phone')}"
        body["AddressType"] = "Residential"
    return body


def _item(call: Call, order: Order, line: Line) -> Json:
    currency, shipped = order.store.marketplace.currency, order.status(call.at) == "SHIPPED"
    body: Json = {
        "ASIN": line.product.asin,
        "SellerSKU": line.product.sku,
        "OrderItemId": line.item_id,
        "Title": line.product.title(order.store),
        "QuantityOrdered": line.quantity,
        "QuantityShipped": line.quantity if shipped else 0,
        "IsGift": "true" if line.gift_wrap else "false",
        "ConditionId": "New",
        "ConditionSubtypeId": "New",
    }
    if order.status(call.at) not in {"PENDING", "CANCELLED"}:
        prices = {
            "ItemPrice": line.price,
            "ItemTax": line.tax,
            "ShippingPrice": line.shipping,
            "PromotionDiscount": line.discount,
        }
        body |= {
            name: {"CurrencyCode": currency, "Amount": amount(value, currency)}
            for name, value in prices.items()
        }
    if "buyerInfo" in call.elements:
        body["BuyerInfo"] = {
            "GiftMessageText": f"Happy birthday, {_plant(call, order, 'GiftMessageText')}!"
        }
    return body
