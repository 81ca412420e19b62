"""Report files with invented data: Alice's shop sells brushes.

Every column that must not pass carries a canary.
"""

from __future__ import annotations

import json
from typing import Any

ORDER_COLUMNS = [
    "amazon-order-id",
    "merchant-order-id",
    "purchase-date",
    "last-updated-date",
    "order-status",
    "order-item-id",
    "fulfillment-channel",
    "sales-channel",
    "order-channel",
    "ship-service-level",
    "product-name",
    "sku",
    "asin",
    "item-status",
    "quantity",
    "currency",
    "item-price",
    "item-tax",
    "shipping-price",
    "shipping-tax",
    "gift-wrap-price",
    "gift-wrap-tax",
    "item-promotion-discount",
    "ship-promotion-discount",
    "ship-city",
    "ship-state",
    "ship-postal-code",
    "ship-country",
    "promotion-ids",
    "is-business-order",
    "purchase-order-number",
    "price-designation",
]
BY_ORDER_DATE_COLUMNS = [*ORDER_COLUMNS[:29], "cpf", *ORDER_COLUMNS[29:]]
DROPPED = (
    "merchant-order-id order-channel ship-service-level ship-city ship-state ship-postal-code"
    " ship-country cpf purchase-order-number price-designation"
)
CANARY = "CNRY-4711"

_ORDER = {
    "amazon-order-id": "302-1234567-7654321",
    "purchase-date": "2026-03-28T23:30:00+00:00",
    "last-updated-date": "2026-03-29T08:00:00+00:00",
    "order-status": "Shipped",
    "order-item-id": "11112222333344",
    "fulfillment-channel": "Amazon",
    "sales-channel": "Amazon.de",
    "product-name": "Bürste aus Buchenholz",
    "sku": "BRUSH-1",
    "asin": "B0BRUSH001",
    "item-status": "Shipped",
    "quantity": "2",
    "currency": "EUR",
    "item-price": "19.90",
    "item-tax": "3.18",
    "promotion-ids": "PAWS-V2-1,Core Free Shipping",
    "is-business-order": "false",
}


def order(**cells: str) -> dict[str, str]:
    """Return one order line; keys have underscores.

    Columns that must be dropped hold a canary unless given a value.
    """
    return (
        dict.fromkeys(DROPPED.split(), CANARY)
        | _ORDER
        | {name.replace("_", "-"): cell for name, cell in cells.items()}
    )


def all_orders(*lines: dict[str, str], columns: list[str] = ORDER_COLUMNS, end: str = "\n") -> str:
    rows = [columns, *([line.get(column, "") for column in columns] for line in lines)]
    return "".join("\t".join(row) + end for row in rows)


SETTLEMENT_COLUMNS = [
    "settlement-id",
    "settlement-start-date",
    "settlement-end-date",
    "deposit-date",
    "total-amount",
    "currency",
    "transaction-type",
    "order-id",
    "merchant-order-id",
    "adjustment-id",
    "shipment-id",
    "marketplace-name",
    "amount-type",
    "amount-description",
    "amount",
    "fulfillment-id",
    "posted-date",
    "posted-date-time",
    "order-item-code",
    "merchant-order-item-id",
    "merchant-adjustment-item-id",
    "sku",
    "quantity-purchased",
    "promotion-id",
]
_DATED = {
    "iso": ("2026-03-01", "2026-03-05 12:34:56 UTC"),
    "dotted": ("01.03.2026", "05.03.2026 12:34:56 UTC"),
}


def settlement(
    *amounts: tuple[str, str, str],
    total: str,
    currency: str = "EUR",
    store: str = "Amazon.de",
    dates: str = "iso",
    **extra: str,
) -> str:
    """A settlement of (amount-type, amount-description, amount) lines. `extra` cells are on every line."""
    day, moment = _DATED[dates]
    summary = [
        "1001",
        f"{day} 00:00:00 UTC",
        f"{day} 10:00:00 UTC",
        f"{day} 12:00:00 UTC",
        total,
        currency,
    ]
    rows = [SETTLEMENT_COLUMNS, summary]
    for type_, description, amount in amounts:
        cells = {
            "settlement-id": "1001",
            "transaction-type": "Order",
            "order-id": "302-1234567-7654321",
            "merchant-order-id": CANARY,
            "marketplace-name": store,
            "amount-type": type_,
            "amount-description": description,
            "amount": amount,
            "posted-date": moment.partition(" ")[0],
            "posted-date-time": moment,
            "sku": "BRUSH-1",
            "quantity-purchased": "1",
        } | {name.replace("_", "-"): cell for name, cell in extra.items()}
        rows.append([cells.get(column, "") for column in SETTLEMENT_COLUMNS])
    return "".join("\t".join(row) + "\n" for row in rows)


def traffic(
    *days: str,
    products: int = 1,
    granularity: str = "DAY",
    marketplace: str = "A1PA6795UKMFR9",
    **fields: object,
) -> dict[str, Any]:
    """A sales and traffic document; `fields` are merged into each day's sales."""
    money = {"amount": 238.44, "currencyCode": "EUR"}
    sales = {"orderedProductSales": money, "unitsOrdered": 23, "totalOrderItems": 20}
    seen = {
        "sessions": 1000,
        "pageViews": 1658,
        "buyBoxPercentage": 10.54,
        "unitSessionPercentage": 2.54,
        "browserSessions": 906,
    }
    return {
        "reportSpecification": {
            "reportType": "GET_SALES_AND_TRAFFIC_REPORT",
            "reportOptions": {"dateGranularity": granularity, "asinGranularity": "SKU"},
            "dataStartTime": days[0],
            "dataEndTime": days[-1],
            "marketplaceIds": [marketplace],
        },
        "salesAndTrafficByDate": [
            {
                "date": day,
                "salesByDate": sales | {"unitsRefunded": 1, "buyerName": CANARY} | fields,
                "trafficByDate": seen,
            }
            for day in days
        ],
        "salesAndTrafficByAsin": [
            {
                "parentAsin": "B0BRUSH001",
                "sku": f"BRUSH-{number}",
                "salesByAsin": sales,
                "trafficByAsin": seen,
            }
            for number in range(products)
        ],
    }


def as_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
