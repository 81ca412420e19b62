"""What a money line is for: the charge types, and the profit line that each belongs to."""

from __future__ import annotations

from enum import StrEnum


class Group(StrEnum):
    """The lines of a profit statement, and three groups that are not in it: taxes in passing, cash movements, the unknown."""

    SALES = "sales"
    REFUNDS = "refunds"
    FEES = "fees"
    ADVERTISING = "advertising"
    REIMBURSEMENTS = "reimbursements"
    TAX = "tax"
    CASH = "cash"
    UNCLASSIFIED = "unclassified"


class Kind(StrEnum):
    """What one money line is for. The sign stays in the amount: a reversed fee is the same kind with the other sign."""

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


_GROUPS: dict[Group, tuple[Kind, ...]] = {
    Group.SALES: (
        Kind.PRINCIPAL,
        Kind.SHIPPING,
        Kind.GIFTWRAP,
        Kind.COD,
        Kind.TIP,
        Kind.PROMOTION,
        Kind.POINTS,
        Kind.LIQUIDATION,
    ),
    Group.REFUNDS: (
        Kind.REFUND_PRINCIPAL,
        Kind.REFUND_SHIPPING,
        Kind.REFUND_GIFTWRAP,
        Kind.REFUND_PROMOTION,
        Kind.GOODWILL,
        Kind.RESTOCKING,
    ),
    Group.FEES: (
        Kind.REFERRAL,
        Kind.REFUND_ADMIN,
        Kind.CLOSING,
        Kind.DIGITAL_SERVICES,
        Kind.FBA_FULFILMENT,
        Kind.SHIPPING_CHARGEBACK,
        Kind.STORAGE,
        Kind.RETURNS_PROCESSING,
        Kind.REMOVAL,
        Kind.INBOUND,
        Kind.SUBSCRIPTION,
        Kind.DEAL,
        Kind.COUPON,
        Kind.POSTAGE,
        Kind.OTHER_FEE,
    ),
    Group.ADVERTISING: (Kind.ADVERTISING,),
    Group.REIMBURSEMENTS: (Kind.REIMBURSEMENT,),
    Group.TAX: (Kind.ITEM_TAX, Kind.SHIPPING_TAX, Kind.GIFTWRAP_TAX, Kind.WITHHELD_TAX),
    Group.CASH: (Kind.RESERVE, Kind.TRANSFER, Kind.DEBT),
    Group.UNCLASSIFIED: (Kind.UNCLASSIFIED,),
}
_GROUP_OF = {kind: named for named, kinds in _GROUPS.items() for kind in kinds}


def group(kind: Kind) -> Group:
    """Return the line of the profit statement that `kind` belongs to. Total: every kind has exactly one group."""
    return _GROUP_OF[kind]


def is_profit_and_loss(kind: Kind) -> bool:
    """Say whether `kind` is income or cost.

    Taxes collected and withheld only pass through (they net to nothing or are owed on), reserves, transfers and debts only move cash.
    An unclassified line counts: leaving money out because its name is new would flatter the profit.
    """
    return group(kind) not in {Group.TAX, Group.CASH}
