"""Classify each money line of Finances and settlements by its labels.

Amazon names one fee `FBAPerUnitFulfillmentFee` in a settlement and nests it above `Base` and `Tax`
in Finances 2024-06-19. Both are read as a list of labels from the outermost to the innermost:
transaction type, amount type and description, or transaction type and breakdown path. The labels
themselves are in `charge_type_by_label`. A line whose labels are all unknown is `UNCLASSIFIED`:
kept, counted, shown with its amount and reported to the operator, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from theseller.amazon.charge_type_by_label import charge_type_of_label, fold, tax_of
from theseller.amazon.charge_types import ChargeType, ProfitLine, is_profit_and_loss, profit_line

__all__ = [
    "ChargeType",
    "ProfitLine",
    "classify",
    "classify_proceeds",
    "classify_settlement",
    "classify_transaction",
    "fold",
    "is_profit_and_loss",
    "profit_line",
]

#: A label of one of these is decisive: what is inside it is a part, or free text such as a title.
_SOVEREIGN = frozenset(
    {
        ChargeType.WITHHELD_TAX,
        ChargeType.REIMBURSEMENT,
        ChargeType.DEBT,
        ChargeType.TRANSFER,
        ChargeType.RESERVE,
        ChargeType.ADVERTISING,
        ChargeType.COUPON,
        ChargeType.DEAL,
        ChargeType.PROMOTION,
    }
)
#: Labels that only say on which side of the account a line is.
_PRICE_FRAMES = frozenset(
    {"sales", "refundedsales", "refunds", "itemprice", "other", "othertransaction"}
)
_FEE_FRAMES: dict[str, ChargeType] = {
    "expenses": ChargeType.OTHER_FEE,
    "refundedexpenses": ChargeType.OTHER_FEE,
    "itemfees": ChargeType.OTHER_FEE,
    "shipmentfees": ChargeType.OTHER_FEE,
    "orderfees": ChargeType.OTHER_FEE,
    "amazonfees": ChargeType.OTHER_FEE,
    "servicefee": ChargeType.OTHER_FEE,
    "servicefees": ChargeType.OTHER_FEE,
    "fbafees": ChargeType.FBA_FULFILMENT,
}
#: Frames that name no charge by themselves, unlike ``AmazonFees``.
_SILENT = frozenset({"expenses", "refundedexpenses", "itemfees", "shipmentfees", "orderfees"})
_BASE = frozenset(
    {"base", "basefee", "baseamount", "feeamount", "transactiontotalamount", "amount", "total"}
)
_TAX = re.compile(r"(?:(?:ig|cg|sg|utg|g|h)st|vat|pst|qst|iva|jct|tax)(?:amount)?(?:onfees?)?")
_DISCOUNT = re.compile(r"discount(?:onfees?)?")
_TAX_IN_PROMOTION = re.compile(
    r"(?:item|product|ourprice|(?P<shipping>shipping|shipment)|(?P<wrap>giftwrap|gift))?"
    r"(?:(?:ig|cg|sg|utg|g)st|vat|tax)(?:discount|rebate)?s?"
)
#: Labels that name the product charged for, which may be any text.
_IDENTIFIER = re.compile(r"\s*(?:sku|asin|fnsku)\b", re.IGNORECASE)
_REFUND_TYPES = re.compile(
    r"^refund|^chargeback|^chargerefund|^a(?:to|2)z(?:guarantee|claim)|^guaranteeclaim|^ebtrefund"
)
_REFUNDED = {
    ChargeType.PRINCIPAL: ChargeType.REFUND_PRINCIPAL,
    ChargeType.SHIPPING: ChargeType.REFUND_SHIPPING,
    ChargeType.GIFTWRAP: ChargeType.REFUND_GIFTWRAP,
    ChargeType.PROMOTION: ChargeType.REFUND_PROMOTION,
}


def classify(transaction_type: str, labels: Sequence[str]) -> ChargeType:
    """Return the charge type of one money line of any source.

    Every line has one. Case, spaces and punctuation are ignored.

    Args:
        transaction_type: Amazon's type of the transaction, such as ``Order`` or ``ServiceFee``.
        labels: what the amount is called, the outermost label first.
    """
    kind = _sovereign(transaction_type, labels) or _by_labels(transaction_type, labels)
    type_ = fold(transaction_type)
    if kind is ChargeType.OTHER_FEE and type_.startswith("removalshipment"):
        return ChargeType.REMOVAL
    if kind is ChargeType.PRINCIPAL and type_.startswith("liquidation"):
        return ChargeType.LIQUIDATION
    if (
        _REFUND_TYPES.search(type_)
        and charge_type_of_label(transaction_type) is not ChargeType.REIMBURSEMENT
    ):
        return _REFUNDED.get(kind, kind)
    return kind


def _sovereign(transaction_type: str, labels: Sequence[str]) -> ChargeType | None:
    """Return the charge type of the outermost decisive label, if any."""
    for place, label in enumerate((transaction_type, *labels)):
        kind = (
            None
            if _is_frame(fold(label)) or _IDENTIFIER.match(label)
            else charge_type_of_label(label)
        )
        if kind not in _SOVEREIGN:
            continue
        if kind is ChargeType.DEBT and any(
            charge_type_of_label(inner) is ChargeType.OTHER_FEE for inner in labels[place:]
        ):
            # The price of a loan, which the transaction's type calls a loan.
            return ChargeType.OTHER_FEE
        if kind is ChargeType.PROMOTION:
            # A discount of tax reduces the tax, not the sale.
            taxes = (
                _TAX_IN_PROMOTION.fullmatch(fold(inner))
                for inner in (*labels[max(place - 1, 0) :],)
            )
            if tax := next(filter(None, taxes), None):
                return (
                    ChargeType.SHIPPING_TAX
                    if tax["shipping"]
                    else ChargeType.GIFTWRAP_TAX
                    if tax["wrap"]
                    else ChargeType.ITEM_TAX
                )
        return kind
    return None


def _by_labels(transaction_type: str, labels: Sequence[str]) -> ChargeType:
    """Return the charge type of the innermost label that names a charge.

    The frames around the label count too.
    """
    telling = [
        label
        for label in labels
        if not _is_frame(fold(label)) and not _IDENTIFIER.match(label) and label.strip()
    ]
    frames = [name for name in map(fold, (transaction_type, *labels)) if name in _FEE_FRAMES]
    part = fold(telling.pop()) if telling and _is_part(fold(telling[-1])) else ""
    while telling and _is_part(fold(telling[-1])):
        telling.pop()
    if not telling:
        return _of_part(part, _of_frames(transaction_type, labels, frames), in_fee=bool(frames))
    kind = charge_type_of_label(telling[-1])
    if kind is None:
        kind = next(
            (
                known
                for known in map(charge_type_of_label, reversed(telling[:-1]))
                if known and profit_line(known) in _OF_FREE_TEXT
            ),
            None,
        )
    if kind is None:
        of_type = charge_type_of_label(transaction_type)
        of_other = {ProfitLine.FEES, ProfitLine.TAX} | (
            {ProfitLine.SALES, ProfitLine.REFUNDS} if frames else set()
        )  # A fee of a sale is no sale.
        kind = (
            of_type if of_type and profit_line(of_type) not in of_other else ChargeType.UNCLASSIFIED
        )
    # Charged to the seller, in spite of its name.
    if frames and kind in {ChargeType.SHIPPING, ChargeType.GIFTWRAP, ChargeType.COD}:
        return ChargeType.OTHER_FEE
    return _of_part(part, kind, in_fee=bool(frames)) if part else kind


#: A label that is unknown inside one of these is a text about the fee.
_OF_FREE_TEXT = frozenset({ProfitLine.FEES, ProfitLine.ADVERTISING, ProfitLine.REIMBURSEMENTS})


def _of_frames(transaction_type: str, labels: Sequence[str], frames: Sequence[str]) -> ChargeType:
    """Return the charge type of a line that only frames describe.

    Its transaction's type counts too, if no label names a charge.
    """
    spoken = [name for name in frames if name not in _SILENT]
    if spoken:
        return _FEE_FRAMES[spoken[-1]]
    named = any(
        label.strip() and not _is_part(fold(label)) and not _is_frame(fold(label))
        for label in labels
    )
    return (None if named else charge_type_of_label(transaction_type)) or ChargeType.UNCLASSIFIED


def _of_part(part: str, whole: ChargeType, *, in_fee: bool) -> ChargeType:
    """Return the charge type of a part of an amount of type `whole`.

    Parts are ``Base``, ``Tax on fee`` and the like.
    """
    known = whole is not ChargeType.UNCLASSIFIED
    if _TAX.fullmatch(part):
        return tax_of(whole) if known else ChargeType.OTHER_FEE if in_fee else ChargeType.ITEM_TAX
    if _DISCOUNT.fullmatch(part):
        return (
            whole
            if profit_line(whole) in {ProfitLine.FEES, ProfitLine.ADVERTISING}
            else ChargeType.OTHER_FEE
            if in_fee
            else ChargeType.PROMOTION
        )
    return whole


def _is_frame(folded: str) -> bool:
    return folded in _PRICE_FRAMES or folded in _FEE_FRAMES


def _is_part(folded: str) -> bool:
    return folded in _BASE or bool(_TAX.fullmatch(folded) or _DISCOUNT.fullmatch(folded))


def classify_settlement(
    transaction_type: str, amount_type: str, amount_description: str
) -> ChargeType:
    """Return the charge type of a settlement line (flat file V2).

    See `classify`.
    """
    return classify(transaction_type, (amount_type, amount_description))


def classify_transaction(transaction_type: str, breakdown_path: Sequence[str]) -> ChargeType:
    """Return the charge type of a leaf of a Finances breakdown tree.

    `breakdown_path` has the `breakdownType` from the root to the leaf (Finances 2024-06-19). See
    `classify`.
    """
    return classify(transaction_type, breakdown_path)


_KIND_OF_PROCEEDS = {
    "ITEM": ChargeType.PRINCIPAL,
    "SHIPPING": ChargeType.SHIPPING,
    "GIFT_WRAP": ChargeType.GIFTWRAP,
    "COD_FEE": ChargeType.COD,
    "TAX": ChargeType.ITEM_TAX,
    "DISCOUNT": ChargeType.PROMOTION,
    "DELIVERY_TIP": ChargeType.TIP,
}


def classify_proceeds(type_: str) -> ChargeType:
    """Return the charge type of a proceeds breakdown of Orders 2026-01-01.

    Amazon's ``OTHER`` and any new type are `UNCLASSIFIED`.
    """
    return _KIND_OF_PROCEEDS.get(type_.upper(), ChargeType.UNCLASSIFIED)
