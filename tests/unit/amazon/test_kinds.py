"""The table of kinds: total, case-blind, and honest about what it does not know."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.amazon import charge_labels, charge_types
from theseller.amazon.kinds import (
    Group,
    Kind,
    classify_proceeds,
    classify_settlement,
    classify_transaction,
    fold,
    group,
    is_profit_and_loss,
)


@pytest.mark.parametrize(
    ("transaction_type", "amount_type", "description", "expected"),
    [
        ("Order", "ItemPrice", "Principal", Kind.PRINCIPAL),
        ("Order", "ItemPrice", "Tax", Kind.ITEM_TAX),
        ("Order", "ItemPrice", "ShippingTax", Kind.SHIPPING_TAX),
        ("Order", "ItemPrice", "GiftWrapTax", Kind.GIFTWRAP_TAX),
        ("Order", "ItemPrice", "Goodwill", Kind.GOODWILL),
        ("Order", "Promotion", "Shipping", Kind.PROMOTION),
        ("Order", "Shipment-Fees", "Shipping", Kind.OTHER_FEE),
        ("Order", "Shipment-Fees", "FBATransportationFee", Kind.FBA_FULFILMENT),
        ("Order", "ItemFees", "Commission", Kind.REFERRAL),
        ("Order", "ItemFees", "FBAPerUnitFulfillmentFee", Kind.FBA_FULFILMENT),
        ("Order", "ItemFees", "ShippingHB", Kind.SHIPPING_CHARGEBACK),
        ("Order", "ItemFees", "VariableClosingFee", Kind.CLOSING),
        ("Order", "ItemFees", "DigitalServicesFee", Kind.DIGITAL_SERVICES),
        ("Order", "ItemFees", "MarketplaceFacilitatorVAT-Principal", Kind.WITHHELD_TAX),
        ("Order", "ItemWithheldTax", "TCS-IGST", Kind.WITHHELD_TAX),
        ("Refund", "ItemPrice", "Principal", Kind.REFUND_PRINCIPAL),
        ("A-to-z Guarantee Refund", "ItemPrice", "Shipping", Kind.REFUND_SHIPPING),
        ("Chargeback Refund", "ItemPrice", "GiftWrap", Kind.REFUND_GIFTWRAP),
        ("Refund", "Promotion", "Principal", Kind.REFUND_PROMOTION),
        ("Refund", "ItemFees", "RefundCommission", Kind.REFUND_ADMIN),
        ("Refund", "ItemFees", "Commission", Kind.REFERRAL),
        ("other-transaction", "other-transaction", "Storage Fee", Kind.STORAGE),
        ("Other-Transaction", "OTHER-TRANSACTION", "StorageRenewalBilling", Kind.STORAGE),
        ("other-transaction", "other-transaction", "FBACustomerReturnPerUnitFee", Kind.RETURNS_PROCESSING),
        ("other-transaction", "other-transaction", "DisposalComplete", Kind.REMOVAL),
        ("other-transaction", "other-transaction", "FBAInboundTransportationFee", Kind.INBOUND),
        ("other-transaction", "FBA Inventory Reimbursement", "WAREHOUSE_DAMAGE_EXCEPTION", Kind.REIMBURSEMENT),
        ("other-transaction", "FBA Inventory Reimbursement", "MULTICHANNEL_ORDER_LOST", Kind.REIMBURSEMENT),
        ("other-transaction", "other-transaction", "FBA Inventory Reimbursement - Customer Return", Kind.REIMBURSEMENT),
        ("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", Kind.ADVERTISING),
        ("other-transaction", "other-transaction", "Subscription Fee", Kind.SUBSCRIPTION),
        ("other-transaction", "other-transaction", "Current Reserve Amount", Kind.RESERVE),
        ("other-transaction", "other-transaction", "Previous Reserve Amount Balance", Kind.RESERVE),
        ("Transfer", "", "", Kind.TRANSFER),
        ("other-transaction", "other-transaction", "Shipping label purchase", Kind.POSTAGE),
        ("CouponRedemptionFee", "CouponRedemptionFee", "Save 5 percent on soap", Kind.COUPON),
        ("Order", "ItemFees", "A fee of the year 2031", Kind.UNCLASSIFIED),
        ("", "", "", Kind.UNCLASSIFIED),
    ],
)
def test_settlement_lines(transaction_type: str, amount_type: str, description: str, expected: Kind) -> None:
    assert classify_settlement(transaction_type, amount_type, description) is expected
    assert classify_settlement(transaction_type.upper(), amount_type.lower(), f" {description.swapcase()} ") is expected


@pytest.mark.parametrize(
    ("transaction_type", "path", "expected"),
    [
        ("Shipment", ("Sales", "ProductCharges", "OurPricePrincipal"), Kind.PRINCIPAL),
        ("Shipment", ("Sales", "ProductCharges"), Kind.PRINCIPAL),
        ("Shipment", ("Expenses", "AmazonFees", "Commission", "Base"), Kind.REFERRAL),
        ("Shipment", ("AmazonFees", "FBAPerUnitFulfillmentFee", "Tax"), Kind.FBA_FULFILMENT),
        ("Shipment", ("Sales", "Tax"), Kind.ITEM_TAX),
        ("Shipment", ("Tax", "ShippingTax"), Kind.SHIPPING_TAX),
        ("Shipment", ("MarketplaceFacilitatorTax-Shipping",), Kind.WITHHELD_TAX),
        ("Shipment", ("Promo", "OurPriceDiscount"), Kind.PROMOTION),
        ("Refund", ("Refunded Sales", "ProductCharges", "OurPricePrincipal"), Kind.REFUND_PRINCIPAL),
        ("GuaranteeClaim", ("Shipping", "ShippingPrincipal"), Kind.REFUND_SHIPPING),
        ("ServiceFee", ("Expenses", "FBALongTermStorageFee"), Kind.STORAGE),
        ("ServiceFee", ("Expenses", "Tax"), Kind.OTHER_FEE),
        ("RemovalShipment", ("AmazonFees",), Kind.REMOVAL),
        ("RemovalShipment", ("RecommerceLiquidation",), Kind.LIQUIDATION),
        ("ProductAdsPayment", ("Expenses",), Kind.ADVERTISING),
        ("FBAInventoryReimbursement", (), Kind.REIMBURSEMENT),
        ("Transfer", ("FundTransfer",), Kind.TRANSFER),
        ("Transfer", ("Transfer", "DisbursementAmount"), Kind.TRANSFER),
        ("ServiceFee", ("Expenses", "FeeOf2031"), Kind.UNCLASSIFIED),
        ("Adjustment", ("ReserveDebit",), Kind.RESERVE),
        ("Shipment", (), Kind.UNCLASSIFIED),
        ("Shipment", ("Expenses", "AmazonFees", "FeeOf2031", "Base"), Kind.UNCLASSIFIED),
    ],
)
def test_transaction_leaves(transaction_type: str, path: tuple[str, ...], expected: Kind) -> None:
    assert classify_transaction(transaction_type, path) is expected
    assert classify_transaction(transaction_type.lower(), [part.upper() for part in path]) is expected


@given(st.text(), st.lists(st.text(), max_size=5), st.text())
def test_every_label_has_a_kind(transaction_type: str, path: list[str], description: str) -> None:
    assert classify_transaction(transaction_type, path) in Kind
    assert classify_settlement(transaction_type, description, description) in Kind
    assert classify_proceeds(description) in Kind


def test_no_label_is_listed_under_two_kinds() -> None:
    labels = Counter(fold(label) for labels in charge_labels._LABELS.values() for label in labels.split())
    assert [label for label, times in labels.items() if times > 1] == []


def test_every_kind_has_one_group_and_cash_and_tax_are_no_profit() -> None:
    members = [kind for kinds_of in charge_types._GROUPS.values() for kind in kinds_of]
    assert sorted(members) == sorted(Kind)
    assert {kind for kind in Kind if not is_profit_and_loss(kind)} == {k for k in Kind if group(k) in {Group.TAX, Group.CASH}}
    assert is_profit_and_loss(Kind.UNCLASSIFIED)
    assert not is_profit_and_loss(Kind.RESERVE)


def test_proceeds_types() -> None:
    assert classify_proceeds("ITEM") is Kind.PRINCIPAL
    assert classify_proceeds("DISCOUNT") is Kind.PROMOTION
    assert classify_proceeds("OTHER") is Kind.UNCLASSIFIED
