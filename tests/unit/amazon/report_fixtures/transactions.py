"""Invented transaction reports in some languages."""

from __future__ import annotations

import csv
import io

COLUMNS = (
    "date/time", "settlement-id", "type", "order-id", "sku", "description", "quantity",
    "marketplace", "fulfillment", "order-city", "order-state", "order-postal", "product-sales",
    "product-sales-tax", "shipping-credits", "promotional-rebates", "marketplace-withheld-tax",
    "selling-fees", "fba-fees", "other-transaction-fees", "other", "total", "transaction-status",
    "transaction-release-date",
)  # fmt: skip
#: language → (definitions, names of `COLUMNS`, cells that differ)
_LANGUAGES: dict[str, tuple[tuple[str, ...], str, dict[str, str]]] = {
    "EN": (
        (
            "Includes Amazon Marketplace, Fulfillment by Amazon (FBA), and Amazon Webstore",
            "All amounts in USD, unless specified",
        ),
        (
            "date/time|settlement id|type|order id|sku|description|quantity|marketplace|fulfillment"
            "|order city|order state|order postal|product sales|product sales tax|shipping credits"
            "|promotional rebates|marketplace withheld tax|selling fees|fba fees"
            "|other transaction fees|other|total|Transaction Status|Transaction Release Date"
        ),
        {},
    ),
    "DE": (
        (
            "Einschließlich Amazon Marketplace, Versand durch Amazon (FBA) und Amazon-Webstore",
            "Alle Beträge in Euro sofern nicht anders gekennzeichnet",
        ),
        (
            "Datum/Uhrzeit|Abrechnungsnummer|Typ|Bestellnummer|SKU|Beschreibung|Menge|Marketplace"
            "|Versand|Ort der Bestellung|Bundesland|Postleitzahl|Umsätze|Produktumsatzsteuer"
            "|Gutschrift für Versandkosten|Rabatte aus Werbeaktionen"
            "|Einbehaltene Steuer auf Marketplace|Verkaufsgebühren|Gebühren zu Versand durch Amazon"
            "|Andere Transaktionsgebühren|Andere|Gesamt|Transaktionsstatus"
            "|Freigabedatum der Transaktion"
        ),
        {
            "date/time": "04.11.2026 09:05:07 UTC",
            "type": "Bestellung",
            "marketplace": "amazon.de",
            "product-sales": "50,00",
            "selling-fees": "-7,50",
            "total": "42,50",
            "transaction-status": "Freigegeben",
            "transaction-release-date": "11.11.2026 10:00:00 UTC",
        },
    ),
    "JA": (
        ("注：金額は円です",),
        (
            "日付/時間|決済番号|トランザクションの種類|注文番号|SKU|説明|数量|Amazon 出品サービス"
            "|フルフィルメント|市町村|都道府県|郵便番号|商品売上|商品の売上税|配送料"
            "|プロモーション割引額|源泉徴収税を伴うマーケットプレイス|手数料|FBA 手数料"
            "|トランザクションに関するその他の手数料|その他|合計|トランザクションのステータス"
            "|トランザクション開始日"
        ),
        {
            "date/time": "2026/11/04 18:05:07JST",
            "type": "注文",
            "marketplace": "amazon.jp",
            "product-sales": "5,000",
            "selling-fees": "-750",
            "total": "4,250",
            "transaction-status": "開始",
            "transaction-release-date": "2026/11/11 19:00:00JST",
        },
    ),
}
_ROW = {
    "date/time": "Nov 4, 2026 1:05:07 AM PST",
    "settlement-id": "24011223344",
    "type": "Order",
    "order-id": "112-1234567-7654321",
    "sku": "TEE-01",
    "description": "Plain tee, white",
    "quantity": "1",
    "marketplace": "amazon.com",
    "product-sales": "50.00",
    "selling-fees": "-7.50",
    "total": "42.50",
    "transaction-status": "Released",
    "transaction-release-date": "Nov 11, 2026 2:00:00 AM PST",
}


def transactions(
    *rows: dict[str, str],
    language: str = "EN",
    hidden: tuple[str, ...] = ("Quixville", "QX", "12345", "quix"),
    without: tuple[str, ...] = (),
    preamble: bool = True,
) -> str:
    """Return a report with `rows`, each a sale with other cells.

    `hidden` are a buyer's city, state and postal code, and a cell of an unknown column.
    """
    definitions, names, cells = _LANGUAGES[language]
    columns = [column for column in COLUMNS if column not in without]
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([line] for line in (definitions if preamble else ()))
    named = dict(zip(COLUMNS, names.split("|"), strict=True))
    writer.writerow([*(named[column] for column in columns), "quix-column"])
    places = dict(zip(("order-city", "order-state", "order-postal"), hidden, strict=False))
    for row in rows or ({},):
        found = {**_ROW, **cells, **places, **row}
        writer.writerow(
            [
                *(found.get(column, "0" if _is_amount(column) else "") for column in columns),
                hidden[3],
            ]
        )
    return stream.getvalue()


def _is_amount(column: str) -> bool:
    return COLUMNS.index("product-sales") <= COLUMNS.index(column) <= COLUMNS.index("total")
