"""Whole settlements and the same facts from Finances.

India's taxes on fees, TCS and TDS, and taxes given up with a discount.

The expected figures are computed by hand from Amazon's meaning: GST on a fee is part of the fee;
TCS and TDS are withheld from the seller and credited by the state; a tax discount reduces the tax
that the buyer pays; facilitator taxes are paid by Amazon.
"""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.amazon.report_fixtures.builders import settlement

from theseller.amazon.charge_classifier import (
    ChargeType,
    ProfitLine,
    is_profit_and_loss,
    profit_line,
)
from theseller.amazon.decoders.transactions import decode_transactions
from theseller.amazon.reports import SettlementLine, read_report

#: Amount type and description in a settlement → where Finances has the amount.
_PATHS: dict[tuple[str, str], tuple[str, ...]] = {
    ("ItemPrice", "Principal"): ("Sales", "ProductCharges", "OurPricePrincipal"),
    ("ItemPrice", "Product Tax"): ("Tax", "OurPriceTax"),
    ("ItemPrice", "Tax"): ("Tax", "OurPriceTax"),
    ("ItemPrice", "Shipping"): ("Sales", "Shipping", "ShippingPrincipal"),
    ("ItemPrice", "Shipping tax"): ("Tax", "ShippingTax"),
    ("ItemPrice", "ShippingTax"): ("Tax", "ShippingTax"),
    ("ItemPrice", "GiftWrap"): ("Sales", "GiftWrap", "GiftwrapPrincipal"),
    ("ItemPrice", "GiftWrapTax"): ("Tax", "GiftwrapTax"),
    ("Promotion", "Principal"): ("Promo", "OurPriceDiscount"),
    ("Promotion", "Shipping"): ("Promo", "ShippingDiscount"),
    ("Promotion", "GiftWrap"): ("Promo", "GiftwrapDiscount"),
    ("other-transaction", "Reimbursement of TDS"): ("TDSReimbursement",),
}
_TAXES = ("IGST", "CGST", "SGST", "UTGST", "GST")


def _path(amount_type: str, description: str) -> tuple[str, ...]:
    if amount_type == "ItemFees":
        fee, _, tax = description.rpartition(" ")
        return (
            ("Expenses", "AmazonFees", fee, tax)
            if tax in _TAXES
            else ("Expenses", "AmazonFees", description, "Base")
        )
    if amount_type == "Promotion" and "Tax" in description:
        return ("Promo", description)
    return _PATHS.get((amount_type, description), (description,))


_Sums = dict[ProfitLine | str, Decimal]


def _add(sums: _Sums, kind: ChargeType, amount: Decimal) -> None:
    assert kind is not ChargeType.UNCLASSIFIED
    sums[profit_line(kind)] += amount
    sums["net"] += amount if is_profit_and_loss(kind) else 0


def _from_settlement(type_: str, currency: str, lines: list[tuple[str, str, str]]) -> _Sums:
    total = sum((Decimal(amount) for *_, amount in lines), Decimal(0))
    sums: _Sums = defaultdict(Decimal)
    for line in read_report(
        [settlement(*lines, total=str(total), currency=currency, transaction_type=type_).encode()]
    ).rows():
        assert isinstance(line, SettlementLine)
        _add(sums, line.kind, line.amount)
    return sums


def _from_finances(type_: str, currency: str, lines: list[tuple[str, str, str]]) -> _Sums:
    def money(amount: str | Decimal) -> dict[str, Any]:
        return {"currencyAmount": f"@{amount}@", "currencyCode": currency}

    def tree(path: tuple[str, ...], amount: str) -> dict[str, Any]:
        below = [tree(path[1:], amount)] if len(path) > 1 else None
        return {"breakdownType": path[0], "breakdownAmount": money(amount), "breakdowns": below}

    total = sum((Decimal(amount) for *_, amount in lines), Decimal(0))
    wire: dict[str, Any] = {
        "transactionType": type_,
        "transactionId": "T",
        "postedDate": "2026-03-05T12:00:00Z",
        "totalAmount": money(total),
    }
    wire["breakdowns"] = [
        tree(_path(amount_type, description), amount) for amount_type, description, amount in lines
    ]
    body = (
        json.dumps({"payload": {"transactions": [wire]}})
        .replace('"@', "")
        .replace('@"', "")
        .encode()
    )
    (transaction,) = decode_transactions(body).transactions
    sums: _Sums = defaultdict(Decimal)
    for line in transaction.lines:
        _add(sums, line.kind, line.amount)
    return sums


#: Name → transaction type in a settlement and in Finances, currency, lines, (net proceeds, fees,
#: tax).
_SAMPLES: dict[str, tuple[str, str, str, str, tuple[str, str, str]]] = {
    "India, within a state": (
        "Order", "Shipment", "INR",
        ("ItemPrice/Principal 500 ItemPrice/Product_Tax 90 ItemFees/Commission -50"
            " ItemFees/Commission_CGST -4.50 ItemFees/Commission_SGST -4.50"
        " ItemTCS/TCS-CGST -1.25 ItemTCS/TCS-SGST -1.25 ItemTDS/TDS -0.50"),
        ("441", "-59", "87"),
    ),
    "India, between states": (
        "Order", "Shipment", "INR",
        ("ItemPrice/Principal 1500 ItemPrice/Product_Tax 270 ItemPrice/Shipping 60"
            " ItemPrice/Shipping_tax 10.80 ItemFees/Commission -180"
        " ItemFees/Commission_IGST -32.40 ItemFees/FBA_Weight_Handling_Fee -74"
        " ItemFees/FBA_Weight_Handling_Fee_IGST -13.32"
        " ItemFees/Fixed_closing_fee -25 ItemFees/Fixed_closing_fee_IGST -4.50 ItemTCS/TCS-IGST"
        " -7.80 ItemTDS/TDS_(Section_194-O) -1.56"),
        ("1230.78", "-329.22", "271.44"),
    ),
    "India, refund": (
        "Refund", "Refund", "INR",
        ("ItemPrice/Principal -800 ItemPrice/Product_Tax -144 ItemFees/Commission 96"
            " ItemFees/Commission_IGST 17.28 ItemFees/RefundCommission -30"
        " ItemFees/RefundCommission_IGST -5.40 ItemTCS/TCS-IGST 4 ItemTDS/TDS 0.80"),
        ("-722.12", "77.88", "-139.20"),
    ),
    "India, union territory": (
        "Order", "Shipment", "INR",
        ("ItemPrice/Principal 200 ItemPrice/Product_Tax 10 ItemFees/Commission -14"
            " ItemFees/Commission_CGST -1.26 ItemFees/Commission_UTGST -1.26"
        " ItemTCS/TCS-CGST -0.50 ItemTCS/TCS-UTGST -0.50"),
        ("183.48", "-16.52", "9"),
    ),
    "India, Easy Ship and TDS paid back": (
        "Order", "Shipment", "INR",
        ("ItemPrice/Principal 999 ItemPrice/Product_Tax 179.82 ItemFees/Amazon_Easy_Ship_Charges"
            " -65 ItemFees/Amazon_Easy_Ship_Charges_IGST -11.70"
        " ItemFees/Commission -110 ItemFees/Commission_IGST -19.80 ItemFees/Technology_Fee -5"
        " ItemFees/Technology_Fee_IGST -0.90"
        " ItemTCS/TCS-IGST -5 ItemTDS/TDS_(Section_194-O) -1"
        " other-transaction/Reimbursement_of_TDS 1"),
        ("786.60", "-212.40", "174.82"),
    ),
    "Australia, low value goods": (
        "Order", "Shipment", "AUD",
        ("ItemPrice/Principal 50 ItemPrice/Tax 5 Promotion/Principal -5 Promotion/TaxDiscount"
            " -0.50 ItemFees/Commission -6 ItemFees/Commission_GST -0.60"
        " ItemWithheldTax/LowValueGoodsTax-Principal -4.50"),
        ("38.40", "-6.60", "0"),
    ),
    "United States, facilitator": (
        "Order", "Shipment", "USD",
        ("ItemPrice/Principal 40 ItemPrice/Tax 3.30 Promotion/Principal -4 Promotion/TaxDiscount"
            " -0.33"
        " ItemWithheldTax/MarketplaceFacilitatorTax-Principal -2.97 ItemFees/Commission -5.40"),
        ("30.60", "-5.40", "0"),
    ),
    "United Kingdom, free shipping": (
        "Order", "Shipment", "GBP",
        ("ItemPrice/Principal 20 ItemPrice/Tax 4 ItemPrice/Shipping 5 ItemPrice/ShippingTax 1"
            " Promotion/Shipping -5 Promotion/ShippingTaxDiscount -1"
        " ItemFees/Commission -3"),
        ("17", "-3", "4"),
    ),
    "Canada, free gift wrap": (
        "Order", "Shipment", "CAD",
        ("ItemPrice/Principal 30 ItemPrice/Tax 3.90 ItemPrice/GiftWrap 4 ItemPrice/GiftWrapTax"
            " 0.52 Promotion/GiftWrap -4"
        " Promotion/GiftwrapTaxDiscount -0.52 ItemFees/Commission -4.50"),
        ("25.50", "-4.50", "3.90"),
    ),
    "Australia, refund": (
        "Refund", "Refund", "AUD",
        ("ItemPrice/Principal -50 ItemPrice/Tax -5 Promotion/Principal 5 Promotion/TaxDiscount"
            " 0.50 ItemFees/Commission 6 ItemFees/Commission_GST 0.60"
        " ItemFees/RefundCommission -1.20 ItemWithheldTax/LowValueGoodsTax-Principal 4.50"),
        ("-39.60", "5.40", "0"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _SAMPLES)
def test_settlement_and_finances_give_the_expected_net_fees_and_tax(name: str) -> None:
    in_settlement, in_finances, currency, text, expected = _SAMPLES[name]
    words = text.split()
    lines = []
    for label, amount in zip(words[::2], words[1::2], strict=True):
        amount_type, _, description = label.partition("/")
        lines.append((amount_type, description.replace("_", " "), amount))
    for sums in (
        _from_settlement(in_settlement, currency, lines),
        _from_finances(in_finances, currency, lines),
    ):
        assert (sums["net"], sums[ProfitLine.FEES], sums[ProfitLine.TAX]) == tuple(
            map(Decimal, expected)
        )
