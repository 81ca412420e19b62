"""Names of charge types on pages, in the terms of Seller Central."""

from __future__ import annotations

from theseller.amazon.charge_classifier import ChargeType
from theseller.lib.translation_marks import gettext_noop

_NAMES = {
    ChargeType.PRINCIPAL: gettext_noop("Product sales"),
    ChargeType.SHIPPING: gettext_noop("Shipping credits"),
    ChargeType.GIFTWRAP: gettext_noop("Gift wrap credits"),
    ChargeType.COD: gettext_noop("Cash on delivery"),
    ChargeType.TIP: gettext_noop("Delivery tips"),
    ChargeType.PROMOTION: gettext_noop("Promotions"),
    ChargeType.POINTS: gettext_noop("Amazon Points"),
    ChargeType.REFUND_PRINCIPAL: gettext_noop("Refunded product sales"),
    ChargeType.REFUND_SHIPPING: gettext_noop("Refunded shipping"),
    ChargeType.REFUND_GIFTWRAP: gettext_noop("Refunded gift wrap"),
    ChargeType.REFUND_PROMOTION: gettext_noop("Promotion rebate reversals"),
    ChargeType.REFERRAL: gettext_noop("Referral fee"),
    ChargeType.REFUND_ADMIN: gettext_noop("Refund administration fee"),
    ChargeType.CLOSING: gettext_noop("Closing fee"),
    ChargeType.DIGITAL_SERVICES: gettext_noop("Digital services fee"),
    ChargeType.FBA_FULFILMENT: gettext_noop("FBA fulfillment fee"),
    ChargeType.RETURNS_PROCESSING: gettext_noop("Returns processing fee"),
    ChargeType.INBOUND: gettext_noop("Inbound fee"),
    ChargeType.ITEM_TAX: gettext_noop("Tax collected"),
    ChargeType.SHIPPING_TAX: gettext_noop("Tax on shipping"),
    ChargeType.GIFTWRAP_TAX: gettext_noop("Tax on gift wrap"),
    ChargeType.LIQUIDATION: gettext_noop("Liquidation"),
    ChargeType.GOODWILL: gettext_noop("Goodwill"),
    ChargeType.RESTOCKING: gettext_noop("Restocking"),
    ChargeType.SHIPPING_CHARGEBACK: gettext_noop("Shipping chargeback"),
    ChargeType.STORAGE: gettext_noop("Storage"),
    ChargeType.REMOVAL: gettext_noop("Removal"),
    ChargeType.SUBSCRIPTION: gettext_noop("Subscription"),
    ChargeType.DEAL: gettext_noop("Deal"),
    ChargeType.COUPON: gettext_noop("Coupon"),
    ChargeType.POSTAGE: gettext_noop("Postage"),
    ChargeType.OTHER_FEE: gettext_noop("Other fee"),
    ChargeType.ADVERTISING: gettext_noop("Advertising"),
    ChargeType.REIMBURSEMENT: gettext_noop("Reimbursement"),
    ChargeType.WITHHELD_TAX: gettext_noop("Withheld tax"),
    ChargeType.RESERVE: gettext_noop("Reserve"),
    ChargeType.TRANSFER: gettext_noop("Transfer"),
    ChargeType.DEBT: gettext_noop("Debt"),
    ChargeType.UNCLASSIFIED: gettext_noop("Not classified"),
}


def charge_name(charge_type: ChargeType) -> str:
    """Return the name of a charge type on pages: "FBA fulfillment fee"."""
    return _NAMES[charge_type]
