"""Amazon's labels of money lines, and the charge type of each.

Amazon publishes no list of them and adds some each quarter, so a label is looked up in three steps:
as it is, without the tails that Amazon appends (``- Correction``, ``IGST``, ``for ASIN: …``), and
by the family that its words name. Labels are compared folded, because case, spaces and punctuation
differ between files. What no step knows has no charge type; none is guessed.

Sources: Amazon's Finances models (34 event lists), the settlement labels that public connectors and
Amazon's fee schedules name, and counts of leaf labels over 13 818 transactions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from theseller.amazon.charge_types import ChargeType, ProfitLine, profit_line
from theseller.amazon.payout_and_loan_patterns import payout_families

_NO_ACCENTS = str.maketrans({"ł": "l", "ø": "o", "ı": "i", "đ": "d"})


def fold(label: str) -> str:
    """Return `label` in lower case, without accents, spaces and punctuation.

    Letters and digits remain: ``Other-Transaction`` and ``other transaction`` are one label.
    """
    folded = label.casefold()
    if folded.isascii():
        return re.sub(r"[^0-9a-z]", "", folded)
    return "".join(
        filter(str.isalnum, unicodedata.normalize("NFKD", folded.translate(_NO_ACCENTS)).casefold())
    )


#: Labels per charge type, in Amazon's spelling where one is known; compared folded.
_LABELS: dict[ChargeType, str] = {
    ChargeType.PRINCIPAL: "Principal OurPricePrincipal ProductCharges Product ProductSales",
    ChargeType.SHIPPING: "Shipping ShippingPrincipal ShippingCharges ShippingCharge",
    ChargeType.GIFTWRAP: "GiftWrap GiftwrapPrincipal GiftWrapCharges",
    ChargeType.COD: (
        "COD CODFee CODPrincipal CODItemCharge CODOrderCharge CODShippingCharge CODShipping"
    ),
    ChargeType.TIP: "DeliveryTip",
    ChargeType.PROMOTION: (
        "Promo PromoRebates Promotion Promotions OurPriceDiscount ShippingDiscount GiftwrapDiscount"
        " PromotionMetaDataDefinitionValue"
    ),
    ChargeType.POINTS: (
        "PointsGranted PointsReturned PointsCost CostOfPointsGranted CostOfPointsReturned"
        " CostOfPoints PointsFee AmazonPoints"
    ),
    ChargeType.LIQUIDATION: (
        "RecommerceLiquidation LiquidationsRevenue LiquidationProceeds FBALiquidation Liquidations"
        " LiquidationsRevenueAdjustment"
    ),
    ChargeType.GOODWILL: (
        "Goodwill GoodwillPrincipal BuyerRecharge A2ZGuaranteeRecovery AtoZGuaranteeRecovery"
        " AtoZGuaranteeClaim A2ZGuaranteeClaim"
    ),
    ChargeType.RESTOCKING: (
        "RestockingFee RestockingDeduction RestockingDeductionPrincipal ReturnShipping"
        " FreeReplacementReturnShipping GenericDeduction"
    ),
    ChargeType.REFERRAL: "Commission ReferralFee GiftWrapCommission ShippingCommission",
    ChargeType.REFUND_ADMIN: "RefundCommission",
    ChargeType.CLOSING: "VariableClosingFee FixedClosingFee PerItemFee HighVolumeListingFee",
    ChargeType.DIGITAL_SERVICES: "DigitalServicesFee DigitalServicesFeeFBA",
    ChargeType.FBA_FULFILMENT: (
        "FBAPerUnitFulfillmentFee FBAPerOrderFulfillmentFee FBAWeightBasedFee FBATransportationFee"
        " FBAFees FBAPickAndPackFee FBAWeightHandlingFee FBADeliveryServicesFee MCFBoxFee"
        " FBALowInventoryLevelFee FulfillmentFee FBAFulfillmentFee FBAFee"
    ),
    ChargeType.SHIPPING_CHARGEBACK: (
        "ShippingChargeback GiftwrapChargeback CODChargeback ShippingHB"
    ),
    ChargeType.STORAGE: (
        "StorageFee FBAStorageFee FBAStorageBilling StorageBilling StorageRenewalBilling"
        " FBALongTermStorageFee FBALongTermStorage AgedInventorySurcharge CapacityReservationFee"
        " StorageOverageFee FBAOverageFee AWDStorageFee CapacityReservationBilling"
    ),
    ChargeType.RETURNS_PROCESSING: (
        "FBACustomerReturnPerUnitFee FBACustomerReturnPerOrderFee FBACustomerReturnWeightBasedFee"
        " CustomerReturnHRRUnitFee ReturnProcessingFee CustomerReturnFee"
    ),
    ChargeType.REMOVAL: (
        "RemovalComplete DisposalComplete FBARemovalFee FBADisposalFee RemovalFee DisposalFee"
        " LiquidationsFees LiquidationsBrokerageFee"
    ),
    ChargeType.INBOUND: (
        "FBAInboundTransportationFee FBAInboundTransportationProgramFee FBAInboundConvenienceFee"
        " FBAInboundConvenience FBAInboundPlacementFee FBAPostInboundTransportation"
        " InboundTransportationFee InboundPlacementServiceFee FBAInboundDefectFee FBAPrepFee"
        " LabellingFee PrepServiceFee AWDProcessingFee AWDTransportationFee BubblewrapFee"
        " OpaqueBaggingFee PolybaggingFee TapingFee HangGarmentFee"
    ),
    ChargeType.SUBSCRIPTION: "Subscription SubscriptionFee",
    ChargeType.DEAL: (
        "PromotionFee DealsPromotionFee LightningDealFee DealParticipationFee DealPerformanceFee"
        " SellerDealPayment RunLightningDealFee BestDealFee"
    ),
    ChargeType.COUPON: (
        "CouponRedemptionFee CouponParticipationFee CouponPerformanceFee CouponPayment CouponFee"
    ),
    ChargeType.POSTAGE: (
        "ShippingLabelPurchase ShippingLabelPurchaseForReturn ShippingServices"
        " ShippingServicesRefund PostageBilling PostageRefund"
    ),
    ChargeType.OTHER_FEE: (
        "AmazonFees ServiceFee PaidServicesFee VineEnrollmentFee VineFee ImagingServicesFee"
        " SalesTaxCollectionFee AffordabilityExpense ValueAddedServiceCharge"
        " SellerReviewEnrollmentPayment RegulatoryFee ChargebackFee AtoZFee"
        " AffordabilityExpenseReversal FeeAdjustment NonSubscriptionFeeAdjustment"
        " NonSubscriptionFeeAdj TechnologyFee GetPaidFasterFee CashOnDeliveryFee"
    ),
    ChargeType.ADVERTISING: (
        "CostOfAdvertising AdvertisingFee AdvertisingFeeRefund ProductAdsPayment"
        " SponsoredProductsFee"
    ),
    ChargeType.REIMBURSEMENT: (
        "FBAInventoryReimbursement FBAReversedReimbursement ReversalReimbursement WAREHOUSE_LOST"
        " WAREHOUSE_LOST_MANUAL WAREHOUSE_DAMAGE WAREHOUSE_DAMAGE_EXCEPTION MISSING_FROM_INBOUND"
        " MISSING_FROM_INBOUND_CLAWBACK REMOVAL_ORDER_LOST REMOVAL_ORDER_DAMAGED CS_ERROR_ITEMS"
        " CustomerServiceErrorItems CS_ERROR_NON_ITEMIZED RefundReimbursal CompensatedClawback"
        " FREE_REPLACEMENT_REFUND_ITEMS SAFETReimbursement FBAInventoryReimbursementCustomerReturn"
        " FBAInventoryReimbursementCustomerServiceIssue FBAInventoryReimbursementDamagedWarehouse"
        " FBAInventoryReimbursementLostWarehouse FBAInventoryReimbursementLostInbound"
        " FBAInventoryReimbursementFeeCorrection FBAInventoryReimbursementGeneralAdjustment"
        " LostOrDamagedReimbursement ReimbursementClawback RE_EVALUATION PAYMENT_RETRACTION_ITEMS"
    ),
    ChargeType.ITEM_TAX: (
        "Tax OurPriceTax BaseTax TaxOnRevenue GoodwillTax RestockingDeductionTax Retrocharge"
        " RetrochargeReversal TaxDiscount OurPriceTaxDiscount CODItemTaxCharge CODOrderTaxCharge"
        " CODShippingTaxCharge ItemPriceTax"
    ),
    ChargeType.SHIPPING_TAX: "ShippingTax ShippingTaxDiscount",
    ChargeType.GIFTWRAP_TAX: "GiftWrapTax GiftwrapTaxDiscount",
    ChargeType.WITHHELD_TAX: "TDS TDSReimbursement TaxWithholding ItemWithheldTax",
    ChargeType.RESERVE: (
        "CurrentReserveAmount PreviousReserveAmountBalance ReserveCredit ReserveDebit ReserveEvent"
    ),
    ChargeType.TRANSFER: (
        "Transfer FundTransfer FailedDisbursement FailedAdhocDisbursement AdhocDisbursement"
        " PayableToAmazon SuccessfulCharge"
    ),
    ChargeType.DEBT: (
        "BalanceAdjustment AmazonCapitalServices MerchantBadDebt DebtRecovery DebtPayment"
        " DebtAdjustment LoanServicing LoanPayment LoanAdvance"
    ),
}
_KIND_OF_LABEL: dict[str, ChargeType] = {
    fold(label): kind for kind, labels in _LABELS.items() for label in labels.split()
}

#: A payment to the seller's bank, and words that say that it did not arrive or was taken back.
_PAYMENT = "transfer|payout|deposit|disbursement"
_FAILED = (
    "failed|failure|unsuccessful|notsuccessful|rejected|declined|denied|refused|bounced"
    "|returned|reversed|reversalof|cancell?ed"
    "|(?:could|can|did)not|couldnt|unableto|notcompleted|notprocessed|invalid"
)
_NO_PAYOUT = (
    "fee|inventory|stock|coupon|deal|advert|productads|postage|shipping"
    "|order|item|customer|buyer|claim|chargeback|security"
)
#: The price of a loan, which is a cost; the loan itself is none.
LOAN_FEE = (
    r"^(?:amazon)?(?:lending|loan)(?:origination|processing|servicing|service"
    r"|late(?:payment)?|prepayment|annual|management)?(?:fees?|interest|charges?)"
    r"|originationfee|^interest(?:charge)?(?:on|for)\w*loan"
    r"|^(?:amazonlending|loan)\w*(?:latefee|interestcharge)"
)
#: Families, by words of the folded label. The first that fits decides, so what moves cash and
#: what Amazon pays back comes before the fee that its text may name.
_FAMILIES: tuple[tuple[ChargeType, re.Pattern[str]], ...] = (
    *tuple(
        (kind, re.compile(words))
        for kind, words in (
            (
                ChargeType.WITHHELD_TAX,
                (
                    r"^(?:item)?t[cd]s"
                    r"|(?:tax|gst)(?:tcs|tds)(?:refund|reversal|reimbursement)?$"
                    r"|^(?:reimbursement|refund|reversal)of(?:gst)?t[cd]s"
                    r"|^marketplacefacilitator|^lowvaluegoods|withh(?:eld|olding)"
                    r"|tax(?:collected|deducted)atsource"
                ),
            ),
            (
                ChargeType.REIMBURSEMENT,
                (
                    r"reimburs|clawback|^(?:lost|damaged)(?:inbound|outbound|warehouse|removal)"
                    r"|^warehouse(?:lost|damage)|^missingfrominbound|^multichannelorder"
                    r"|^inboundcarrierdamage|^incorrectfees|^safet(?!y)"
                ),
            ),
            (ChargeType.OTHER_FEE, LOAN_FEE),
            (
                ChargeType.DEBT,
                (
                    r"^loan|merchantcashadvance|loan(?:re)?payment|loanrepay|loanservic"
                    r"|^amazonlending|capitalservices|debt"
                ),
            ),
            (
                ChargeType.TRANSFER,
                (
                    r"^transfers?(?:of|to|from|$)|fundstransfer|fundtransfer|banktransfer"
                    r"|bankaccount|disbursement(?!\w*fee)|microdeposit|payabletoamazon"
                    r"|negative(?:account)?balance(?!\w*fee)|successfulcharge|sellerrepayment"
                    r"|paymenttoamazon|^toyour(?:bank)?account|accountending|creditcardcharge"
                    r"|chargetocreditcard|owedtoamazon|amountdue"
                    rf"|^(?!\w*(?:{_NO_PAYOUT}))(?=\w*(?:{_FAILED}))(?=\w*(?:{_PAYMENT}))"
                    r"|(?:failed|unsuccessful|rejected|returned|reversed)(?:bank)?payment"
                    r"|payment(?:was|has|of|funds|reversal)*(?:failed|unsuccessful|rejected"
                    r"|returned|reversed)"
                    r"|^wiretransfer(?!\w*fee)|accountbalance(?:transfer|repayment|payment)"
                    r"|repaymentof\w*balance|^paymentfrom(?:the)?seller"
                    r"|^depositverification|verificationdeposit|depositmethod"
                    r"|^payouts?(?!.*fee)"
                ),
            ),
            (
                ChargeType.RESERVE,
                (
                    r"reserve(?:amount|balance|credit|debit|event|release|d|adjustment)"
                    r"|accountlevelreserve|unavailablebalance"
                    r"|^(?:beginning|opening|prior|previous|carried)\w*balance"
                    r"|^(?:current|previous)?reserves?$"
                ),
            ),
            (
                ChargeType.ADVERTISING,
                (
                    r"advertis|^amazon(?:ads|dsp)|sponsored(?:products|brands|display|ads|tv)"
                    r"|productads"
                ),
            ),
            (
                ChargeType.COUPON,
                r"^coupon|coupon(?:participation|performance|redemption|payment|fee)",
            ),
            (
                ChargeType.DEAL,
                (
                    r"^(?:lightning|best|prime|seller"
                    r"|7day)*deals?(?:promotion)?(?:participation|performance|payment|fee"
                    r"|submission|event)"
                    r"|^run(?:lightning|best)?deal|^prime(?:exclusive|day)\w*fee"
                    r"|^promotions?(?:participation|performance)?(?:based)?fee"
                    r"|^pricediscounts?(?:participation|performance|fee)"
                ),
            ),
            (ChargeType.PROMOTION, r"^promo(?:tion(?:al|s)?)?(?:rebates?|discounts?|meta.*)?$"),
            (ChargeType.REFUND_ADMIN, r"refund(?:commission|admin|processing)"),
            (ChargeType.CLOSING, r"closingfee|highvolumelisting|^peritemfee"),
            (ChargeType.DIGITAL_SERVICES, r"digitalservices?(?:fee|tax)"),
            (ChargeType.SHIPPING_CHARGEBACK, r"(?:shipping|giftwrap)(?:chargeback|holdback|hb$)"),
            (
                ChargeType.RETURNS_PROCESSING,
                (
                    r"customerreturn|returns?processing|highreturnrate|gradeandresell"
                    r"|^returns?(?:unit|handling)|hrrunit|^(?:fba)?refurbish"
                ),
            ),
            (
                ChargeType.REMOVAL,
                r"removal|disposal|liquidations?(?:brokerage|processing|service|fee)",
            ),
            (
                ChargeType.INBOUND,
                (
                    r"inbound|partneredcarrier|placementservice|inventoryplacement"
                    r"|^warehouseprep|repackaging|globallogistics|unplanned(?:service|prep)"
                    r"|prep(?:service)?fee|^fbaprep|labell?ingfee"
                    r"|manualprocessing|internationalfreight|^fbainternational"
                    r"|(?:awd|upstream|warehousingdistribution)(?:processing|transportation)"
                ),
            ),
            (
                ChargeType.STORAGE,
                (
                    r"storage|agedinventory|capacityreservation|capacitymanager|inventoryoverage"
                    r"|overagefee|warehousing(?:and)?distribution"
                ),
            ),
            (ChargeType.REFERRAL, r"commission|referral(?:fee|bonus)|^referral"),
            (
                ChargeType.POSTAGE,
                (
                    r"postage|shippinglabel|^(?:prepaid)?returnlabel|^mfndeliveryservice"
                    r"|^deliveryservicesfee|^shippingservices|buyshipping|easyship"
                    r"|^amazonshippingcharge"
                ),
            ),
            (
                ChargeType.FBA_FULFILMENT,
                (
                    r"lowinventory|(?<!seller)fulfil|pickandpack|pickpack"
                    r"|weight(?:based|handling)|^fba(?:per|delivery|transportation)"
                    r"|fuel(?:and\w*)?surcharge"
                    r"|paneu\w*fee|oversizefee|^mcf|^crossborderfulfil"
                    r"|peakseason\w*(?:fee|surcharge)|^buywithprime\w*fulfil"
                ),
            ),
            (
                ChargeType.SUBSCRIPTION,
                r"^(?:monthly)?subscription|(?:professional|individual)sellingplan",
            ),
            (
                ChargeType.OTHER_FEE,
                (
                    r"^vine|ecocontribution|forepr|eprpay|^(?:[a-z]{2})?epr\w*fee|payonbehalf"
                    r"|extendedproducer|technologyfee|^transparency(?:label|code|program)"
                    r"|imagingservices"
                    r"|(?:paid|premium|strategicaccount|account)services?(?:fee)?$"
                    r"|customerservicebyamazon|csbafee|earlyreviewer|exclusivesprogram"
                    r"|(?:salestax|vat)(?:collection|services?)\w*fee|regulatoryfee"
                    r"|^fees?(?:correction|reversal)|(?:vat|tax)onfees|chargebackfee"
                    r"|cancell?ation(?:fee|charge)|codfee|paymentmethodfee"
                    r"|payoutfee|installmentfee|^epso|exclusivesfee"
                    r"|(?:non)?compliance(?:service)?fee|^customerservicefee"
                    r"|^fbatransactionfee|hazmat\w*fee"
                    r"|^(?:amazon)?vine\w*fee|primebadgefee"
                    r"|(?:sas|strategicaccount\w*|accountmanagement)(?:core|fee)"
                    r"|^sellerfulfilledprime\w*fee"
                    r"|(?:taxcalculation|vatcalculation|vcs|taxcollection)\w*fee"
                    r"|^vatservicesonamazon|regulatory\w*fee|environmental\w*fee"
                    r"|recycling\w*fee|ecofee"
                    r"|currencyconver|^accsfee|^amazonpay\w*fee|paymentprocessing"
                    r"|^buywithprime\w*fee|^amazonfreight\w*fee|brandedpackaging\w*fee"
                ),
            ),
            (ChargeType.LIQUIDATION, r"^liquidations?(?:revenue|proceeds)"),
        )
    ),
    *payout_families(fold),
)
#: What Amazon appends to a label for a later change of the same amount.
_CHANGE_TAIL = re.compile(
    r"(?:correction|reversal|reversed|rollback|rebate|waiver|adjustment|refund)s?$"
)
#: What Amazon appends to a label for a tax on the same amount.
_TAX_TAIL = re.compile(
    r"(?:(?:ig|cg|sg|utg|g|h)st|vat|pst|qst|iva|jct|taxonfee|consumptiontax|salestax"
    r"|servicetax|tax)$"
)
#: Texts that a label may carry: what, when or against whom it was charged.
_TEXT_TAIL = re.compile(r"\s(?:for|against)\s.*|\s*\([^()]*\)?|\s-\s.*|\s*:.*", re.DOTALL)
_TAX_OF = {
    ChargeType.SHIPPING: ChargeType.SHIPPING_TAX,
    ChargeType.GIFTWRAP: ChargeType.GIFTWRAP_TAX,
}
_IN_LABEL_MAX = 300


def tax_of(kind: ChargeType) -> ChargeType:
    """Return the charge type of the tax on `kind`.

    The tax on a fee is the fee itself; other taxes are collected from the buyer.
    """
    return (
        kind
        if profit_line(kind) in {ProfitLine.FEES, ProfitLine.ADVERTISING}
        else _TAX_OF.get(kind, ChargeType.ITEM_TAX)
    )


def _forms(label: str) -> Iterator[str]:
    """Yield `label` folded: whole first, then without its texts."""
    seen = set()
    for text in (
        label,
        re.sub(r"\([^()]*\)", " ", label),
        _TEXT_TAIL.sub("", label, count=1),
        _TEXT_TAIL.sub("", label),
    ):
        folded = fold(text)
        if folded and folded not in seen:
            seen.add(folded)
            yield folded


def _exact(folded: str) -> ChargeType | None:
    """Return the charge type of a folded label that is listed.

    As it is, or without the tails of changes and taxes.
    """
    if (known := _KIND_OF_LABEL.get(folded)) is not None:
        return known
    if (stem := _CHANGE_TAIL.sub("", folded, count=1)) not in {"", folded}:
        return _exact(stem)
    stem = _TAX_TAIL.sub("", folded, count=1)
    if stem in {"", folded}:
        return None
    kind = _exact(stem)
    return tax_of(kind) if kind is not None else None


def charge_type_of_label(label: str) -> ChargeType | None:
    """Return the charge type that `label` names; None if it is unknown."""
    return _kind_of(label[:_IN_LABEL_MAX])


@lru_cache(4096)
def _kind_of(label: str) -> ChargeType | None:
    forms = list(_forms(label))
    for folded in forms:
        if (kind := _exact(folded)) is not None:
            return kind
    # The shortest form first: a text after the label is no evidence.
    for folded in reversed(forms):
        for kind, words in _FAMILIES:
            if words.search(folded):
                return kind
    return None
