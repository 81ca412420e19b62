"""The charge types of money lines, and the profit line of each."""

from __future__ import annotations

from enum import StrEnum


class ProfitLine(StrEnum):
    """The lines of a profit statement, and three groups outside of it.

    Those are taxes that pass through, cash movements, and unclassified amounts.
    """

    SALES = "sales"
    REFUNDS = "refunds"
    FEES = "fees"
    ADVERTISING = "advertising"
    REIMBURSEMENTS = "reimbursements"
    TAX = "tax"
    CASH = "cash"
    UNCLASSIFIED = "unclassified"


class ChargeType(StrEnum):
    """What one money line is for.

    The sign is in the amount: a reversed fee is the same type with the other sign.
    """

    PRINCIPAL = "principal"
    SHIPPING = "shipping"
    GIFTWRAP = "giftwrap"
    COD = "cod"
    TIP = "tip"
    PROMOTION = "promotion"
    POINTS = "points"
    LIQUIDATION = "liquidation"
    REFUND_PRINCIPAL = "refund_principal"
    REFUND_SHIPPING = "refund_shipping"
    REFUND_GIFTWRAP = "refund_giftwrap"
    REFUND_PROMOTION = "refund_promotion"
    GOODWILL = "goodwill"
    RESTOCKING = "restocking"
    REFERRAL = "referral"
    REFUND_ADMIN = "refund_admin"
    CLOSING = "closing"
    DIGITAL_SERVICES = "digital_services"
    FBA_FULFILMENT = "fba_fulfilment"
    SHIPPING_CHARGEBACK = "shipping_chargeback"
    STORAGE = "storage"
    RETURNS_PROCESSING = "returns_processing"
    REMOVAL = "removal"
    INBOUND = "inbound"
    SUBSCRIPTION = "subscription"
    DEAL = "deal"
    COUPON = "coupon"
    POSTAGE = "postage"
    OTHER_FEE = "other_fee"
    ADVERTISING = "advertising"
    REIMBURSEMENT = "reimbursement"
    ITEM_TAX = "item_tax"
    SHIPPING_TAX = "shipping_tax"
    GIFTWRAP_TAX = "giftwrap_tax"
    WITHHELD_TAX = "withheld_tax"
    RESERVE = "reserve"
    TRANSFER = "transfer"
    DEBT = "debt"
    UNCLASSIFIED = "unclassified"


_GROUPS: dict[ProfitLine, tuple[ChargeType, ...]] = {
    ProfitLine.SALES: (
        ChargeType.PRINCIPAL,
        ChargeType.SHIPPING,
        ChargeType.GIFTWRAP,
        ChargeType.COD,
        ChargeType.TIP,
        ChargeType.PROMOTION,
        ChargeType.POINTS,
        ChargeType.LIQUIDATION,
    ),
    ProfitLine.REFUNDS: (
        ChargeType.REFUND_PRINCIPAL,
        ChargeType.REFUND_SHIPPING,
        ChargeType.REFUND_GIFTWRAP,
        ChargeType.REFUND_PROMOTION,
        ChargeType.GOODWILL,
        ChargeType.RESTOCKING,
    ),
    ProfitLine.FEES: (
        ChargeType.REFERRAL,
        ChargeType.REFUND_ADMIN,
        ChargeType.CLOSING,
        ChargeType.DIGITAL_SERVICES,
        ChargeType.FBA_FULFILMENT,
        ChargeType.SHIPPING_CHARGEBACK,
        ChargeType.STORAGE,
        ChargeType.RETURNS_PROCESSING,
        ChargeType.REMOVAL,
        ChargeType.INBOUND,
        ChargeType.SUBSCRIPTION,
        ChargeType.DEAL,
        ChargeType.COUPON,
        ChargeType.POSTAGE,
        ChargeType.OTHER_FEE,
    ),
    ProfitLine.ADVERTISING: (ChargeType.ADVERTISING,),
    ProfitLine.REIMBURSEMENTS: (ChargeType.REIMBURSEMENT,),
    ProfitLine.TAX: (
        ChargeType.ITEM_TAX,
        ChargeType.SHIPPING_TAX,
        ChargeType.GIFTWRAP_TAX,
        ChargeType.WITHHELD_TAX,
    ),
    ProfitLine.CASH: (ChargeType.RESERVE, ChargeType.TRANSFER, ChargeType.DEBT),
    ProfitLine.UNCLASSIFIED: (ChargeType.UNCLASSIFIED,),
}
_GROUP_OF = {kind: named for named, kinds in _GROUPS.items() for kind in kinds}


def profit_line(kind: ChargeType) -> ProfitLine:
    """Return the line of the profit statement that `kind` belongs to.

    Every charge type belongs to exactly one.
    """
    return _GROUP_OF[kind]


def is_profit_and_loss(kind: ChargeType) -> bool:
    """Return whether `kind` is income or cost.

    Taxes collected and withheld only pass through (they net to zero or are owed to an authority);
    reserves, transfers and debts only move cash. An unclassified line counts: leaving it out
    because its name is new would overstate the profit.
    """
    return profit_line(kind) not in {ProfitLine.TAX, ProfitLine.CASH}
