"""Amazon's current labels in whole settlements, each with the net proceeds and fees that are right."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.unit.amazon.report_fixtures.builders import settlement

from theseller.amazon.charge_classifier import (
    ChargeType,
    ProfitLine,
    classify_settlement,
    classify_transaction,
    is_profit_and_loss,
    profit_line,
)
from theseller.amazon.decoders.orders import decode_order
from theseller.amazon.decoders.recipients import decode_slip_data
from theseller.amazon.decoders.reports_api import decode_report, decode_report_document
from theseller.amazon.decoders.transactions import decode_transactions
from theseller.amazon.reports import SettlementLine, read_report

_Line = tuple[str, str, str, str]  # transaction type, amount type, description, amount


def _sums(*lines: _Line, currency: str = "EUR") -> dict[str, Decimal]:
    """Import `lines` as one settlement; return its sums by profit line, and the net proceeds."""
    total = sum((Decimal(amount) for *_, amount in lines), Decimal(0))
    texts = [
        settlement(
            (amount_type, description, amount),
            total=str(total),
            currency=currency,
            transaction_type=type_,
        )
        for type_, amount_type, description, amount in lines
    ]
    data = texts[0] + "".join(text.split("\n")[2] + "\n" for text in texts[1:])
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in read_report([data.encode()]).rows():
        assert isinstance(line, SettlementLine)
        sums[profit_line(line.kind)] += line.amount
        sums["net"] += line.amount if is_profit_and_loss(line.kind) else 0
    return sums


_ORDER = (
    ("Order", "ItemPrice", "Principal", "100.00"),
    ("Order", "ItemFees", "Commission", "-15.00"),
)
_OTHER = "other-transaction"


@pytest.mark.parametrize(
    "text",
    [
        "Transfer of funds unsuccessful: We could not transfer funds to your bank account.",
        "Failed transfer - your bank rejected the deposit",
        "Repayment of negative balance",
        "Micro Deposit",
        "Loan repayment for the period ending 15 Nov",
        "Payout returned by the bank",
        "Transfer to bank account ending in 123",
        "Charge to credit card for negative balance",
        "Amazon Lending: repayment",
        "Disbursement reversal",
        "Seller repayment",
        "Payment to Amazon",
        "To your account ending in: 123",
        "Previous statement's unavailable balance",
        "Current Reserve",
        "We could not transfer your funds",
        "Bank rejected the transfer",
        "Wire transfer bounced",
        "Transfer declined",
        "Reversal of payout",
        "Disbursement canceled: invalid deposit method",
        "Repayment of Amazon account balance",
        "Payment from seller",
    ],
)
def test_money_that_only_moves_is_no_profit(text: str) -> None:
    for type_, amount_type in (
        (_OTHER, _OTHER),
        ("Other-Transaction", "Other-Transaction"),
        ("Transfers", text),
    ):
        sums = _sums(*_ORDER, (type_, amount_type, text, "2500.00"))
        assert (sums["net"], sums[ProfitLine.CASH]) == (Decimal("85.00"), Decimal("2500.00")), (
            type_,
            amount_type,
        )


_PAYOUTS_ABROAD = (
    "Überweisung fehlgeschlagen: Bitte prüfen Sie Ihre Bankdaten",
    "Fehlgeschlagene Auszahlung",
    "Die Auszahlung konnte nicht durchgeführt werden",
    "Auszahlung von der Bank zurückgewiesen",
    "Ihre Bank hat die Überweisung abgelehnt",
    "Ueberweisung nicht erfolgreich",
    "Zahlung von Ihrer Bank zurückgebucht",
    "Wir konnten den Betrag nicht auf Ihr Bankkonto überweisen",
    "Rücküberweisung der Auszahlung",
    "Ausgleich des negativen Kontostands",
    "Darlehensrückzahlung",
    "Auf Ihr Konto mit der Endung 123",
    "Échec du virement: nous n'avons pas pu transférer les fonds",
    "Virement refusé par votre banque",
    "Le virement n'a pas pu être effectué",
    "Versement rejeté",
    "Virement bancaire retourné",
    "Paiement refusé par la banque",
    "Remboursement du solde négatif",
    "Remboursement de prêt",
    "Transferencia fallida",
    "Transferencia de fondos rechazada por su banco",
    "No se pudo realizar la transferencia",
    "Error en la transferencia bancaria",
    "Desembolso devuelto",
    "Pago rechazado por el banco",
    "Reembolso del saldo negativo",
    "Pago del préstamo",
    "Bonifico non riuscito",
    "Bonifico respinto dalla banca",
    "Trasferimento di fondi non riuscito",
    "Il bonifico è stato rifiutato",
    "Pagamento respinto dalla banca",
    "Saldo negativo",
    "振込失敗",
    "振込に失敗しました",
    "銀行振込が完了できませんでした",
    "送金エラー",
    "入金できませんでした",
    "振込不能",
    "振込が組戻しされました",
    "マイナス残高の返済",
    "Overboeking mislukt",
    "Uitbetaling geweigerd door uw bank",
    "Överföringen misslyckades",
    "Utbetalning avvisad",
    "Przelew nieudany",
    "Wypłata odrzucona przez bank",
    "Transfer başarısız",
    "Havale reddedildi",
    "Transferência falhou",
    "Transferência recusada pelo banco",
    "VIREMENT REFUSÉ",
    "FEHLGESCHLAGENE ÜBERWEISUNG",
    "Virement e\u0301choue\u0301",
)
_NO_PAYOUTS = (
    "Gebühr für fehlgeschlagene Überweisung",
    "Fehlgeschlagene Bestellung",
    "Erstattung an Käufer abgelehnt",
    "Frais de virement refusé",
    "Commande annulée",
    "Comisión por transferencia fallida",
    "Pedido cancelado",
    "Commissione per bonifico non riuscito",
    "ordine annullato",
    "振込手数料",
    "注文キャンセル",
    "返金エラー",
    "Rabatt abgelehnt",
    "Transferencia de inventario rechazada",
    "Versandkosten",
    "Erreur",
    "Überweisungsgebühr",
    "在庫移動 失敗",
    "Transfer fee",
    "Paiement refusé",
    "Zahlung abgelehnt",
    "返品手数料",
    "Kundenzahlung abgelehnt",
    "Kaution zurückgegeben",
    "広告費",
)


def test_failed_payouts_in_other_languages_are_no_profit() -> None:
    for text in _PAYOUTS_ABROAD:
        for written in (text, text.upper(), text.lower()):
            assert profit_line(classify_settlement(_OTHER, _OTHER, written)) is ProfitLine.CASH, (
                written
            )
            assert (
                profit_line(classify_transaction("Transfers", ("Other", written)))
                is ProfitLine.CASH
            ), written
    sums = _sums(*_ORDER, (_OTHER, _OTHER, _PAYOUTS_ABROAD[0], "2500.00"))
    assert (sums["net"], sums[ProfitLine.CASH]) == (Decimal("85.00"), Decimal("2500.00"))


def test_charges_and_buyers_payments_in_other_languages_are_no_payouts() -> None:
    for text in _NO_PAYOUTS:
        assert profit_line(classify_settlement(_OTHER, _OTHER, text)) is not ProfitLine.CASH, text


def test_loan_fees_are_costs_and_loan_principal_is_debt() -> None:
    for fee in (
        "Loan origination fee",
        "Loan Origination Fee - Correction",
        "LoanInterest",
        "Loan late fee",
        "Interest on your loan",
    ):
        assert classify_settlement(_OTHER, _OTHER, fee) is ChargeType.OTHER_FEE, fee
        assert (
            classify_transaction("LoanServicing", ("Expenses", fee, "Base")) is ChargeType.OTHER_FEE
        ), fee
    for loan in (
        "Loan repayment: principal and interest",
        "Loan advance",
        "LoanPayment",
        "Amazon Lending: repayment",
    ):
        assert classify_settlement(_OTHER, _OTHER, loan) is ChargeType.DEBT, loan
        assert classify_transaction("LoanServicing", (loan,)) is ChargeType.DEBT, loan


def test_indian_charge_labels_give_the_expected_totals() -> None:
    fees = [
        ("Commission", "-100.00"),
        ("Commission IGST", "-18.00"),
        ("Fixed closing fee", "-20.00"),
        ("Fixed closing fee IGST", "-3.60"),
        ("FBA Pick & Pack Fee", "-14.00"),
        ("FBA Pick & Pack Fee CGST", "-1.26"),
        ("FBA Pick & Pack Fee SGST", "-1.26"),
        ("FBA Weight Handling Fee", "-50.00"),
        ("FBA Weight Handling Fee UTGST", "-9.00"),
        ("Technology Fee", "-2.00"),
        ("Technology Fee IGST", "-0.36"),
    ]
    lines: list[_Line] = [
        ("Order", "ItemPrice", "Principal", "1000.00"),
        ("Order", "ItemPrice", "Product Tax", "180.00"),
        ("Order", "ItemPrice", "Shipping", "40.00"),
        ("Order", "ItemPrice", "Shipping tax", "7.20"),
        ("Order", "Promotion", "Shipping discount", "-40.00"),
        ("Order", "Promotion", "Shipping tax discount", "-7.20"),
        *(("Order", "ItemFees", label, amount) for label, amount in fees),
        ("Order", "ItemTCS", "TCS-IGST", "-5.00"),
        ("Order", "ItemTDS", "TDS (Section 194-O)", "-1.00"),
    ]
    sums = _sums(*lines, currency="INR")
    assert (sums["net"], sums[ProfitLine.FEES], sums[ProfitLine.TAX]) == (
        Decimal("780.52"),
        Decimal("-219.48"),
        Decimal("174.00"),
    )


def test_a_tax_given_up_with_a_discount_is_no_cost_in_either_source() -> None:
    lines: list[_Line] = [
        *_ORDER,
        ("Order", "ItemPrice", "Tax", "10.00"),
        ("Order", "Promotion", "Principal", "-10.00"),
        ("Order", "Promotion", "TaxDiscount", "-1.00"),
        ("Order", "ItemWithheldTax", "LowValueGoodsTax-Principal", "-9.00"),
    ]
    assert _sums(*lines, currency="AUD")["net"] == Decimal("75.00")
    leaves = {
        ("Sales", "ProductCharges", "OurPricePrincipal"): 100,
        ("Tax", "OurPriceTax"): 10,
        ("Promo", "OurPriceDiscount"): -10,
        ("Promo", "TaxDiscount"): -1,
        ("Expenses", "AmazonFees", "Commission", "Base"): -15,
        ("LowValueGoodsTax-Principal",): -9,
    }
    kinds = {path: classify_transaction("Shipment", path) for path in leaves}
    assert sum(amount for path, amount in leaves.items() if is_profit_and_loss(kinds[path])) == 75
    assert kinds["Promo", "OurPriceDiscount"] is ChargeType.PROMOTION


@pytest.mark.parametrize(
    ("type_", "amount_type", "description", "kind"),
    [
        ("FBAFees", "FBA Inventory Storage Fee", "Base fee", ChargeType.STORAGE),
        ("FBAFees", "FBA Inventory Storage Fee", "Tax on fee", ChargeType.STORAGE),
        (
            "FBAFees",
            "FBA Inventory Storage Fee - Correction",
            "Discount on Fee",
            ChargeType.STORAGE,
        ),
        ("FBAFees", "FBA Long Term Storage Fee", "Base fee", ChargeType.STORAGE),
        ("FBAFees", "Storage utilization surcharge", "Base fee", ChargeType.STORAGE),
        ("FBAFees", "Capacity Reservation Fee", "Tax", ChargeType.STORAGE),
        (_OTHER, _OTHER, "Capacity Reservation Tax", ChargeType.STORAGE),
        ("FBAFees", "FBA Removal Order: Disposal Fee", "Base fee", ChargeType.REMOVAL),
        ("FBAFees", "FBA Removal Order: Return Fee", "Tax on fee", ChargeType.REMOVAL),
        (
            "FBAFees",
            "FBA Amazon-Partnered Carrier Shipment Fee",
            "Discount on Fee",
            ChargeType.INBOUND,
        ),
        ("FBAFees", "FBA Inbound Placement Service Fee", "Base fee", ChargeType.INBOUND),
        ("FBAFees", "Inbound Transportation Program Fee", "Base fee", ChargeType.INBOUND),
        (_OTHER, _OTHER, "Manual Processing Fee", ChargeType.INBOUND),
        (
            _OTHER,
            _OTHER,
            "FBA Unplanned Service Fee: Labeling (Period 01/07/2026 - 31/07/2026)",
            ChargeType.INBOUND,
        ),
        (_OTHER, "Amazon Warehousing & Distribution (AWD)", "AWD Storage Fee", ChargeType.STORAGE),
        (
            _OTHER,
            "Amazon Warehousing & Distribution (AWD)",
            "AWD Processing Fee",
            ChargeType.INBOUND,
        ),
        (
            "AmazonFees",
            "FBA fulfilment fee per unit - Correction",
            "Base fee",
            ChargeType.FBA_FULFILMENT,
        ),
        (
            "AmazonFees",
            "FBA fulfillment fee per unit - Reversal",
            "Base fee",
            ChargeType.FBA_FULFILMENT,
        ),
        ("Order", "ItemFees", "LowInventoryLevelFee", ChargeType.FBA_FULFILMENT),
        ("Order", "ItemFees", "FBAPerUnitFulfillmentFee - Reversal", ChargeType.FBA_FULFILMENT),
        ("Order", "ItemFees", "Commission Correction", ChargeType.REFERRAL),
        ("Order", "ItemFees", "Commission GST", ChargeType.REFERRAL),
        ("Order", "ItemFees", "TaxAmount", ChargeType.OTHER_FEE),
        ("Order", "ItemFees", "CODFee", ChargeType.OTHER_FEE),
        ("Order", "ItemPrice", "CODFee", ChargeType.COD),
        ("Order", "ItemPrice", "TaxAmount", ChargeType.ITEM_TAX),
        ("Order", "ItemFees", "Amazon Easy Ship Charges", ChargeType.POSTAGE),
        ("Order", "ItemFees", "MFNPostagePurchaseCompleteIGST", ChargeType.POSTAGE),
        ("Order", "ItemFees", "Digital Services Fee", ChargeType.DIGITAL_SERVICES),
        ("Order", "Promotion", "PromotionFee", ChargeType.PROMOTION),
        ("PromotionFee", "PromotionFee", "Autumn sale", ChargeType.DEAL),
        (_OTHER, _OTHER, "PromotionFee", ChargeType.DEAL),
        ("AmazonFees", "Deals/Promotion Fee", "Base fee", ChargeType.DEAL),
        ("AmazonFees", "Deal Performance Based Fee", "Tax on fee", ChargeType.DEAL),
        ("AmazonFees", "Coupon Participation Fee", "Base fee", ChargeType.COUPON),
        (
            "CouponRedemptionFee",
            "CouponRedemptionFee",
            "Save on storage boxes: transfer paper, refund",
            ChargeType.COUPON,
        ),
        (
            "AmazonFees",
            (
                "Eco-contribution for EPR Pay on Behalf - DE - Packaging - (Period 01.07.2026 -"
                " 30.09.2026)"
            ),
            "Base fee",
            ChargeType.OTHER_FEE,
        ),
        ("AmazonFees", "Vine Enrollment Fee", "ASIN B0TESTTEE1", ChargeType.OTHER_FEE),
        ("ServiceFee", "Refund for Advertiser", "TransactionTotalAmount", ChargeType.ADVERTISING),
        ("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", ChargeType.ADVERTISING),
        (
            "Debt Adjustment",
            "Debt Adjustment",
            "Cross-Account Debt Adjustment against BE, ES",
            ChargeType.DEBT,
        ),
        (_OTHER, "FBA Inventory Reimbursement", "COMPENSATED_CLAWBACK", ChargeType.REIMBURSEMENT),
        (_OTHER, _OTHER, "Non-subscription Fee Adjustment", ChargeType.OTHER_FEE),
        (
            "Grade and Resell Charge",
            "Grade and Resell Charge",
            "SKU FBA-STORAGE-BOX",
            ChargeType.RETURNS_PROCESSING,
        ),
        (
            "FBA Customer Returns Fee",
            "FBA Customer Returns Fee for ASIN: B0TESTTEE1",
            "Base fee",
            ChargeType.RETURNS_PROCESSING,
        ),
        ("Liquidations", "ItemPrice", "Principal", ChargeType.LIQUIDATION),
        ("Liquidations Adjustments", "ItemPrice", "Principal", ChargeType.LIQUIDATION),
        ("Liquidations Adjustments", "ItemFees", "A fee of the year 2031", ChargeType.UNCLASSIFIED),
        (_OTHER, _OTHER, "FBA Repackaging Fee", ChargeType.INBOUND),
        (_OTHER, _OTHER, "FBA Refurbishing Fee", ChargeType.RETURNS_PROCESSING),
        ("Order", "ItemFees", "MFNDeliveryServiceFee", ChargeType.POSTAGE),
        ("Order", "ItemFees", "EPSO Cross-Border Fee - Reversal", ChargeType.OTHER_FEE),
        ("AmazonFees", "Regulatory Operating Cost Fee", "Tax on fee", ChargeType.OTHER_FEE),
        (_OTHER, _OTHER, "Amazon Exclusives Fee", ChargeType.OTHER_FEE),
        (_OTHER, _OTHER, "Seller Fulfilled Prime Fee", ChargeType.OTHER_FEE),
        ("AmazonFees", "Peak season fulfillment surcharge", "Base fee", ChargeType.FBA_FULFILMENT),
        ("Order", "ItemFees", "Buy with Prime service fee IGST", ChargeType.OTHER_FEE),
        (_OTHER, _OTHER, "PAYMENT_RETRACTION_ITEMS", ChargeType.REIMBURSEMENT),
        (_OTHER, _OTHER, "Seller rewards", ChargeType.UNCLASSIFIED),
        (_OTHER, _OTHER, "Express Payout Fee", ChargeType.OTHER_FEE),
        (_OTHER, _OTHER, "Disbursement Fee", ChargeType.UNCLASSIFIED),
        (_OTHER, _OTHER, "Coupon payment canceled", ChargeType.COUPON),
        (_OTHER, _OTHER, "Canceled order payment", ChargeType.UNCLASSIFIED),
        (_OTHER, _OTHER, "A-to-z claim: payment denied", ChargeType.UNCLASSIFIED),
        (_OTHER, _OTHER, "Customer deposit returned", ChargeType.UNCLASSIFIED),
        (_OTHER, _OTHER, "Safety inspection", ChargeType.UNCLASSIFIED),
        (_OTHER, _OTHER, "NonSubscriptionFeeAdj", ChargeType.OTHER_FEE),
        (_OTHER, _OTHER, "Reimbursement of TDS", ChargeType.WITHHELD_TAX),
        (_OTHER, _OTHER, "GST TCS refund", ChargeType.WITHHELD_TAX),
        (_OTHER, _OTHER, "Inbound Carrier Damage", ChargeType.REIMBURSEMENT),
        ("Order", "ItemPrice", "CODItemTaxCharge", ChargeType.ITEM_TAX),
        ("Order", "Points", "CostOfPoints", ChargeType.POINTS),
        ("Order", "ItemFees", "PolybaggingFee", ChargeType.INBOUND),
        ("Order", "ItemFees", "CODChargeback", ChargeType.SHIPPING_CHARGEBACK),
        ("Refund", "ItemPrice", "ReturnShipping", ChargeType.RESTOCKING),
        ("AmazonFees", "Amazon Capacity Manager Fee", "Base fee", ChargeType.STORAGE),
        ("AmazonFees", "Prime Exclusive Discount fee", "Tax on fee", ChargeType.DEAL),
        (_OTHER, _OTHER, "FBA international shipping charge", ChargeType.INBOUND),
        (_OTHER, _OTHER, "Fee Correction", ChargeType.OTHER_FEE),
        (_OTHER, _OTHER, "A-to-z Guarantee Claim", ChargeType.GOODWILL),
        (_OTHER, _OTHER, "Lost:Inbound", ChargeType.REIMBURSEMENT),
        (_OTHER, _OTHER, "Amazon Ads charge", ChargeType.ADVERTISING),
        ("A-to-z Claim", "ItemPrice", "Principal", ChargeType.REFUND_PRINCIPAL),
        ("AmazonFees", "A fee of the year 2031", "Base fee", ChargeType.UNCLASSIFIED),
        ("AmazonFees", "A fee of the year 2031", "Tax on fee", ChargeType.OTHER_FEE),
    ],
)
def test_current_settlement_labels_are_classified_in_any_case(
    type_: str, amount_type: str, description: str, kind: ChargeType
) -> None:
    for write in (str, str.upper, str.lower, str.swapcase):
        assert classify_settlement(write(type_), write(amount_type), write(description)) is kind
    # One classifier: a breakdown tree with the same labels says the same.
    assert classify_transaction(type_, (amount_type, description)) is kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (("Expenses", "AmazonFees", "PromotionFee", "Base"), ChargeType.DEAL),
        (("Expenses", "CapacityReservationFee", "Tax"), ChargeType.STORAGE),
        (("Expenses", "FBAStorageBilling", "Tax"), ChargeType.STORAGE),
        (("Expenses", "LowInventoryLevelFee", "Base"), ChargeType.FBA_FULFILMENT),
        (("Sales", "ProductCharges", "Tax"), ChargeType.ITEM_TAX),
        (("Sales", "Shipping", "Tax"), ChargeType.SHIPPING_TAX),
        (("Sales", "Tax", "TaxAmount"), ChargeType.ITEM_TAX),
        (("Promo", "ShippingTaxDiscount"), ChargeType.SHIPPING_TAX),
    ],
)
def test_current_breakdown_paths_are_classified(path: tuple[str, ...], kind: ChargeType) -> None:
    assert classify_transaction("Shipment", path) is kind


@pytest.mark.parametrize(
    "status",
    [
        "Deferred",
        "deferred",
        "DEFERRED",
        "Deferred_Released",
        "DeferredReleased",
        "deferred released",
        "Released",
    ],
)
def test_a_status_is_read_in_any_spelling(status: str) -> None:
    money = {"currencyAmount": 10, "currencyCode": "GBP"}
    wire = {
        "transactionType": "Shipment",
        "transactionId": "T1",
        "transactionStatus": status,
        "postedDate": "2026-11-05T10:00:00Z",
    }
    related = [{"relatedIdentifierName": "order_id", "relatedIdentifierValue": "202-1"}]
    wire_json = json.dumps(
        {
            "payload": {
                "transactions": [wire | {"totalAmount": money, "relatedIdentifiers": related}]
            }
        }
    )
    (one,) = decode_transactions(wire_json.encode()).transactions
    assert one.status in {"DEFERRED", "DEFERRED_RELEASED", "RELEASED"}
    assert (one.status or "")[:8] == status.upper()[:8]
    assert one.order_id == "202-1"


@pytest.mark.parametrize(
    "write",
    [str.upper, str.lower, str.title, lambda text: text.title().replace("_", "")],
    ids=["UPPER", "lower", "Title", "Camel"],
)
def test_every_enumeration_is_read_in_any_spelling(write: Callable[[str], str]) -> None:
    when = "2026-11-05T10:00:00Z"
    report = {
        "reportId": "R",
        "reportType": "T",
        "processingStatus": write("IN_PROGRESS"),
        "createdTime": when,
    }
    assert decode_report(json.dumps(report).encode()).processing_status == "IN_PROGRESS"
    document = {
        "reportDocumentId": "D",
        "url": "https://x.example/",
        "compressionAlgorithm": write("GZIP"),
    }
    assert decode_report_document(json.dumps(document).encode()).compression_algorithm == "GZIP"
    price = {"type": write("GIFT_WRAP"), "subtotal": {"amount": "1.50", "currencyCode": "EUR"}}
    wire = {
        "orderId": "302-1234567-1234567",
        "createdTime": when,
        "lastUpdatedTime": when,
        "salesChannel": {"channelName": write("NON_AMAZON"), "marketplaceId": "A1PA6795UKMFR9"},
        "programs": [write("AMAZON_BUSINESS")],
        "associatedOrders": [{"orderId": "1", "associationType": write("REPLACEMENT_ORIGINAL_ID")}],
        "fulfillment": {
            "fulfillmentStatus": write("PARTIALLY_SHIPPED"),
            "fulfilledBy": write("AMAZON"),
        },
        "orderItems": [
            {
                "orderItemId": "1",
                "quantityOrdered": 1,
                "product": {},
                "proceeds": {"breakdowns": [price]},
            }
        ],
    }
    order, _ = decode_order(json.dumps({"order": wire}).encode())
    assert order.is_replacement
    assert (order.status, order.programs, order.sales_channel.channel_name) == (
        "PARTIALLY_SHIPPED",
        ["AMAZON_BUSINESS"],
        "NON_AMAZON",
    )
    assert [(kind, type_) for kind, type_, _ in order.order_items[0].lines()] == [
        (ChargeType.GIFTWRAP, "GIFT_WRAP")
    ]
    slip, _ = decode_slip_data(
        json.dumps(
            {"order": wire | {"fulfillment": {"fulfillmentStatus": write("CANCELLED")}}}
        ).encode()
    )
    assert slip.cancelled
