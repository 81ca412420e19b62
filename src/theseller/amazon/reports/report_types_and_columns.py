"""The reports that we read, and the allow-list of columns for each.

What is not listed as kept never becomes a value.

Translated headers: only transaction reports have them (`transaction_report_columns`). Amazon
documents `preferredReportDocumentLocale` for inventory reports only, and neither its docs nor any
public sample shows a translated header for the other types. A file that has them is refused with
the Seller Central setting that changes the language.

Column names: SP-API docs, "Order Reports", and the 24 columns of the settlement flat file V2.
Columns marked as seen in the wild are printed by real downloads but missing from Amazon's list.
Reasons beginning with ``PII`` name what the column would reveal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import msgspec

_SEPARATORS = re.compile(r"[ _]")


def column_name(cell: str) -> str:
    """Return a header's cell as Amazon's lists spell it.

    ``Order ID`` becomes ``order-id``.
    """
    return _SEPARATORS.sub("-", cell.strip("\ufeff \x1a").strip().casefold())


class ReportType(StrEnum):
    """Amazon's own names (reportType values of the Reports API)."""

    ALL_ORDERS_BY_ORDER_DATE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
    ALL_ORDERS_BY_LAST_UPDATE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
    SETTLEMENT_V2 = "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"
    SALES_AND_TRAFFIC = "GET_SALES_AND_TRAFFIC_REPORT"
    CUSTOMER_RETURNS = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"
    TRANSACTIONS = "GET_DATE_RANGE_FINANCIAL_TRANSACTION_DATA"


class SettlementSummary(msgspec.Struct, frozen=True):
    """The payout that the lines add up to.

    Dates without a time are noon UTC.
    """

    settlement_id: str
    starts_at: datetime
    ends_at: datetime
    deposited_at: datetime
    total_amount: Decimal
    currency: str


ALL_ORDERS = frozenset({ReportType.ALL_ORDERS_BY_ORDER_DATE, ReportType.ALL_ORDERS_BY_LAST_UPDATE})

UNKNOWN_COLUMN = "unknown to this version"
_DELIVERY = "PII: buyer's place of delivery"
_BUYER = "PII: who the buyer is"
_TAX_ID = "PII: buyer's tax identity"
_BUYER_TEXT = "PII: text or link written by the buyer"
_BUYER_ORDER = "PII: buyer's own order number"
_UNIT = "PII: label of one returned unit"
_NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Columns:
    """The allow-list of one report.

    `required` and `optional` columns are kept; `dropped` gives the reason for each known column
    that is not.
    """

    required: frozenset[str]
    optional: frozenset[str]
    dropped: Mapping[str, str]

    @property
    def kept(self) -> frozenset[str]:
        """The columns that become values."""
        return self.required | self.optional


_ALL_ORDERS = Columns(
    required=frozenset(
        {
            "amazon-order-id",
            "purchase-date",
            "last-updated-date",
            "order-status",
            "fulfillment-channel",
            "sales-channel",
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
        }
    ),
    optional=frozenset(
        {"order-item-id", "promotion-ids", "is-business-order", "is-replacement-order"}
    ),
    dropped=MappingProxyType(
        {
            "ship-city": _DELIVERY,
            "ship-state": _DELIVERY,
            "ship-postal-code": _DELIVERY,
            "ship-country": _DELIVERY,
            "cpf": _TAX_ID,
            "purchase-order-number": _BUYER_ORDER,
            "merchant-order-id": _NOT_NEEDED,
            "order-channel": _NOT_NEEDED,
            "ship-service-level": _NOT_NEEDED,
            "price-designation": _NOT_NEEDED,
            # The rest is seen in the wild; the archived-orders report documents some of it.
            "url": _BUYER_TEXT,
            "customized-url": _BUYER_TEXT,
            "customized-page": _BUYER_TEXT,
            "buyer-requested-cancel-reason": _BUYER_TEXT,
            "buyer-company-name": _BUYER,
            "buyer-name": _BUYER,
            "buyer-email": _BUYER,
            "buyer-phone-number": _BUYER,
            "buyer-identification-number": _TAX_ID,
            "buyer-identification-type": _TAX_ID,
            "buyer-cst-number": _TAX_ID,
            "buyer-vat-number": _TAX_ID,
            "buyer-tax-registration-id": _TAX_ID,
            "licensee-name": _BUYER,
            "license-number": _BUYER,
            "license-state": _BUYER,
            "license-expiration-date": _BUYER,
            "ship-promotion-id": _NOT_NEEDED,
            "is-buyer-requested-cancellation": _NOT_NEEDED,
            "is-heavy-or-bulky": _NOT_NEEDED,
            "is-exchange-order": _NOT_NEEDED,
            "original-order-id": _NOT_NEEDED,
            "is-amazon-invoiced": _NOT_NEEDED,
            "is-iba": _NOT_NEEDED,
            "is-transparency": _NOT_NEEDED,
            "order-invoice-type": _NOT_NEEDED,
            "fulfilled-by": _NOT_NEEDED,
            "ioss-number": _NOT_NEEDED,
            "item-extensions-data": _NOT_NEEDED,
            "signature-confirmation-recommended": _NOT_NEEDED,
            "tax-collection-model": _NOT_NEEDED,
            "tax-collection-responsible-party": _NOT_NEEDED,
            "vat-exclusive-item-price": _NOT_NEEDED,
            "vat-exclusive-shipping-price": _NOT_NEEDED,
            "vat-exclusive-giftwrap-price": _NOT_NEEDED,
        }
    ),
)

_SETTLEMENT = Columns(
    required=frozenset(
        {
            "settlement-id",
            "settlement-start-date",
            "settlement-end-date",
            "deposit-date",
            "total-amount",
            "currency",
            "transaction-type",
            "order-id",
            "marketplace-name",
            "amount-type",
            "amount-description",
            "amount",
            "posted-date",
            "sku",
            "quantity-purchased",
        }
    ),
    optional=frozenset(
        {
            "adjustment-id",
            "shipment-id",
            "fulfillment-id",
            "posted-date-time",
            "order-item-code",
            "promotion-id",
        }
    ),
    dropped=MappingProxyType(
        {
            "merchant-order-id": _NOT_NEEDED,
            "merchant-order-item-id": _NOT_NEEDED,
            "merchant-adjustment-item-id": _NOT_NEEDED,
        }
    ),
)

_TRANSACTIONS = Columns(
    required=frozenset(
        {
            "date/time",
            "settlement-id",
            "type",
            "order-id",
            "sku",
            "description",
            "quantity",
            "product-sales",
            "selling-fees",
            "other",
            "total",
        }
    ),
    optional=frozenset(
        {
            "marketplace",
            "product-sales-tax",
            "shipping-credits",
            "shipping-credits-tax",
            "gift-wrap-credits",
            "gift-wrap-credits-tax",
            "regulatory-fee",
            "tax-on-regulatory-fee",
            "points",
            "promotional-rebates",
            "promotional-rebates-tax",
            "sales-tax-collected",
            "marketplace-withheld-tax",
            "marketplace-facilitator-tax",
            "low-value-goods",
            "tcs-cgst",
            "tcs-sgst",
            "tcs-igst",
            "tds",
            "fba-fees",
            "other-transaction-fees",
            "transaction-status",
            "transaction-release-date",
        }
    ),
    dropped=MappingProxyType(
        {
            "order-city": _DELIVERY,
            "order-state": _DELIVERY,
            "order-postal": _DELIVERY,
            "account-type": _NOT_NEEDED,
            "fulfillment": _NOT_NEEDED,
            "tax-collection-model": _NOT_NEEDED,
        }
    ),
)

_CUSTOMER_RETURNS = Columns(
    required=frozenset(
        {
            "return-date",
            "order-id",
            "sku",
            "asin",
            "fnsku",
            "quantity",
            "fulfillment-center-id",
            "detailed-disposition",
            "reason",
        }
    ),
    optional=frozenset({"status"}),
    dropped=MappingProxyType(
        {
            "product-name": _NOT_NEEDED,
            "license-plate-number": _UNIT,
            "customer-comments": _BUYER_TEXT,
        }
    ),
)

#: Flat files only. Sales and traffic is JSON; its allow-list is in `sales_and_traffic_structs`.
COLUMNS: Mapping[ReportType, Columns] = MappingProxyType(
    {
        ReportType.ALL_ORDERS_BY_ORDER_DATE: _ALL_ORDERS,
        ReportType.ALL_ORDERS_BY_LAST_UPDATE: _ALL_ORDERS,
        ReportType.SETTLEMENT_V2: _SETTLEMENT,
        ReportType.CUSTOMER_RETURNS: _CUSTOMER_RETURNS,
        ReportType.TRANSACTIONS: _TRANSACTIONS,
    }
)
