"""Column names of transaction reports, in the languages that Amazon gives.

Amazon calls the report Monthly, Date Range or Unified Transaction; it is a CSV below up to ten
lines of definitions. Names are compared without case, accents, spaces and punctuation.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

from theseller.amazon.charge_type_by_label import fold
from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.flat_file_header import DroppedColumn, Header
from theseller.amazon.reports.replayable_source import Limits
from theseller.amazon.reports.report_types_and_columns import COLUMNS, UNKNOWN_COLUMN, ReportType
from theseller.lib.translation_marks import gettext_noop, marked

#: Column → its names; the first is Amazon's English one.
_NAMES: dict[str, str] = {
    "date/time": (
        "date/time|Datum/Uhrzeit|date/heure|fecha y hora|fecha/hora|Data/Ora:|datum/tijd|datum/tid"
        "|data/godzina|tarih/saat|data/hora|date et heure|日付/時間|日付/時刻"
    ),
    "settlement-id": (
        "settlement id|Abrechnungsnummer|numéro de versement|numéro de règlement"
        "|Identifiant du paiement|identificador de pago|Id. de liquidación|Numero pagamento"
        "|schikkings-ID|uitbetalings-ID|reglerings-id|identyfikator rozliczenia"
        "|ödeme kimliği|mutabakat kimliği|uzlaşma kimliği|hesap kapatma kimliği|ödeme no."
        "|id de liquidação|id da liquidação|identificação do pagamento|決済番号"
    ),
    "type": "type|Typ|tipo|tip|tür|トランザクションの種類",
    "order-id": (
        "order id|Bestellnummer|numéro de la commande|numéro de commande|número de pedido"
        "|Id. del pedido|Numero ordine|bestelnummer|beställnings-id|beställningsnummer"
        "|identyfikator zamówienia"
        "|sipariş no.|sipariş numarası|sipariş kimliği|id do pedido|注文番号"
    ),
    "sku": "sku",
    "description": (
        "description|Beschreibung|descripción|Descrizione|beschrijving|beskrivning|opis|açıklama"
        "|descrição|説明|商品名"
    ),
    "quantity": "quantity|Menge|quantité|cantidad|Quantità|aantal|antal|ilość|adet|quantidade|数量",
    "marketplace": (
        "marketplace|site de vente|web de Amazon|marknadsplats|rynek|pazar yeri|mercado"
        "|Amazon 出品サービス"
    ),
    "account-type": "account type|Kontotyp|type de compte|tipo de cuenta|tipo di account",
    "fulfillment": (
        "fulfillment|fulfilment|Versand|traitement|expédition|gestión logística|cumplimiento"
        "|Gestione|leverans|levering|realizacja|gönderim|atendimento|フルフィルメント"
    ),
    "order-city": (
        "order city|Ort der Bestellung|ville d'où provient la commande|ville de la commande"
        "|ciudad de procedencia del pedido|ciudad del pedido|Città di provenienza dell'ordine"
        "|bestelling stad|stad för beställning|miejscowość zamówienia|sipariş şehri"
        "|cidade do pedido|市町村"
    ),
    "order-state": (
        "order state|Bundesland|Région d'où provient la commande|état de la commande"
        "|comunidad autónoma de procedencia del pedido|estado del pedido"
        "|Provincia di provenienza dell'ordine|status bestelling|delstat för beställning"
        "|stan zamówienia|sipariş eyaleti|estado do pedido|都道府県"
    ),
    "order-postal": (
        "order postal|Postleitzahl|code postal de la commande|commande postale"
        "|código postal de procedencia del pedido|código postal del pedido|CAP dell'ordine"
        "|bestelling per post|postadress för beställning|przekaz pocztowy|sipariş posta kodu"
        "|cep do pedido|postal do pedido|郵便番号"
    ),
    "tax-collection-model": (
        "tax collection model|Steuererhebungsmodell|Modèle de perception des taxes"
        "|Formulario de recaudación de impuestos|modelo de recaudación de impuestos"
        "|modello di riscossione delle imposte|税金徴収型"
    ),
    "product-sales": (
        "product sales|Umsätze|ventes de produits|ventas de productos|Vendite"
        "|verkoop van producten|försäljning av produkter|sprzedaż produktów|ürün satışları"
        "|vendas do produto|vendas de produtos|商品売上"
    ),
    "product-sales-tax": (
        "product sales tax|Produktumsatzsteuer|Taxes sur la vente des produits"
        "|impuesto de ventas de productos|imposta sulle vendite dei prodotti|商品の売上税"
    ),
    "shipping-credits": (
        "shipping credits|postage credits|Gutschrift für Versandkosten|crédits d'expédition"
        "|abonos de envío|créditos de envío|Accrediti per le spedizioni|Verzendtegoeden"
        "|fraktkrediter|noty kredytowe za wysyłkę|kargo kredileri|créditos de remessa|配送料"
    ),
    "shipping-credits-tax": (
        "shipping credits tax|postage credits tax|Steuer auf Versandgutschrift"
        "|taxe sur les crédits d'expédition|impuestos por abonos de envío"
        "|impuesto de abono de envío|imposta accrediti per le spedizioni|配送料の税金"
    ),
    "gift-wrap-credits": (
        "gift wrap credits|giftwrap credits|Gutschrift für Geschenkverpackung"
        "|crédits sur l'emballage cadeau|crédits d'emballage-cadeau"
        "|abonos de envoltorio para regalo|créditos por envoltorio de regalo"
        "|Accrediti per confezioni regalo|kredietpunten cadeauverpakking"
        "|krediter för presentinslagning|środki na pokrycie pakowania na prezent"
        "|hediye paketi kredileri|créditos de embalagem de presente|ギフト包装手数料"
    ),
    "gift-wrap-credits-tax": (
        "giftwrap credits tax|gift wrap credits tax|Steuer auf Geschenkverpackungsgutschriften"
        "|Taxes sur les crédits cadeaux|impuestos por abonos de envoltorio para regalo"
        "|impuesto de créditos de envoltura|imposta sui crediti confezione regalo"
        "|ギフト包装クレジットの税金"
    ),
    "regulatory-fee": "Regulatory Fee|Tarifa reglamentaria",
    "tax-on-regulatory-fee": "Tax On Regulatory Fee|Impuesto sobre tarifa reglamentaria",
    "points": "Amazonポイントの費用|cost of points granted|cost of points",
    "promotional-rebates": (
        "promotional rebates|Rabatte aus Werbeaktionen|Rabais promotionnels"
        "|Total des réductions|devoluciones promocionales|descuentos promocionales"
        "|Sconti promozionali|promotiekortingen|kampanjrabatter|rabaty promocyjne"
        "|promosyon indirimleri|descontos promocionais|プロモーション割引額"
    ),
    "promotional-rebates-tax": (
        "promotional rebates tax|Steuer auf Aktionsrabatte|Taxes sur les remises promotionnelles"
        "|impuestos de descuentos por promociones|impuesto de reembolsos promocionales"
        "|imposta sugli sconti promozionali|プロモーション割引の税金"
    ),
    "sales-tax-collected": (
        "sales tax collected|taxe de ventes prélevée|geïnde omzetbelasting|Inkasserad moms"
        "|pobrany podatek od sprzedaży|tahsil edilen satış vergisi|imposto de vendas coletados"
        "|Total sales tax liable(GST before adjusting TCS)"
    ),
    "marketplace-withheld-tax": (
        "marketplace withheld tax|Einbehaltene Steuer auf Marketplace"
        "|Taxes retenues sur le site de vente|impuesto retenido en el sitio web"
        "|impuesto de retenciones en la plataforma|trattenuta IVA del marketplace"
        "|源泉徴収税を伴うマーケットプレイス"
    ),
    "marketplace-facilitator-tax": (
        "marketplace facilitator tax|Taxe Marketplace Facilitator"
        "|Belasting voor marketplace-facilitator|Skatt för marknadsplatsförmedlare"
        "|podatek od transakcji marketplace facilitator"
    ),
    "low-value-goods": "low value goods",
    "tcs-cgst": "TCS-CGST",
    "tcs-sgst": "TCS-SGST",
    "tcs-igst": "TCS-IGST",
    "tds": "TDS (Section 194-O)|TDS",
    "selling-fees": (
        "selling fees|Verkaufsgebühren|frais de vente|tarifas de venta|Commissioni di vendita"
        "|verkoopkosten|försäljningsavgifter|opłaty za sprzedaż|satış ücretleri"
        "|tarifas de venda|手数料"
    ),
    "fba-fees": (
        "fba fees|fulfilment by amazon fees|fulfillment by amazon fees"
        "|Gebühren zu Versand durch Amazon|Frais Expédié par Amazon"
        "|Frais pour le service Expédié par Amazon|tarifas de Logística de Amazon|tarifas fba"
        "|Costi del servizio Logistica di Amazon|fba-vergoedingen|fba-kosten|fba-avgifter"
        "|opłaty za fba|Amazon Lojistik ücretleri|taxas fba|FBA 手数料"
    ),
    "other-transaction-fees": (
        "other transaction fees|Andere Transaktionsgebühren|autres frais de transaction"
        "|tarifas de otras transacciones|tarifas de otra transacción"
        "|Altri costi relativi alle transazioni|overige transactiekosten"
        "|övriga transaktionsavgifter|inne opłaty transakcyjne|diğer işlem ücretleri"
        "|taxas de outras transações|トランザクションに関するその他の手数料"
    ),
    "other": "other|Andere|autre|autres|otro|Altro|overige|overig|Övrigt|inne|diğer|outro|その他",
    "total": "total|Gesamt|totale|totaal|totalt|suma|razem|toplam|合計",
    "transaction-status": (
        "Transaction Status|Transaktionsstatus|Statut de la transaction"
        "|Estado de la transacción|Stato della transazione|Transactiestatus|Status transakcji"
        "|İşlem durumu|Status da transação|トランザクションのステータス"
    ),
    "transaction-release-date": (
        "Transaction Release Date|Freigabedatum der Transaktion"
        "|Date de sortie de la transaction|Date de délivrance de la transaction"
        "|Fecha de liberación de la transacción|Data di rilascio della transazione"
        "|Publicatiedatum van transactie|Transaktionens utgivningsdatum"
        "|Data zwolnienia transakcji|İşlem serbest bırakma tarihi"
        "|Data de liberação da transação|トランザクション開始日"
    ),
}
COLUMN_OF_NAME = {fold(one): column for column, names in _NAMES.items() for one in names.split("|")}
#: The columns that add up to the total of a row, in Amazon's order.
AMOUNT_COLUMNS = (
    "product-sales", "product-sales-tax", "shipping-credits", "shipping-credits-tax",
    "gift-wrap-credits", "gift-wrap-credits-tax", "regulatory-fee", "tax-on-regulatory-fee",
    "points", "promotional-rebates", "promotional-rebates-tax", "sales-tax-collected",
    "marketplace-withheld-tax", "marketplace-facilitator-tax", "low-value-goods", "tcs-cgst",
    "tcs-sgst", "tcs-igst", "tds", "selling-fees", "fba-fees", "other-transaction-fees", "other",
)  # fmt: skip
_LINES = 40
AGAIN = gettext_noop(
    "Download it again from Seller Central > Payments > Reports Repository > Transaction, and don't"
    " open it in Excel, Numbers or an editor first."
)


def find_header(lines: Sequence[str], limits: Limits) -> Header | None:
    """Return the header of a transaction report among a file's first lines.

    None if the file is no such report, or in a language that is not known.

    Raises:
        ReportRefusedError: it is one, and lacks columns or has one twice.
    """
    for number, line in enumerate(lines[:_LINES], 1):
        for separator in (",", "\t"):
            if separator not in line or fold(line[:40].split(separator)[0]) not in _DATES:
                continue
            names = [COLUMN_OF_NAME.get(fold(cell), "") for cell in _cells(line, separator)]
            if {"settlement-id", "type"} & set(names) and len(names) <= limits.columns:
                return _header(number, names)
    return None


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


_DATES = frozenset(fold(name) for name in _NAMES["date/time"].split("|"))


def separator_of(line: str) -> str:
    """Return what separates the cells of a header line."""
    return "\t" if "\t" in line else ","


def _header(number: int, names: list[str]) -> Header:
    columns = COLUMNS[ReportType.TRANSACTIONS]
    lacking = sorted(columns.required - set(names))
    if lacking:
        raise ReportRefusedError(
            marked(
                gettext_noop(
                    "this payments transaction report lacks the columns %(lacking)s, or names them"
                    " in a way that this version doesn't know"
                ),
                lacking=", ".join(lacking),
            ),
            _ENGLISH,
            line=number,
        )
    kept = [name for name in names if name in columns.kept]
    if len(kept) != len(set(kept)):
        raise ReportRefusedError(
            gettext_noop("a column is twice in the first line"), AGAIN, line=number
        )
    dropped = tuple(
        DroppedColumn(
            name if name in columns.dropped else f"column {place}",
            columns.dropped.get(name, UNKNOWN_COLUMN),
        )
        for place, name in enumerate(names, 1)
        if name not in columns.kept
    )
    return Header(
        ReportType.TRANSACTIONS,
        gettext_noop("its columns"),
        len(names),
        {name: place for place, name in enumerate(names) if name in columns.kept},
        tuple(kept),
        dropped,
        decided=True,
        line=number,
    )


_ENGLISH = gettext_noop(
    "Set the language of Seller Central to English and request the report again. Its amounts are"
    " also in the settlements: Payments > Reports Repository (or All Statements) > Flat File V2."
)
