"""What a money line is: one table from Amazon's labels to our kinds, used by every source of money.

Amazon names one fee `FBAPerUnitFulfillmentFee` in a settlement, nests it above `Base` and `Tax` in Finances 2024-06-19, and publishes no
list of either. So labels are folded (case, spaces and punctuation differ between files) and looked up in one table; a label that nobody has
seen is `UNCLASSIFIED`, shown with its amount, never guessed. Sources: Amazon's Finances models (34 event lists), settlement vocabulary of
public connectors, and published counts of leaf labels over 13 818 real transactions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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


def fold(label: str) -> str:
    """Return `label` in lower case, letters and digits only: ``Other-Transaction`` and ``other transaction`` are one label."""
    return re.sub(r"[^0-9a-z]", "", label.casefold())


#: Labels per kind, in Amazon's spelling where one is known; compared folded. Read by both classifiers.
_LABELS: dict[Kind, str] = {
    Kind.PRINCIPAL: "Principal OurPricePrincipal ProductCharges",
    Kind.SHIPPING: "Shipping ShippingPrincipal ShippingCharges ShippingCharge",
    Kind.GIFTWRAP: "GiftWrap GiftwrapPrincipal GiftWrapCharges",
    Kind.COD: "COD CODFee CODPrincipal CODItemCharge CODOrderCharge CODShippingCharge",
    Kind.TIP: "DeliveryTip",
    Kind.PROMOTION: "Promo PromoRebates Promotion Promotions OurPriceDiscount ShippingDiscount GiftwrapDiscount PromotionMetaDataDefinitionValue",
    Kind.POINTS: "PointsGranted PointsReturned PointsCost CostOfPointsGranted CostOfPointsReturned AmazonPoints",
    Kind.LIQUIDATION: "RecommerceLiquidation LiquidationsRevenue LiquidationProceeds FBALiquidation Liquidations LiquidationsRevenueAdjustment",
    Kind.GOODWILL: "Goodwill GoodwillPrincipal",
    Kind.RESTOCKING: "RestockingFee RestockingDeduction RestockingDeductionPrincipal",
    Kind.REFERRAL: "Commission ReferralFee GiftWrapCommission ShippingCommission",
    Kind.REFUND_ADMIN: "RefundCommission",
    Kind.CLOSING: "VariableClosingFee FixedClosingFee PerItemFee HighVolumeListingFee",
    Kind.DIGITAL_SERVICES: "DigitalServicesFee DigitalServicesFeeFBA",
    Kind.FBA_FULFILMENT: (
        "FBAPerUnitFulfillmentFee FBAPerOrderFulfillmentFee FBAWeightBasedFee FBATransportationFee FBAFees FBAPickAndPackFee"
        " FBAWeightHandlingFee FBADeliveryServicesFee MCFBoxFee FBAOverageFee FBALowInventoryLevelFee FulfillmentFee FBAFulfillmentFee"
    ),
    Kind.SHIPPING_CHARGEBACK: "ShippingChargeback GiftwrapChargeback ShippingHB",
    Kind.STORAGE: (
        "StorageFee FBAStorageFee FBAStorageBilling StorageBilling StorageRenewalBilling FBALongTermStorageFee FBALongTermStorage"
        " AgedInventorySurcharge CapacityReservationFee StorageOverageFee AWDStorageFee CapacityReservationBilling"
    ),
    Kind.RETURNS_PROCESSING: (
        "FBACustomerReturnPerUnitFee FBACustomerReturnPerOrderFee FBACustomerReturnWeightBasedFee CustomerReturnHRRUnitFee"
        " ReturnProcessingFee CustomerReturnFee"
    ),
    Kind.REMOVAL: "RemovalComplete DisposalComplete FBARemovalFee FBADisposalFee RemovalFee DisposalFee LiquidationsFees LiquidationsBrokerageFee",
    Kind.INBOUND: (
        "FBAInboundTransportationFee FBAInboundTransportationProgramFee FBAInboundConvenienceFee FBAInboundConvenience FBAInboundPlacementFee"
        " FBAPostInboundTransportation InboundTransportationFee InboundPlacementServiceFee FBAInboundDefectFee FBAPrepFee LabellingFee"
        " PrepServiceFee AWDProcessingFee AWDTransportationFee"
    ),
    Kind.SUBSCRIPTION: "Subscription SubscriptionFee",
    Kind.DEAL: "LightningDealFee DealParticipationFee DealPerformanceFee SellerDealPayment RunLightningDealFee BestDealFee",
    Kind.COUPON: "CouponRedemptionFee CouponParticipationFee CouponPerformanceFee CouponPayment CouponFee",
    Kind.POSTAGE: "ShippingLabelPurchase ShippingLabelPurchaseForReturn ShippingServices ShippingServicesRefund PostageBilling PostageRefund",
    Kind.OTHER_FEE: (
        "AmazonFees ServiceFee PaidServicesFee VineEnrollmentFee VineFee ImagingServicesFee SalesTaxCollectionFee AffordabilityExpense"
        " ValueAddedServiceCharge SellerReviewEnrollmentPayment RegulatoryFee ChargebackFee AtoZFee AffordabilityExpenseReversal"
    ),
    Kind.ADVERTISING: "CostOfAdvertising AdvertisingFee AdvertisingFeeRefund ProductAdsPayment SponsoredProductsFee",
    Kind.REIMBURSEMENT: (
        "FBAInventoryReimbursement FBAReversedReimbursement ReversalReimbursement WAREHOUSE_LOST WAREHOUSE_LOST_MANUAL WAREHOUSE_DAMAGE"
        " WAREHOUSE_DAMAGE_EXCEPTION MISSING_FROM_INBOUND MISSING_FROM_INBOUND_CLAWBACK REMOVAL_ORDER_LOST REMOVAL_ORDER_DAMAGED"
        " CS_ERROR_ITEMS CustomerServiceErrorItems"
        " CS_ERROR_NON_ITEMIZED RefundReimbursal CompensatedClawback FREE_REPLACEMENT_REFUND_ITEMS SAFETReimbursement"
        " FBAInventoryReimbursementCustomerReturn FBAInventoryReimbursementCustomerServiceIssue"
        " FBAInventoryReimbursementDamagedWarehouse FBAInventoryReimbursementLostWarehouse FBAInventoryReimbursementLostInbound"
        " FBAInventoryReimbursementFeeCorrection FBAInventoryReimbursementGeneralAdjustment LostOrDamagedReimbursement ReimbursementClawback"
    ),
    Kind.ITEM_TAX: "Tax OurPriceTax BaseTax TaxOnRevenue GoodwillTax RestockingDeductionTax Retrocharge RetrochargeReversal TaxDiscount OurPriceTaxDiscount",
    Kind.SHIPPING_TAX: "ShippingTax ShippingTaxDiscount",
    Kind.GIFTWRAP_TAX: "GiftWrapTax GiftwrapTaxDiscount",
    Kind.WITHHELD_TAX: "TDS TDSReimbursement TaxWithholding ItemWithheldTax",
    Kind.RESERVE: "CurrentReserveAmount PreviousReserveAmountBalance ReserveCredit ReserveDebit ReserveEvent",
    Kind.TRANSFER: "Transfer FundTransfer FailedDisbursement FailedAdhocDisbursement AdhocDisbursement PayableToAmazon SuccessfulCharge",
    Kind.DEBT: "BalanceAdjustment AmazonCapitalServices MerchantBadDebt DebtRecovery DebtPayment DebtAdjustment LoanServicing LoanPayment LoanAdvance",
}
_KIND_OF_LABEL: dict[str, Kind] = {fold(label): kind for kind, labels in _LABELS.items() for label in labels.split()}

#: Families that Amazon extends with a suffix per component, state or reason.
_KIND_OF_PREFIX: tuple[tuple[str, Kind], ...] = (
    ("marketplacefacilitator", Kind.WITHHELD_TAX),
    ("lowvaluegoodstax", Kind.WITHHELD_TAX),
    ("tcs", Kind.WITHHELD_TAX),
    ("tds", Kind.WITHHELD_TAX),
    ("itemtds", Kind.WITHHELD_TAX),
    ("multichannelorder", Kind.REIMBURSEMENT),
    ("incorrectfees", Kind.REIMBURSEMENT),
    ("fbainventoryreimbursement", Kind.REIMBURSEMENT),
    ("safetreimbursement", Kind.REIMBURSEMENT),
    ("fbacustomerreturn", Kind.RETURNS_PROCESSING),
    ("fbainbound", Kind.INBOUND),
)

#: Money that goes back to a buyer, whoever decided it.
_REFUND_TYPES = frozenset(
    map(
        fold,
        (
            "Refund",
            "Chargeback Refund",
            "A-to-z Guarantee Refund",
            "GuaranteeClaim",
            "Chargeback",
            "ChargeRefund",
            "EBTRefundReimbursementOnly",
        ),
    )
)
_REFUNDED = {
    Kind.PRINCIPAL: Kind.REFUND_PRINCIPAL,
    Kind.SHIPPING: Kind.REFUND_SHIPPING,
    Kind.GIFTWRAP: Kind.REFUND_GIFTWRAP,
    Kind.PROMOTION: Kind.REFUND_PROMOTION,
}
#: Parts of their parent in a breakdown tree, and frames that say nothing about what is inside.
_PARTS = frozenset({"base", "tax", "discount"})
_FRAMES = frozenset(
    {
        "sales",
        "expenses",
        "refundedsales",
        "refundedexpenses",
        "other",
        "itemfees",
        "shipmentfees",
        "orderfees",
        "itemprice",
        "othertransaction",
    }
)


def _of_label(folded: str) -> Kind | None:
    known = _KIND_OF_LABEL.get(folded)
    if known is not None:
        return known
    return next((kind for prefix, kind in _KIND_OF_PREFIX if folded.startswith(prefix)), None)


def _of_telling_type(folded_type: str) -> Kind:
    """Return the kind of a transaction that can be for one thing only, such as a transfer, whatever its leaf is called."""
    kind = _of_label(folded_type)
    return kind if kind is not None and group(kind) not in {Group.FEES, Group.TAX} else Kind.UNCLASSIFIED


def _for_type(kind: Kind, folded_type: str) -> Kind:
    return _REFUNDED.get(kind, kind) if folded_type in _REFUND_TYPES else kind


def classify_settlement(transaction_type: str, amount_type: str, amount_description: str) -> Kind:
    """Return the kind of one settlement line (flat file V2). Total, blind to case and punctuation; the unknown is `UNCLASSIFIED`."""
    type_, amount, description = fold(transaction_type), fold(amount_type), fold(amount_description)
    if amount.startswith("itemwithheldtax"):
        return Kind.WITHHELD_TAX
    if amount.startswith("promotion"):  # Promotion/Shipping is a discount on shipping, not a shipping charge.
        return _for_type(Kind.PROMOTION, type_)
    if amount == "shipmentfees" and description == "shipping":  # A fee in spite of its name.
        return Kind.OTHER_FEE
    kind = _of_label(description)
    if kind is None and amount not in _FRAMES:
        kind = _of_label(amount)
    if kind is None and not description:
        kind = _of_label(type_)
    return _for_type(kind, type_) if kind is not None else Kind.UNCLASSIFIED


def classify_transaction(transaction_type: str, breakdown_path: Sequence[str]) -> Kind:
    """Return the kind of one leaf of a Finances 2024-06-19 breakdown tree.

    `breakdown_path` holds `breakdownType` from the root to the leaf. The nearest telling label decides: ``Base`` and ``Tax`` under
    ``Commission`` are both referral fee. With no telling label the transaction's own type decides.
    """
    type_ = fold(transaction_type)
    labels = [fold(label) for label in breakdown_path]
    for depth in range(len(labels) - 1, -1, -1):
        if labels[depth] == "tax" and depth > 0 and labels[depth - 1] == "expenses":  # Tax on a service that Amazon sold to the seller.
            return Kind.OTHER_FEE
        if labels[depth] in _FRAMES or (labels[depth] in _PARTS and depth > 0 and labels[depth - 1] not in _FRAMES):
            continue
        kind = _of_label(labels[depth]) or _of_telling_type(type_)
        if kind is Kind.OTHER_FEE and type_.startswith("removalshipment"):
            return Kind.REMOVAL
        return _for_type(kind, type_)
    return _of_label(type_) or Kind.UNCLASSIFIED


_KIND_OF_PROCEEDS = {
    "ITEM": Kind.PRINCIPAL,
    "SHIPPING": Kind.SHIPPING,
    "GIFT_WRAP": Kind.GIFTWRAP,
    "COD_FEE": Kind.COD,
    "TAX": Kind.ITEM_TAX,
    "DISCOUNT": Kind.PROMOTION,
    "DELIVERY_TIP": Kind.TIP,
}


def classify_proceeds(type_: str) -> Kind:
    """Return the kind of a proceeds breakdown of Orders 2026-01-01; Amazon's ``OTHER`` and any new type are `UNCLASSIFIED`."""
    return _KIND_OF_PROCEEDS.get(type_.upper(), Kind.UNCLASSIFIED)
