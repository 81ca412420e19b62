"""Business Reports as sellers download them (CSV).

They have the figures of the report on sales and traffic.

In the languages whose files are public. Counts have commas between thousands in each language;
money, percentages and days are written as the language does.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from theseller.emulator.reports.sales_and_traffic import TrafficWriter

_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$", "CAD": "$", "MXN": "$", "AUD": "$", "JPY": "￥"}
_GRANULARITY = {"parent": "PARENT", "child": "CHILD", "sku": "SKU"}
#: What a file may be by.
KINDS = ("date", *_GRANULARITY)


@dataclass(frozen=True, slots=True)
class Language:
    """How a language writes such a file.

    `names`: date, parent, child, title, SKU, sessions, sessions of business buyers, sessions in
    browsers, page views, featured offer, units, units of business buyers, sales, order items.
    """

    names: tuple[str, ...]
    day: str
    comma: bool = False
    sign_after: bool = False


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        "en": Language(
            (
                "Date",
                "(Parent) ASIN",
                "(Child) ASIN",
                "Title",
                "SKU",
                "Sessions - Total",
                "Sessions - Total - B2B",
                "Sessions - Browser",
                "Page Views - Total",
                "Featured Offer (Buy Box) Percentage",
                "Units Ordered",
                "Units Ordered - B2B",
                "Ordered Product Sales",
                "Total Order Items",
            ),
            "%m/%d/%y",
        ),
        "de": Language(
            (
                "Datum",
                "(Übergeordnete) ASIN",
                "(Untergeordnete) ASIN",
                "Titel",
                "SKU",
                "Sitzungen – Summe",
                "Sitzungen – Summe – B2B",
                "Sitzungen – Browser",
                "Seitenaufrufe – Summe",
                "Prozentanteil an Featured Offer (Einkaufswagenfeld)",
                "Bestellte Einheiten",
                "Bestellte Einheiten – B2B",
                "Durch bestellte Produkte erzielter Umsatz",
                "Zahl der Bestellposten",
            ),
            "%d.%m.%y",
            comma=True,
            sign_after=True,
        ),
        "es": Language(
            (
                "Fecha",
                "ASIN (parent)",
                "ASIN (child)",
                "Título",
                "SKU",
                "Sesiones: total",
                "Sesiones: total: B2B",
                "Sesiones: navegador",
                "Vistas de página: total",
                "Porcentaje de ofertas destacadas (Buy Box)",
                "Unidades encargadas",
                "Unidades encargadas - B2B",
                "Ventas de productos encargados",
                "Total de artículos del pedido",
            ),
            "%d/%m/%y",
            comma=True,
            sign_after=True,
        ),
        "ja": Language(
            (
                "日付",
                "（親）ASIN",
                "（子）ASIN",
                "タイトル",
                "SKU",
                "セッション数 - 合計",
                "セッション数 - 合計 - B2B",
                "セッション数 - ブラウザー",
                "ページビュー数 - 合計",
                "おすすめ出品の獲得率",
                "注文された商品点数",
                "注文点数 - B2B",
                "注文商品の売上額",
                "注文品目総数",
            ),
            "%Y/%m/%d",
        ),
    }
)


def business_report(
    writer: TrafficWriter, first: date, last: date, *, by: str, language: str
) -> str:
    """Return the file of days `first` to `last`.

    It is `by` date, parent, child or SKU.

    A file by product adds up its days and does not name them, as Amazon's does.
    """
    document = json.loads(
        writer.text(first, last, asin_granularity=_GRANULARITY.get(by, "CHILD")),
        parse_float=Decimal,
    )
    way = LANGUAGES[language]
    date_name, parent, child, title, sku, *measures = way.names
    names: Sequence[str] = {
        "date": (date_name,),
        "parent": (parent, title),
        "child": (parent, child, title),
        "sku": (parent, child, title, sku),
    }[by]
    text = io.StringIO()
    rows = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    rows.writerow((*names, *measures))
    part = "Date" if by == "date" else "Asin"
    for entry in document[f"salesAndTrafficBy{part}"]:
        if by == "date":
            whose = [date.fromisoformat(entry["date"]).strftime(way.day)]
        else:
            keys = [entry[key] for key in ("parentAsin", "childAsin", "sku") if key in entry]
            at = 1 if by == "parent" else 2
            whose = [*keys[:at], f"Sample product, {keys[-1]}", *keys[at:]]
        sales, traffic = entry[f"salesBy{part}"], entry[f"trafficBy{part}"]
        rows.writerow((*whose, *_measures(way, sales, traffic)))
    return text.getvalue()


def _measures(way: Language, sales: dict[str, Any], traffic: dict[str, Any]) -> list[str]:
    return [
        f"{traffic['sessions']:,}",
        "0",
        f"{traffic['browserSessions']:,}",
        f"{traffic['pageViews']:,}",
        _local(f"{traffic['buyBoxPercentage']:.2f}", way) + (" %" if way.sign_after else "%"),
        f"{sales['unitsOrdered']:,}",
        "0",
        _money(way, **sales["orderedProductSales"]),
        f"{sales['totalOrderItems']:,}",
    ]


# the names are Amazon's
def _money(way: Language, *, amount: Decimal, currencyCode: str) -> str:  # noqa: N803
    digits = 0 if currencyCode == "JPY" else 2
    number, sign = _local(f"{amount:,.{digits}f}", way), _SIGNS.get(currencyCode, currencyCode)
    return f"{number} {sign}" if way.sign_after else f"{sign}{number}"


def _local(number: str, way: Language) -> str:
    return number.translate(str.maketrans(",.", ".,")) if way.comma else number
