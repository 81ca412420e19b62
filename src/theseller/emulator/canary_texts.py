"""Canaries: a unique text in every personal-data field of every payload.

A test searches for them where personal data must never arrive. Every canary matches
``CNRY[A-Z2-7]{20}``, also inside the mail addresses, telephone numbers and links that carry it.
"""

from __future__ import annotations

import base64
import hashlib

PREFIX = "CNRY"
PATTERN = r"CNRY[A-Z2-7]{20}"

_ADDRESS = (
    "name", "companyName", "addressLine1", "addressLine2", "addressLine3", "city",
    "districtOrCounty", "stateOrRegion", "municipality", "postalCode", "phone",
    "extendedFields.streetName", "extendedFields.streetNumber", "extendedFields.complement",
    "extendedFields.neighborhood",
)  # fmt: skip
_MERCHANT_ADDRESS = tuple(
    part
    for part in _ADDRESS
    if part not in {"companyName", "phone"} and not part.startswith("extended")
)

#: Paths below one order of Orders 2026-01-01, by the includedData that requests them ("" = always
#: there, Amazon does not gate them).
ORDER_PATHS: dict[str, tuple[str, ...]] = {
    "": (
        "orderItems[].product.customization.customizedUrl",
        "orderItems[].product.serialNumbers[]",
        "orderItems[].product.condition.conditionNote",
    ),
    "BUYER": (
        "buyer.buyerName",
        "buyer.buyerEmail",
        "buyer.buyerCompanyName",
        "buyer.buyerPurchaseOrderNumber",
    ),
    "RECIPIENT": (
        *(f"recipient.deliveryAddress.{part}" for part in _ADDRESS),
        "recipient.deliveryPreference.dropOffLocation",
        "recipient.deliveryPreference.addressInstruction",
        "recipient.deliveryPreference.deliveryCapabilities[]",
    ),
    "FULFILLMENT": (
        "orderItems[].fulfillment.packing.giftOption.giftMessage",
        "orderItems[].fulfillment.shipping.internationalShipping.iossNumber",
    ),
    "CANCELLATION": (
        "orderItems[].cancellation.cancellationRequest.cancelReason",
        "orderItems[].cancellation.cancellationExecution.cancelReason",
    ),
    "PACKAGES": (
        "packages[].trackingNumber",
        "packages[].packageItems[].transparencyCodes[]",
        *(f"packages[].shipFromAddress.{part}" for part in _MERCHANT_ADDRESS),
    ),
    "TAX": (
        "tax.taxRegistrations[].legalName",
        "tax.taxRegistrations[].taxRegistrationNumber",
        *(f"tax.taxRegistrations[].taxRegistrationAddress.{part}" for part in _ADDRESS),
        "tax.taxRegistrations[].taxRegistrationAttributes[].value",
    ),
    "PAYMENT": (
        "payment.paymentExecutions[].acquirerId",
        "payment.paymentExecutions[].cardBrand",
        "payment.paymentExecutions[].authorizationCode",
    ),
}
#: Columns of the all-orders reports.
CUSTOMER_RETURNS_COLUMNS = ("license-plate-number", "customer-comments")
ALL_ORDERS_COLUMNS = ("ship-city", "ship-state", "ship-postal-code", "purchase-order-number", "cpf")
#: Columns of transaction reports.
TRANSACTION_COLUMNS = ("order-city", "order-state", "order-postal")
#: Paths of other answers. `contexts[].storeName` of Finances stays empty: its model allows only
#: AMAZON_HAUL there.
OTHER_PATHS = {
    "sellers.getMarketplaceParticipations": ("payload[].storeName",),
    "finances.listTransactions": ("payload.transactions[].contexts[].paymentReference",),
}


def canary(seed: int, path: str, key: str) -> str:
    """Return the canary of `path` in the record `key`.

    It has 24 characters; no other path and record has the same.
    """
    digest = hashlib.sha256(f"{seed}|{path}|{key}".encode()).digest()
    return PREFIX + base64.b32encode(digest).decode()[:20]


def all_paths() -> frozenset[str]:
    """Return every field that carries a canary, except those of Orders v0.

    ``operation:path`` for answers, ``report type:column`` for documents.
    """
    order_paths = [path for paths in ORDER_PATHS.values() for path in paths]
    last_update, order_date = (
        "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL",
        "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL",
    )
    return frozenset(
        [f"orders.searchOrders:orders[].{path}" for path in order_paths]
        + [f"orders.getOrder:order.{path}" for path in order_paths]
        + [f"{operation}:{path}" for operation, paths in OTHER_PATHS.items() for path in paths]
        + [f"{order_date}:{column}" for column in ALL_ORDERS_COLUMNS]
        + [f"{last_update}:{column}" for column in ALL_ORDERS_COLUMNS if column != "cpf"]
        + [
            f"GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA:{column}"
            for column in CUSTOMER_RETURNS_COLUMNS
        ]
        + [f"GET_DATE_RANGE_FINANCIAL_TRANSACTION_DATA:{column}" for column in TRANSACTION_COLUMNS]
    )
