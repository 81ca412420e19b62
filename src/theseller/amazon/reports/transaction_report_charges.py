"""What the amounts of a transaction report are for.

A row has one amount in each column. The column says what an amount of an order is for; of other
rows the type and the description do, which Amazon translates. What neither tells is unclassified:
it counts, and is shown as not classified.
"""

from __future__ import annotations

from theseller.amazon.charge_classifier import ChargeType, ProfitLine, classify, fold, profit_line

#: Amazon's English types and their translations.
_TYPES: dict[str, str] = {
    "Order": "Bestellung|Commande|Pedido|Ordine|Bestelling|Beställning|Zamówienie|Sipariş|注文",
    "Refund": (
        "Erstattung|Remboursement|Reembolso|Rimborso|Terugbetaling|Återbetalning|Återbäring"
        "|Zwrot kosztów|Zwrot|Para İadesi|Geri Ödeme|İade|返金"
    ),
    "Adjustment": (
        "Anpassung|Ajustement|Ajuste|Modifica|Rettifica|Aggiustamento|Aanpassing|Justering"
        "|Korekta|Dostosowanie|Düzeltme|調整"
    ),
    "Transfer": (
        "Übertrag|Transfert|Transférer|Transferir|Trasferir|Trasferimento|Overboeking|Överföring"
        "|Przelew|Transferência|Aktarım|Havale|振込み"
    ),
    "Debt": (
        "Verbindlichkeit|Solde négatif|Saldo descubierto|Saldo negativo|Deuda|Schuld|Skuld|Dług"
        "|Dívida|Borç|マイナス残高"
    ),
    "Service Fee": (
        "Servicegebühr|Frais de service|Tarifa de prestación de servicio|Tarifa de servicio"
        "|Commissione di servizio|Servicekosten|Serviceavgift|Opłata za usługę|Opłata serwisowa"
        "|Taxa de serviço|Hizmet Ücreti|注文外料金"
    ),
    "FBA Inventory Fee": (
        "Fulfilment by Amazon inventory fee|Fulfillment by Amazon inventory fee|FBA inventory fees"
        "|Versand durch Amazon Lagergebühr|Frais de stock Expédié par Amazon"
        "|Tarifas de inventario de Logística de Amazon|Tarifa de inventario FBA"
        "|Costo di stoccaggio Logistica di Amazon|FBA-voorraadkosten|FBA-lageravgift"
        "|Opłata za zapasy FBA|Taxa de inventário do FBA|FBA 在庫関連の手数料"
    ),
    "FBA Transaction Fee": (
        "FBA transaction fees|Transaktionsgebühren für Versand durch Amazon"
        "|Frais de transaction Expédié par Amazon|Tarifas de transacción de Logística de Amazon"
        "|Commissioni per le transazioni di Logistica di Amazon"
    ),
    "FBA Customer Return Fee": "Frais de retour client FBA|FBA customer return fees",
    "Chargeback Refund": "Erstattung durch Rückbuchung|Remboursement par rétrofacturation",
    "A-to-z Guarantee Claim": (
        "A-bis-z-Garantieantrag|Réclamation dans le cadre de la Garantie A à z"
        "|Reclamación de Garantía de la A a la Z|Reclamo Garanzia dalla A alla Z"
    ),
    "Order_Retrocharge": "Bestellung_Wiedereinzug|Commande_Retrocharge|Order Retrocharge",
    "Refund_Retrocharge": "Erstattung_Wiedereinzug|Refund Retrocharge",
    "Fee Adjustment": (
        "Ajuste de tarifa|Gebührenanpassung|Ajustement de frais|Ajustement des frais"
        "|Modifica commissioni"
    ),
    "Lightning Deal Fee": (
        "Deal Fee|Blitzangebotsgebühr|Tarif de la Vente Flash|Tarifa de Oferta flash"
        "|Tariffa dell'Offerta Lampo|数量限定タイムセール手数料"
    ),
    "Liquidations": "Liquidation|Liquidations Adjustments",
    "Shipping Services": "Shipping Services Refund|配送サービス|Versanddienste",
    "SAFE-T Reimbursement": "SAFE-T reimbursement|SAFE-T Erstattung",
    "Amazon Fees": "Amazon手数料|Amazon-Gebühren|Frais Amazon|Tarifas de Amazon|Tariffe Amazon",
    "FBA Fees": "FBA手数料",
}
_ENGLISH_TYPES = {
    fold(name): english
    for english, others in _TYPES.items()
    for name in (english, *others.split("|"))
}
#: English labels and the descriptions that mean them; compared by their beginning.
_DESCRIPTIONS: dict[str, str] = {
    "Cost of Advertising": (
        "Werbekosten|Prix de la publicité|Gastos de publicidad|Costo della pubblicità"
        "|Advertentiekosten|Kosten van adverteren|Annonskostnad|Reklamkostnad|Koszt reklamy"
        "|Custo de publicidade|Reklam maliyeti|広告費用"
    ),
    "Subscription": (
        "Abonnement|Monatliche Gebühr|Suscripción|Abbonamento|Prenumeration|Subskrypcja|Assinatura"
        "|Abonelik|月額登録料"
    ),
    "StorageFee": (
        "FBA storage fee|FBA Long-Term Storage|Gebühr für Lagerung|Lagergebühr|Langzeitlager"
        "|Versand durch Amazon Lagergebühr|Frais de stockage|Tarifa de almacenamiento"
        "|Tariffa di stoccaggio|Costo di stoccaggio|Opslagkosten|Lageravgift"
        "|Opłata za magazynowanie"
        "|FBA在庫保管手数料|FBA長期在庫保管手数料|FBA 保管手数料"
    ),
    "RemovalFee": "FBA返送/廃棄手数料|FBA在庫の返送/廃棄|Entsorgungsgebühr|Rücksendegebühr",
    "FBAInboundTransportationFee": "FBA納品|FBA Inbound|Amazon-Partnertransport",
    "FBAInventoryReimbursement": (
        "Versand durch Amazon Erstattung für Lagerbestand|Remboursement de stock Expédié par Amazon"
        "|Reembolso de inventario de Logística de Amazon|Rimborso per inventario di Logistica"
        "|FBA在庫の払い戻し|FBA 在庫の払い戻し|FBA在庫の返金"
    ),
    "VineEnrollmentFee": "Vine enrolment fee|Vine Anmeldegebühr|Frais d'inscription Vine",
    "EasyShip": "Amazon Easy Ship|Easy Ship",
    "CouponRedemptionFee": "Coupon-Einlösegebühr|Gutscheineinlösegebühr|クーポン",
}
_MEANINGS = tuple(
    sorted(
        (
            (fold(name), english)
            for english, others in _DESCRIPTIONS.items()
            for name in others.split("|")
        ),
        key=lambda pair: -len(pair[0]),
    )
)
#: Rows of an order, whose description is the name of the product and says nothing of the money.
_OF_ORDERS = frozenset(
    {
        "Order",
        "Refund",
        "Chargeback Refund",
        "A-to-z Guarantee Claim",
        "Order_Retrocharge",
        "Refund_Retrocharge",
        "Liquidations",
    }
)
#: What a type is, where the description doesn't tell.
_BY_TYPE: dict[str, ChargeType] = {
    "FBA Inventory Fee": ChargeType.STORAGE,
    "FBA Transaction Fee": ChargeType.FBA_FULFILMENT,
    "FBA Customer Return Fee": ChargeType.RETURNS_PROCESSING,
    "FBA Fees": ChargeType.FBA_FULFILMENT,
    "Fee Adjustment": ChargeType.OTHER_FEE,
    "Lightning Deal Fee": ChargeType.DEAL,
    "Shipping Services": ChargeType.POSTAGE,
    "SAFE-T Reimbursement": ChargeType.REIMBURSEMENT,
    "Transfer": ChargeType.TRANSFER,
    "Debt": ChargeType.DEBT,
    "A-to-z Guarantee Claim": ChargeType.GOODWILL,
}
_LABELS: dict[str, str] = {
    "product-sales": "Principal",
    "product-sales-tax": "Tax",
    "shipping-credits": "Shipping",
    "shipping-credits-tax": "ShippingTax",
    "gift-wrap-credits": "GiftWrap",
    "gift-wrap-credits-tax": "GiftWrapTax",
    "regulatory-fee": "RegulatoryFee",
    "tax-on-regulatory-fee": "Tax",
    "points": "AmazonPoints",
    "promotional-rebates": "Promotion",
    "promotional-rebates-tax": "TaxDiscount",
    "sales-tax-collected": "Tax",
}
_FEES: dict[str, ChargeType] = {
    "selling-fees": ChargeType.REFERRAL,
    "fba-fees": ChargeType.FBA_FULFILMENT,
    "other-transaction-fees": ChargeType.OTHER_FEE,
}
_WITHHELD = frozenset(
    {
        "marketplace-withheld-tax",
        "marketplace-facilitator-tax",
        "low-value-goods",
        "tcs-cgst",
        "tcs-sgst",
        "tcs-igst",
        "tds",
    }
)
_CASH = frozenset({ChargeType.TRANSFER, ChargeType.DEBT, ChargeType.RESERVE})


def english_type(text: str) -> str:
    """Return Amazon's English name of a type.

    The text itself if it is not known. Tails such as ``- Reversal`` are left off.
    """
    known = _ENGLISH_TYPES.get(fold(text))
    if known is None and (head := text.rpartition(" - ")[0]):
        known = _ENGLISH_TYPES.get(fold(head))
    return known or text


def is_of_order(english: str) -> bool:
    """Return whether rows of a type are described by a product's name."""
    return english in _OF_ORDERS


def charge_type(english: str, description: str, column: str) -> ChargeType:
    """Return what the amount in a column of a row is for.

    Args:
        english: the row's type, as `english_type` returns it.
        description: the row's description.
        column: the column, as `AMOUNT_COLUMNS` names it.
    """
    if _BY_TYPE.get(english) in _CASH:
        return _BY_TYPE[english]
    if column in _WITHHELD:
        return ChargeType.WITHHELD_TAX
    if column in _LABELS:
        return classify(english, ("ItemPrice", _LABELS[column]))
    if english in _OF_ORDERS:
        return _FEES.get(column) or _BY_TYPE.get(english, ChargeType.UNCLASSIFIED)
    return _of_description(english, description, column)


def _of_description(english: str, description: str, column: str) -> ChargeType:
    kind = classify(english, (_english(description),)) if description.strip() else None
    if kind is None or kind is ChargeType.UNCLASSIFIED:
        kind = _BY_TYPE.get(english)
    if column not in _FEES:
        return kind or ChargeType.UNCLASSIFIED
    if kind is None or profit_line(kind) is ProfitLine.SALES:
        return _FEES[column] if column != "selling-fees" else ChargeType.OTHER_FEE
    return kind


def _english(description: str) -> str:
    folded = fold(description)
    return next((english for name, english in _MEANINGS if folded.startswith(name)), description)
