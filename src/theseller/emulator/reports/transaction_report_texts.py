"""Words, dates and numbers of transaction reports in each language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from theseller.emulator.amount_and_time_formats import amount, amount_with_comma

#: The columns after which the texts of `Language.header` are named, in their order.
COLUMNS = (
    "posted", "settlement", "type", "order", "sku", "description", "quantity", "marketplace",
    "city", "state", "postal", "sales", "shipping", "gift_wrap", "promotion", "tax", "withheld",
    "selling", "fba", "other_transaction", "other", "total", "status", "released",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Language:
    """A language of Seller Central.

    `header` has a name for each of `COLUMNS`; `types` are the words for Order, Refund, Service
    Fee, Adjustment, FBA Inventory Fee and Transfer; `advertising` is a description; `months` are
    abbreviated.
    """

    preamble: tuple[str, str, str]
    header: str
    types: str
    advertising: str
    states: tuple[str, str]
    months: str = ""
    comma: bool = True

    def number(self, minor: int, currency: str) -> str:
        """Write an amount; zero is a bare 0."""
        if not minor:
            return "0"
        if self.comma:
            return amount_with_comma(minor, currency)
        text = amount(minor, currency)
        whole, point, rest = text.lstrip("-").partition(".")
        return f"{'-' if minor < 0 else ''}{int(whole):,}{point}{rest}"

    def moment(self, at: datetime) -> str:
        """Write an instant."""
        utc = at.astimezone(UTC)
        months = self.months.split()
        if not months:
            return f"{utc:%d.%m.%Y %H:%M:%S} UTC"
        return f"{utc.day} {months[utc.month - 1].replace('·', ' ')} {utc:%Y %H:%M:%S} UTC"


class _American(Language):
    __slots__ = ()

    def moment(self, at: datetime) -> str:
        utc = at.astimezone(UTC)
        month, half = self.months.split()[utc.month - 1], "PM" if utc.hour >= 12 else "AM"
        return f"{month} {utc.day}, {utc.year} {utc.hour % 12 or 12}:{utc:%M:%S} {half} UTC"


class _Japanese(Language):
    __slots__ = ()

    def moment(self, at: datetime) -> str:
        return f"{datetime.fromtimestamp(at.timestamp() + 9 * 3600, UTC):%Y/%m/%d %H:%M:%S}JST"


_ENGLISH = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
LANGUAGES: dict[str, Language] = {
    "en": _American(
        (
            (
                "Includes Amazon Marketplace, Fulfillment by Amazon (FBA), and Amazon Webstore"
                " transactions"
            ),
            "All amounts in {currency}, unless specified",
            "Definitions:",
        ),
        "date/time|settlement id|type|order id|sku|description|quantity|marketplace|order city"
        "|order state|order postal|product sales|shipping credits|gift wrap credits"
        "|promotional rebates|product sales tax|marketplace withheld tax|selling fees|fba fees"
        "|other transaction fees|other|total|Transaction Status|Transaction Release Date",
        "Order|Refund|Service Fee|Adjustment|FBA Inventory Fee|Transfer",
        "Cost of Advertising",
        ("Deferred", "Released"),
        _ENGLISH,
        comma=False,
    ),
    "de": Language(
        (
            (
                "Einschließlich Amazon Marketplace, Versand durch Amazon (FBA) und"
                " Amazon-Webstore-Transaktionen"
            ),
            "Alle Beträge in {currency} sofern nicht anders gekennzeichnet",
            "Definitionen:",
        ),
        "Datum/Uhrzeit|Abrechnungsnummer|Typ|Bestellnummer|SKU|Beschreibung|Menge|Marketplace"
        "|Ort der Bestellung|Bundesland|Postleitzahl|Umsätze|Gutschrift für Versandkosten"
        "|Gutschrift für Geschenkverpackung|Rabatte aus Werbeaktionen|Produktumsatzsteuer"
        "|Einbehaltene Steuer auf Marketplace|Verkaufsgebühren|Gebühren zu Versand durch Amazon"
        "|Andere Transaktionsgebühren|Andere|Gesamt|Transaktionsstatus"
        "|Freigabedatum der Transaktion",
        "Bestellung|Erstattung|Servicegebühr|Anpassung|Versand durch Amazon Lagergebühr|Übertrag",
        "Werbekosten",
        ("Zurückgestellt", "Freigegeben"),
    ),
    "fr": Language(
        (
            "Comprend les transactions Amazon Marketplace, Expédié par Amazon (FBA) et Webstore",
            "Tous les montants sont en {currency}, sauf mention contraire",
            "Définitions :",
        ),
        "date/heure|numéro de versement|type|numéro de la commande|sku|description|quantité"
        "|Marketplace|ville d'où provient la commande|Région d'où provient la commande"
        "|code postal de la commande|ventes de produits|crédits d'expédition"
        "|crédits sur l'emballage cadeau|Rabais promotionnels|Taxes sur la vente des produits"
        "|Taxes retenues sur le site de vente|frais de vente|Frais Expédié par Amazon"
        "|autres frais de transaction|autre|total|Statut de la transaction"
        "|Date de sortie de la transaction",
        "Commande|Remboursement|Frais de service|Ajustement|Frais de stock Expédié par Amazon"
        "|Transfert",
        "Prix de la publicité",
        ("Différé", "Sorti"),
        "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    ),
    "es": Language(
        (
            "Incluye transacciones de Amazon Marketplace, Logística de Amazon (FBA) y Webstore",
            "Todos los importes en {currency}, a menos que se especifique lo contrario",
            "Definiciones:",
        ),
        "fecha y hora|identificador de pago|tipo|número de pedido|sku|descripción|cantidad"
        "|web de Amazon|ciudad de procedencia del pedido"
        "|comunidad autónoma de procedencia del pedido|código postal de procedencia del pedido"
        "|ventas de productos|abonos de envío|abonos de envoltorio para regalo"
        "|devoluciones promocionales|impuesto de ventas de productos"
        "|impuesto retenido en el sitio web|tarifas de venta|tarifas de Logística de Amazon"
        "|tarifas de otras transacciones|otro|total|Estado de la transacción"
        "|Fecha de liberación de la transacción",
        "Pedido|Reembolso|Tarifa de prestación de servicio|Ajuste"
        "|Tarifas de inventario de Logística de Amazon|Transferir",
        "Gastos de publicidad",
        ("Diferido", "Liberado"),
        "ene feb mar abr may jun jul ago sep oct nov dic",
    ),
    "it": Language(
        (
            "Comprende transazioni Amazon Marketplace, Logistica di Amazon (FBA) e Webstore",
            "Tutti gli importi sono espressi in {currency}, se non diversamente specificato",
            "Definizioni:",
        ),
        "Data/Ora:|Numero pagamento|Tipo|Numero ordine|SKU|Descrizione|Quantità|Marketplace"
        "|Città di provenienza dell'ordine|Provincia di provenienza dell'ordine|CAP dell'ordine"
        "|Vendite|Accrediti per le spedizioni|Accrediti per confezioni regalo"
        "|Sconti promozionali|imposta sulle vendite dei prodotti|trattenuta IVA del marketplace"
        "|Commissioni di vendita|Costi del servizio Logistica di Amazon"
        "|Altri costi relativi alle transazioni|Altro|totale|Stato della transazione"
        "|Data di rilascio della transazione",
        "Ordine|Rimborso|Commissione di servizio|Modifica|Costo di stoccaggio Logistica di Amazon"
        "|Trasferimento",
        "Costo della pubblicità",
        ("Differito", "Rilasciato"),
        "gen feb mar apr mag giu lug ago set ott nov dic",
    ),
    "nl": Language(
        (
            "Omvat transacties van Amazon Marketplace, Fulfillment by Amazon (FBA) en Webstore",
            "Alle bedragen in {currency}, tenzij anders vermeld",
            "Definities:",
        ),
        "datum/tijd|schikkings-ID|type|bestelnummer|sku|beschrijving|aantal|marketplace"
        "|bestelling stad|status bestelling|bestelling per post|verkoop van producten"
        "|Verzendtegoeden|kredietpunten cadeauverpakking|promotiekortingen"
        "|geïnde omzetbelasting|Belasting voor marketplace-facilitator|verkoopkosten"
        "|fba-vergoedingen|overige transactiekosten|overige|totaal|Transactiestatus"
        "|Publicatiedatum van transactie",
        "Bestelling|Terugbetaling|Servicekosten|Aanpassing|FBA-voorraadkosten|Overboeking",
        "Advertentiekosten",
        ("Uitgesteld", "Vrijgegeven"),
        "jan. feb. mrt. apr. mei jun. jul. aug. sep. okt. nov. dec.",
    ),
    "sv": Language(
        (
            (
                "Omfattar transaktioner från Amazon Marketplace, Fulfilment by Amazon (FBA) och"
                " Webstore"
            ),
            "Alla belopp i {currency}, om inte annat anges",
            "Definitioner:",
        ),
        "datum/tid|reglerings-id|typ|beställnings-id|sku|beskrivning|antal|marknadsplats"
        "|stad för beställning|delstat för beställning|postadress för beställning"
        "|försäljning av produkter|fraktkrediter|krediter för presentinslagning|kampanjrabatter"
        "|Inkasserad moms|Skatt för marknadsplatsförmedlare|försäljningsavgifter|fba-avgifter"
        "|övriga transaktionsavgifter|Övrigt|totalt|Transaktionsstatus"
        "|Transaktionens utgivningsdatum",
        "Order|Återbetalning|Serviceavgift|Justering|FBA-lageravgift|Överföring",
        "Annonskostnad",
        ("Uppskjuten", "Frisläppt"),
        "jan. feb. mars apr. maj juni juli aug. sep. okt. nov. dec.",
    ),
    "pl": Language(
        (
            "Obejmuje transakcje Amazon Marketplace, Fulfillment by Amazon (FBA) i Webstore",
            "Wszystkie kwoty w {currency}, o ile nie określono inaczej",
            "Definicje:",
        ),
        "data/godzina|identyfikator rozliczenia|typ|identyfikator zamówienia|sku|opis|ilość"
        "|rynek|miejscowość zamówienia|stan zamówienia|przekaz pocztowy|sprzedaż produktów"
        "|noty kredytowe za wysyłkę|środki na pokrycie pakowania na prezent|rabaty promocyjne"
        "|pobrany podatek od sprzedaży|podatek od transakcji marketplace facilitator"
        "|opłaty za sprzedaż|opłaty za fba|inne opłaty transakcyjne|inne|suma"
        "|Status transakcji|Data zwolnienia transakcji",
        "Zamówienie|Zwrot kosztów|Opłata za usługę|Korekta|Opłata za zapasy FBA|Przelew",
        "Koszt reklamy",
        ("Odroczona", "Zwolniona"),
        "sty lut mar kwi maj cze lip sie wrz paź lis gru",
    ),
    "tr": Language(
        (
            "Amazon Marketplace, Amazon Lojistik (FBA) ve Amazon Webstore işlemlerini içerir",
            "Aksi belirtilmedikçe tüm tutarlar {currency} cinsindendir",
            "Tanımlar:",
        ),
        "tarih/saat|ödeme kimliği|tür|sipariş no.|sku|açıklama|adet|pazar yeri|sipariş şehri"
        "|sipariş eyaleti|sipariş posta kodu|ürün satışları|kargo kredileri"
        "|hediye paketi kredileri|promosyon indirimleri|tahsil edilen satış vergisi"
        "|marketplace facilitator tax|satış ücretleri|Amazon Lojistik ücretleri"
        "|diğer işlem ücretleri|diğer|toplam|İşlem durumu|İşlem serbest bırakma tarihi",
        "Sipariş|Para İadesi|Hizmet Ücreti|Düzeltme|FBA Inventory Fee|Aktarım",
        "Reklam maliyeti",
        ("Ertelendi", "Serbest bırakıldı"),
        "Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara",
    ),
    "pt": Language(
        (
            "Inclui transações do Amazon Marketplace, FBA e Amazon Webstore",
            "Todos os valores em {currency}, exceto quando especificado",
            "Definições:",
        ),
        "data/hora|id de liquidação|tipo|id do pedido|sku|descrição|quantidade|mercado"
        "|cidade do pedido|estado do pedido|cep do pedido|vendas do produto"
        "|créditos de remessa|créditos de embalagem de presente|descontos promocionais"
        "|imposto de vendas coletados|marketplace facilitator tax|tarifas de venda|taxas fba"
        "|taxas de outras transações|outro|total|Status da transação"
        "|Data de liberação da transação",
        "Pedido|Reembolso|Taxa de serviço|Ajuste|Taxa de inventário do FBA|Transferência",
        "Custo de publicidade",
        ("Adiado", "Liberado"),
        "de·jan. de·fev. de·mar. de·abr. de·mai. de·jun. de·jul. de·ago. de·set. de·out. de·nov."
        " de·dez.",
    ),
    "ja": _Japanese(
        (
            "Amazon マーケットプレイス、フルフィルメント by Amazon (FBA)、Amazon Webstore",
            "注：金額は円です",
            "定義：",
        ),
        "日付/時間|決済番号|トランザクションの種類|注文番号|SKU|説明|数量|Amazon 出品サービス"
        "|市町村|都道府県|郵便番号|商品売上|配送料|ギフト包装手数料|プロモーション割引額"
        "|商品の売上税|源泉徴収税を伴うマーケットプレイス|手数料|FBA 手数料"
        "|トランザクションに関するその他の手数料|その他|合計|トランザクションのステータス"
        "|トランザクション開始日",
        "注文|返金|注文外料金|調整|FBA 在庫関連の手数料|振込み",
        "広告費用",
        ("保留", "開始"),
        comma=False,
    ),
}
