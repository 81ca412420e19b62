"""Invented files that look like ours and are not: one header and one row for each kind and language."""

from __future__ import annotations

CANARY = "ZZQ1CELL"

_PREAMBLE = {
    "EN": (
        "Includes Amazon Marketplace, Fulfillment by Amazon (FBA), and Amazon Webstore transactions"
    ),
    "DE": (
        "Einschließlich Amazon Marketplace, Versand durch Amazon (FBA) und"
        " Amazon-Webstore-Transaktionen"
    ),
}
#: language → the first columns of a transaction report.
TRANSACTIONS: dict[str, tuple[str, ...]] = {
    "EN": (
        "date/time",
        "settlement id",
        "type",
        "order id",
        "sku",
        "description",
        "quantity",
        "marketplace",
        "total",
    ),
    "EN unified": (
        "date/time",
        "settlement id",
        "type",
        "order id",
        "sku",
        "account type",
        "fulfillment",
        "total",
        "Transaction Status",
    ),
    "DE": (
        "Datum/Uhrzeit",
        "Abrechnungsnummer",
        "Typ",
        "Bestellnummer",
        "SKU",
        "Beschreibung",
        "Menge",
        "Marketplace",
        "Gesamt",
    ),
    "FR": (
        "date/heure",
        "numéro de versement",
        "type",
        "numéro de la commande",
        "sku",
        "description",
        "quantité",
        "Marketplace",
        "total",
    ),
    "ES": (
        "fecha y hora",
        "identificador de pago",
        "tipo",
        "número de pedido",
        "sku",
        "descripción",
        "cantidad",
        "web de Amazon",
        "total",
    ),
    "IT": (
        "Data/Ora:",
        "Numero pagamento",
        "Tipo",
        "Numero ordine",
        "SKU",
        "Descrizione",
        "Quantità",
        "Marketplace",
        "totale",
    ),
    "NL": (
        "datum/tijd",
        "schikkings-ID",
        "type",
        "bestelnummer",
        "sku",
        "beschrijving",
        "aantal",
        "marketplace",
        "totaal",
    ),
    "SV": (
        "datum/tid",
        "reglerings-id",
        "typ",
        "beställningsnummer",
        "sku",
        "beskrivning",
        "antal",
        "marknadsplats",
        "totalt",
    ),
    "PL": (
        "data/godzina",
        "identyfikator rozliczenia",
        "typ",
        "identyfikator zamówienia",
        "sku",
        "opis",
        "ilość",
        "rynek",
        "razem",
    ),
    "TR": (
        "tarih/saat",
        "ödeme no",
        "tür",
        "sipariş no",
        "sku",
        "açıklama",
        "adet",
        "pazar yeri",
        "toplam",
    ),
    "JP": (
        "日付/時間",
        "決済番号",
        "トランザクションの種類",
        "注文番号",
        "SKU",
        "説明",
        "数量",
        "Amazon 出品サービス",
        "合計",
    ),
    "PT": (
        "data/hora",
        "id de liquidação",
        "tipo",
        "id do pedido",
        "sku",
        "descrição",
        "quantidade",
        "marketplace",
        "total",
    ),
}
TRANSACTIONS |= {
    "ES (Mexico)": (
        "fecha/hora",
        "Id. de liquidación",
        "tipo",
        "Id. del pedido",
        "sku",
        "descripción",
        "cantidad",
        "marketplace",
        "total",
    ),
    "FR (Belgium)": (
        "date et heure",
        "numéro de règlement",
        "type",
        "numéro de commande",
        "sku",
        "description",
        "quantité",
        "total",
    ),
    "ZH": ("日期/时间", "结算编号", "类型", "订单编号", "SKU", "描述", "数量", "总计"),
}
#: language → columns of the transaction view's file.
STATEMENTS: dict[str, tuple[str, ...]] = {
    "EN": (
        "Date",
        "Transaction type",
        "Order ID",
        "Product Details",
        "Total product charges",
        "Amazon fees",
        "Other",
        "Total (USD)",
    ),
    "DE": (
        "Datum",
        "Transaktionstyp",
        "Bestellnummer",
        "Produktdetails",
        "Summe der Artikelpreise",
        "Amazon-Gebühren",
        "Andere",
        "Gesamt (EUR)",
    ),
    "FR": (
        "Date",
        "Type de transaction",
        "Numéro de commande",
        "Détails du produit",
        "Total des prix",
        "Frais Amazon",
        "Autre",
        "Total (EUR)",
    ),
    "ES": (
        "Fecha",
        "Tipo de transacción",
        "Número de pedido",
        "Detalles del producto",
        "Total de cargos",
        "Tarifas de Amazon",
        "Otro",
        "Total",
    ),
    "IT": (
        "Data",
        "Tipo di transazione",
        "Numero ordine",
        "Dettagli prodotto",
        "Totale addebiti",
        "Commissioni Amazon",
        "Altro",
        "Totale",
    ),
    "NL": (
        "Datum",
        "Type transactie",
        "Bestelnummer",
        "Productgegevens",
        "Totale productkosten",
        "Amazon-kosten",
        "Overige",
        "Totaal",
    ),
    "SV": (
        "Datum",
        "Transaktionstyp",
        "Beställningsnummer",
        "Produktinformation",
        "Totala avgifter",
        "Amazon-avgifter",
        "Övrigt",
        "Totalt",
    ),
    "PL": (
        "Data",
        "Typ transakcji",
        "Numer zamówienia",
        "Szczegóły produktu",
        "Suma opłat",
        "Opłaty Amazon",
        "Inne",
        "Razem",
    ),
    "TR": (
        "Tarih",
        "İşlem türü",
        "Sipariş no",
        "Ürün ayrıntıları",
        "Toplam ürün ücretleri",
        "Amazon ücretleri",
        "Diğer",
        "Toplam",
    ),
    "JP": (
        "日付",
        "トランザクションの種類",
        "注文番号",
        "商品の詳細",
        "商品価格合計",
        "Amazon手数料",
        "その他",
        "合計",
    ),
    "PT": (
        "Data",
        "Tipo de transação",
        "Número do pedido",
        "Detalhes do produto",
        "Total",
        "Taxas da Amazon",
        "Outros",
        "Total (BRL)",
    ),
}
#: language → columns of a Business Report by child ASIN, and of one by date.
BUSINESS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "EN": (
        (
            "(Parent) ASIN",
            "(Child) ASIN",
            "Title",
            "SKU",
            "Sessions - Total",
            "Units Ordered",
            "Ordered Product Sales",
        ),
        ("Date", "Ordered Product Sales", "Units Ordered", "Sessions - Total"),
    ),
    "DE": (
        (
            "(Übergeordnete) ASIN",
            "(Untergeordnete) ASIN",
            "Titel",
            "Sitzungen - Summe",
            "Bestellte Einheiten",
        ),
        (
            "Datum",
            "Durch bestellte Produkte erzielter Umsatz",
            "Bestellte Einheiten",
            "Sitzungen - Summe",
        ),
    ),
    "FR": (
        ("ASIN (parent)", "ASIN (enfant)", "Titre", "Sessions - Total", "Unités commandées"),
        ("Date", "Ventes de produits commandés", "Unités commandées", "Sessions - Total"),
    ),
    "ES": (
        ("ASIN (principal)", "ASIN (secundario)", "Título", "Sesiones - Total", "Unidades pedidas"),
        ("Fecha", "Ventas de productos pedidos", "Unidades pedidas", "Sesiones - Total"),
    ),
    "IT": (
        ("ASIN (padre)", "ASIN (figlio)", "Titolo", "Sessioni - Totale", "Unità ordinate"),
        ("Data", "Vendite prodotti ordinati", "Unità ordinate", "Sessioni - Totale"),
    ),
    "NL": (
        (
            "(Bovenliggende) ASIN",
            "(Onderliggende) ASIN",
            "Titel",
            "Sessies - Totaal",
            "Bestelde eenheden",
        ),
        ("Datum", "Verkoop van bestelde producten", "Bestelde eenheden", "Sessies - Totaal"),
    ),
    "SV": (
        (
            "(Överordnad) ASIN",
            "(Underordnad) ASIN",
            "Titel",
            "Sessioner - Totalt",
            "Beställda enheter",
        ),
        ("Datum", "Beställd produktförsäljning", "Beställda enheter", "Sessioner - Totalt"),
    ),
    "PL": (
        ("ASIN (nadrzędny)", "ASIN (podrzędny)", "Tytuł", "Sesje - Łącznie", "Zamówione jednostki"),
        ("Data", "Sprzedaż zamówionych produktów", "Zamówione jednostki", "Sesje - Łącznie"),
    ),
    "TR": (
        ("(Ana) ASIN", "(Alt) ASIN", "Başlık", "Oturumlar - Toplam", "Sipariş Edilen Birimler"),
        ("Tarih", "Sipariş Edilen Ürün Satışları", "Sipariş Edilen Birimler", "Oturumlar - Toplam"),
    ),
    "JP": (
        ("(親) ASIN", "(子) ASIN", "商品名", "セッション数 - 合計", "注文された商品点数"),
        ("日付", "注文商品の売上額", "注文された商品点数", "セッション数 - 合計"),
    ),
    "PT": (
        ("ASIN (pai)", "ASIN (filho)", "Título", "Sessões - Total", "Unidades pedidas"),
        ("Data", "Vendas de produtos pedidos", "Unidades pedidas", "Sessões - Total"),
    ),
}
#: What the answer calls it → columns.
OTHERS: tuple[tuple[str, str], ...] = (
    (
        "returns report of orders that you ship",
        "Order_ID Order_date Return_request_date Return_request_status Amazon_RMA_ID",
    ),
    (
        "FBA reimbursements report",
        (
            "approval-date reimbursement-id case-id amazon-order-id reason sku fnsku asin"
            " currency-unit amount-total"
        ),
    ),
    (
        "inventory report",
        (
            "sku fnsku asin product-name condition your-price mfn-listing-exists"
            " afn-warehouse-quantity afn-fulfillable-quantity"
        ),
    ),
    (
        "inventory report",
        "snapshot-date sku fnsku asin product-name condition available inv-age-0-to-90-days",
    ),
    (
        "inventory report",
        (
            "Date FNSKU ASIN MSKU Title Event_Type Reference_ID Quantity Fulfillment_Center"
            " Disposition"
        ),
    ),
    (
        "inventory report",
        (
            "seller-sku fulfillment-channel-sku asin condition-type Warehouse-Condition-code"
            " Quantity_Available"
        ),
    ),
    ("inventory report", "sku asin price quantity"),
    ("advertising report", "Date Portfolio_name Currency Campaign_Name Impressions Clicks Spend"),
    (
        "advertising report",
        "Datum Portfolioname Währung Kampagnenname Impressionen Klicks Ausgaben",
    ),
    (
        "advertising report",
        "日付 ポートフォリオ名 通貨 キャンペーン名 インプレッション クリック数 広告費",
    ),
    (
        "payments statement",
        (
            "Date Transaction_type Order_ID Product_Details Total_product_charges"
            " Total_promotional_rebates Amazon_fees Other"
        ),
    ),
    (
        "payments summary",
        (
            "Settlement_Period Beginning_Balance Product_charges Promo_rebates Amazon_fees Other"
            " Deposit_Total"
        ),
    ),
    (
        "storage fees report",
        "asin fnsku product-name fulfillment-center month-of-charge estimated-monthly-storage-fee",
    ),
    (
        "fee preview report",
        (
            "sku fnsku asin product-name your-price estimated-fee-total"
            " estimated-referral-fee-per-unit"
        ),
    ),
    (
        "VAT transactions report",
        "UNIQUE_ACCOUNT_IDENTIFIER ACTIVITY_PERIOD SALES_CHANNEL MARKETPLACE TRANSACTION_TYPE",
    ),
    (
        "removal orders report",
        "request-date order-id order-type order-status sku fnsku disposition disposed-quantity",
    ),
    (
        "FBA shipments report, which holds buyers' addresses",
        "amazon-order-id shipment-id shipment-item-id buyer-email buyer-name",
    ),
    (
        "an order report, which holds buyers' addresses",
        "order-id order-item-id purchase-date buyer-email buyer-name",
    ),
)


def table(
    columns: tuple[str, ...],
    *,
    separator: str = ",",
    end: str = "\r\n",
    preamble: int = 0,
    language: str = "EN",
) -> str:
    """Return a file of `columns` with one row of canaries, below `preamble` lines of definitions."""
    first = _PREAMBLE.get(language, _PREAMBLE["EN"])
    lines = [
        f'"{first}"',
        *[f'"Definition {number}, of {CANARY}: ""text"""' for number in range(1, preamble)],
    ][:preamble]
    rows = [
        separator.join(f'"{cell}"' for cell in cells)
        for cells in (columns, [CANARY] * len(columns))
    ]
    return end.join([*lines, *rows, ""])
