"""The charge classifier: every label has a type, in any case, and an unknown label is unclassified."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.amazon import charge_type_by_label, charge_types
from theseller.amazon.charge_classifier import (
    ChargeType,
    ProfitLine,
    classify_proceeds,
    classify_settlement,
    classify_transaction,
    fold,
    is_profit_and_loss,
    profit_line,
)
from theseller.amazon.charge_display_names import charge_name


@pytest.mark.parametrize(
    ("transaction_type", "amount_type", "description", "expected"),
    [
        ("Order", "ItemPrice", "Principal", ChargeType.PRINCIPAL),
        ("Order", "ItemPrice", "Tax", ChargeType.ITEM_TAX),
        ("Order", "ItemPrice", "ShippingTax", ChargeType.SHIPPING_TAX),
        ("Order", "ItemPrice", "GiftWrapTax", ChargeType.GIFTWRAP_TAX),
        ("Order", "ItemPrice", "Goodwill", ChargeType.GOODWILL),
        ("Order", "Promotion", "Shipping", ChargeType.PROMOTION),
        ("Order", "Shipment-Fees", "Shipping", ChargeType.OTHER_FEE),
        ("Order", "Shipment-Fees", "FBATransportationFee", ChargeType.FBA_FULFILMENT),
        ("Order", "ItemFees", "Commission", ChargeType.REFERRAL),
        ("Order", "ItemFees", "FBAPerUnitFulfillmentFee", ChargeType.FBA_FULFILMENT),
        ("Order", "ItemFees", "ShippingHB", ChargeType.SHIPPING_CHARGEBACK),
        ("Order", "ItemFees", "VariableClosingFee", ChargeType.CLOSING),
        ("Order", "ItemFees", "DigitalServicesFee", ChargeType.DIGITAL_SERVICES),
        ("Order", "ItemFees", "MarketplaceFacilitatorVAT-Principal", ChargeType.WITHHELD_TAX),
        ("Order", "ItemWithheldTax", "TCS-IGST", ChargeType.WITHHELD_TAX),
        ("Refund", "ItemPrice", "Principal", ChargeType.REFUND_PRINCIPAL),
        ("A-to-z Guarantee Refund", "ItemPrice", "Shipping", ChargeType.REFUND_SHIPPING),
        ("Chargeback Refund", "ItemPrice", "GiftWrap", ChargeType.REFUND_GIFTWRAP),
        ("Refund", "Promotion", "Principal", ChargeType.REFUND_PROMOTION),
        ("Refund", "ItemFees", "RefundCommission", ChargeType.REFUND_ADMIN),
        ("Refund", "ItemFees", "Commission", ChargeType.REFERRAL),
        ("other-transaction", "other-transaction", "Storage Fee", ChargeType.STORAGE),
        ("Other-Transaction", "OTHER-TRANSACTION", "StorageRenewalBilling", ChargeType.STORAGE),
        (
            "other-transaction",
            "other-transaction",
            "FBACustomerReturnPerUnitFee",
            ChargeType.RETURNS_PROCESSING,
        ),
        ("other-transaction", "other-transaction", "DisposalComplete", ChargeType.REMOVAL),
        (
            "other-transaction",
            "other-transaction",
            "FBAInboundTransportationFee",
            ChargeType.INBOUND,
        ),
        (
            "other-transaction",
            "FBA Inventory Reimbursement",
            "WAREHOUSE_DAMAGE_EXCEPTION",
            ChargeType.REIMBURSEMENT,
        ),
        (
            "other-transaction",
            "FBA Inventory Reimbursement",
            "MULTICHANNEL_ORDER_LOST",
            ChargeType.REIMBURSEMENT,
        ),
        (
            "other-transaction",
            "other-transaction",
            "FBA Inventory Reimbursement - Customer Return",
            ChargeType.REIMBURSEMENT,
        ),
        ("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", ChargeType.ADVERTISING),
        ("other-transaction", "other-transaction", "Subscription Fee", ChargeType.SUBSCRIPTION),
        ("other-transaction", "other-transaction", "Current Reserve Amount", ChargeType.RESERVE),
        (
            "other-transaction",
            "other-transaction",
            "Previous Reserve Amount Balance",
            ChargeType.RESERVE,
        ),
        ("Transfer", "", "", ChargeType.TRANSFER),
        ("other-transaction", "other-transaction", "Shipping label purchase", ChargeType.POSTAGE),
        ("CouponRedemptionFee", "CouponRedemptionFee", "Save 5 percent on soap", ChargeType.COUPON),
        ("Order", "ItemFees", "A fee of the year 2031", ChargeType.UNCLASSIFIED),
        ("", "", "", ChargeType.UNCLASSIFIED),
    ],
)
def test_classify_settlement_ignores_case_and_spaces(
    transaction_type: str, amount_type: str, description: str, expected: ChargeType
) -> None:
    assert classify_settlement(transaction_type, amount_type, description) is expected
    assert (
        classify_settlement(
            transaction_type.upper(), amount_type.lower(), f" {description.swapcase()} "
        )
        is expected
    )


@pytest.mark.parametrize(
    ("transaction_type", "path", "expected"),
    [
        ("Shipment", ("Sales", "ProductCharges", "OurPricePrincipal"), ChargeType.PRINCIPAL),
        ("Shipment", ("Sales", "ProductCharges"), ChargeType.PRINCIPAL),
        ("Shipment", ("Expenses", "AmazonFees", "Commission", "Base"), ChargeType.REFERRAL),
        ("Shipment", ("AmazonFees", "FBAPerUnitFulfillmentFee", "Tax"), ChargeType.FBA_FULFILMENT),
        ("Shipment", ("Sales", "Tax"), ChargeType.ITEM_TAX),
        ("Shipment", ("Tax", "ShippingTax"), ChargeType.SHIPPING_TAX),
        ("Shipment", ("MarketplaceFacilitatorTax-Shipping",), ChargeType.WITHHELD_TAX),
        ("Shipment", ("Promo", "OurPriceDiscount"), ChargeType.PROMOTION),
        (
            "Refund",
            ("Refunded Sales", "ProductCharges", "OurPricePrincipal"),
            ChargeType.REFUND_PRINCIPAL,
        ),
        ("GuaranteeClaim", ("Shipping", "ShippingPrincipal"), ChargeType.REFUND_SHIPPING),
        ("ServiceFee", ("Expenses", "FBALongTermStorageFee"), ChargeType.STORAGE),
        ("ServiceFee", ("Expenses", "Tax"), ChargeType.OTHER_FEE),
        ("RemovalShipment", ("AmazonFees",), ChargeType.REMOVAL),
        ("RemovalShipment", ("RecommerceLiquidation",), ChargeType.LIQUIDATION),
        ("ProductAdsPayment", ("Expenses",), ChargeType.ADVERTISING),
        ("FBAInventoryReimbursement", (), ChargeType.REIMBURSEMENT),
        ("Transfer", ("FundTransfer",), ChargeType.TRANSFER),
        ("Transfer", ("Transfer", "DisbursementAmount"), ChargeType.TRANSFER),
        ("ServiceFee", ("Expenses", "FeeOf2031"), ChargeType.UNCLASSIFIED),
        ("Adjustment", ("ReserveDebit",), ChargeType.RESERVE),
        ("Shipment", (), ChargeType.UNCLASSIFIED),
        ("Shipment", ("Expenses", "AmazonFees", "FeeOf2031", "Base"), ChargeType.UNCLASSIFIED),
    ],
)
def test_classify_transaction_maps_breakdown_leaves_in_any_case(
    transaction_type: str, path: tuple[str, ...], expected: ChargeType
) -> None:
    assert classify_transaction(transaction_type, path) is expected
    assert (
        classify_transaction(transaction_type.lower(), [part.upper() for part in path]) is expected
    )


@given(st.text(), st.lists(st.text(), max_size=5), st.text())
def test_every_charge_label_is_classified_without_error(
    transaction_type: str, path: list[str], description: str
) -> None:
    assert classify_transaction(transaction_type, path) in ChargeType
    assert classify_settlement(transaction_type, description, description) in ChargeType
    assert classify_proceeds(description) in ChargeType


def test_no_label_is_listed_under_two_kinds() -> None:
    labels = Counter(
        fold(label) for labels in charge_type_by_label._LABELS.values() for label in labels.split()
    )
    assert [label for label, times in labels.items() if times > 1] == []


def test_every_kind_has_one_group_and_cash_and_tax_are_no_profit() -> None:
    members = [kind for kinds_of in charge_types._GROUPS.values() for kind in kinds_of]
    assert sorted(members) == sorted(ChargeType)
    assert {kind for kind in ChargeType if not is_profit_and_loss(kind)} == {
        k for k in ChargeType if profit_line(k) in {ProfitLine.TAX, ProfitLine.CASH}
    }
    assert is_profit_and_loss(ChargeType.UNCLASSIFIED)
    assert not is_profit_and_loss(ChargeType.RESERVE)


def test_classify_proceeds_maps_item_discount_and_unknown_types() -> None:
    assert classify_proceeds("ITEM") is ChargeType.PRINCIPAL
    assert classify_proceeds("DISCOUNT") is ChargeType.PROMOTION
    assert classify_proceeds("OTHER") is ChargeType.UNCLASSIFIED


def test_every_charge_type_has_a_name_of_its_own_in_us_spelling() -> None:
    names = [charge_name(one) for one in ChargeType]
    assert len(set(names)) == len(names)
    assert charge_name(ChargeType.FBA_FULFILMENT) == "FBA fulfillment fee"
    assert not [
        name for name in names if "fulfilment" in name or "_" in name or not name[0].isupper()
    ]
