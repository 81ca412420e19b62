"""Names of charge types on pages, in the terms of Seller Central."""

from __future__ import annotations

from theseller.amazon.charge_classifier import ChargeType

#: For types whose value, read as words, is not the term.
_NAMES = {
    ChargeType.PRINCIPAL: "Product sales",
    ChargeType.SHIPPING: "Shipping credits",
    ChargeType.GIFTWRAP: "Gift wrap credits",
    ChargeType.COD: "Cash on delivery",
    ChargeType.TIP: "Delivery tips",
    ChargeType.PROMOTION: "Promotions",
    ChargeType.POINTS: "Amazon Points",
    ChargeType.REFUND_PRINCIPAL: "Refunded product sales",
    ChargeType.REFUND_SHIPPING: "Refunded shipping",
    ChargeType.REFUND_GIFTWRAP: "Refunded gift wrap",
    ChargeType.REFUND_PROMOTION: "Promotion rebate reversals",
    ChargeType.REFERRAL: "Referral fee",
    ChargeType.REFUND_ADMIN: "Refund administration fee",
    ChargeType.CLOSING: "Closing fee",
    ChargeType.DIGITAL_SERVICES: "Digital services fee",
    ChargeType.FBA_FULFILMENT: "FBA fulfillment fee",
    ChargeType.RETURNS_PROCESSING: "Returns processing fee",
    ChargeType.INBOUND: "Inbound fee",
    ChargeType.ITEM_TAX: "Tax collected",
    ChargeType.SHIPPING_TAX: "Tax on shipping",
    ChargeType.GIFTWRAP_TAX: "Tax on gift wrap",
    ChargeType.UNCLASSIFIED: "Not classified",
}


def charge_name(charge_type: ChargeType) -> str:
    """Return the name of a charge type on pages: "FBA fulfillment fee"."""
    return _NAMES.get(charge_type) or charge_type.value.replace("_", " ").capitalize()
