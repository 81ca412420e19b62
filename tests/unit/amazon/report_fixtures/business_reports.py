"""Business Reports (CSV) as Seller Central writes them, in each language; invented figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

#: language → date, parent ASIN, child ASIN, title; sessions, page views, featured offer, units, sales
NAMES: dict[str, tuple[str, ...]] = {
    "EN": (
        "Date",
        "(Parent) ASIN",
        "(Child) ASIN",
        "Title",
        "Sessions - Total",
        "Page Views - Total",
        "Featured Offer (Buy Box) Percentage",
        "Units Ordered",
        "Ordered Product Sales",
    ),
    "EN, older": (
        "Date",
        "(Parent) ASIN",
        "(Child) ASIN",
        "Title",
        "Sessions",
        "Page Views",
        "Buy Box Percentage",
        "Units Ordered",
        "Ordered Product Sales",
    ),
    "EN, Canada": (
        "Date",
        "(Parent) ASIN",
        "(Child) ASIN",
        "Title",
        "Sessions – Total",
        "Page views – Total",
        "Featured Offer (Buy Box) percentage",
        "Units ordered",
        "Ordered product sales",
    ),
    "DE": (
        "Datum",
        "(Übergeordnete) ASIN",
        "(Untergeordnete) ASIN",
        "Titel",
        "Sitzungen – Summe",
        "Seitenaufrufe – Summe",
        "Prozentanteil an Featured Offer (Einkaufswagenfeld)",
        "Bestellte Einheiten",
        "Durch bestellte Produkte erzielter Umsatz",
    ),
    "FR": (
        "Date",
        "ASIN (parent)",
        "ASIN (enfant)",
        "Titre",
        "Sessions – Total",
        "Pages vues – Total",
        "Pourcentage d'offres mises en avant",
        "Unités commandées",
        "Ventes de produits commandés",
    ),
    "ES": (
        "Fecha",
        "ASIN (parent)",
        "ASIN (child)",
        "Título",
        "Sesiones: total",
        "Vistas de página: total",
        "Porcentaje de ofertas destacadas (Buy Box)",
        "Unidades encargadas",
        "Ventas de productos encargados",
    ),
    "ES, Mexico": (
        "Fecha",
        "ASIN (principal)",
        "ASIN (secundario)",
        "Título",
        "Sesiones - Total",
        "Vistas de página - Total",
        "Porcentaje de ofertas destacadas",
        "Unidades pedidas",
        "Ventas de productos pedidos",
    ),
    "IT": (
        "Data",
        "ASIN (padre)",
        "ASIN (figlio)",
        "Titolo",
        "Sessioni - Totale",
        "Visualizzazioni di pagina - Totale",
        "Percentuale di offerta in primo piano",
        "Unità ordinate",
        "Vendite di prodotti ordinati",
    ),
    "NL": (
        "Datum",
        "(Bovenliggende) ASIN",
        "(Onderliggende) ASIN",
        "Titel",
        "Sessies - Totaal",
        "Paginaweergaven - Totaal",
        "Percentage uitgelichte aanbiedingen",
        "Bestelde eenheden",
        "Verkoop van bestelde producten",
    ),
    "SV": (
        "Datum",
        "(Överordnad) ASIN",
        "(Underordnad) ASIN",
        "Titel",
        "Sessioner - Totalt",
        "Sidvisningar - Totalt",
        "Procent för utvalt erbjudande",
        "Beställda enheter",
        "Försäljning av beställda produkter",
    ),
    "PL": (
        "Data",
        "ASIN (nadrzędny)",
        "ASIN (podrzędny)",
        "Tytuł",
        "Sesje - Łącznie",
        "Wyświetlenia stron - Łącznie",
        "Procent polecanej oferty",
        "Zamówione jednostki",
        "Sprzedaż zamówionych produktów",
    ),
    "TR": (
        "Tarih",
        "(Ana) ASIN",
        "(Alt) ASIN",
        "Başlık",
        "Oturumlar - Toplam",
        "Sayfa Görüntülemeleri - Toplam",
        "Öne Çıkan Teklif Yüzdesi",
        "Sipariş Edilen Birimler",
        "Sipariş Edilen Ürün Satışları",
    ),
    "JP": (
        "日付",
        "（親）ASIN",
        "（子）ASIN",
        "タイトル",
        "セッション数 - 合計",
        "ページビュー数 - 合計",
        "おすすめ出品の獲得率",
        "注文された商品点数",
        "注文商品の売上額",
    ),
    "JP, older": (
        "日付",
        "(親)ASIN",
        "(子)ASIN",
        "商品名",
        "セッション - 合計",
        "ページビュー - 合計",
        "カートボックス獲得率",
        "注文された商品点数",
        "注文商品売上",
    ),
    "PT": (
        "Data",
        "ASIN (parent)",
        "ASIN (child)",
        "Título",
        "Sessões - Total",
        "Visualizações da página - Total",
        "Porcentagem de Ofertas em destaque",
        "Unidades pedidas",
        "Vendas de produtos pedidos",
    ),
}
#: Columns for parts of a measure, of which no figure is read, with what the cells of a row hold.
_PARTS = (
    (" - B2B", "9,111"),
    (" - Browser", "9,112"),
    (" - Mobile App", "9,113"),
    (" – Mobile APP – B2B", "9,114"),
)
_DATE, _PARENT, _CHILD, _TITLE = range(4)


def business_csv(header: Sequence[str], *rows: Sequence[str], separator: str = ",") -> bytes:
    """Return a file as Seller Central makes it: quoted, UTF-8 with a byte order mark."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([header, *rows])
    return text.getvalue().encode("utf-8-sig")


def by_date(
    *days: tuple[str, str, str, str, str, str], language: str = "EN", separator: str = ","
) -> bytes:
    """Return a file by date.

    Each of `days`: date, sessions, page views, share, units, sales.
    """
    names = NAMES[language]
    measures = [name.removesuffix(" - Total") for name in names[4:]]
    header = [names[_DATE], *names[4:], *(f"{measures[0]}{part}" for part, _ in _PARTS)]
    cells = [cell for _, cell in _PARTS]
    return business_csv(header, *([*day, *cells] for day in days), separator=separator)


def by_child(
    *products: tuple[str, str, str, str, str, str, str, str],
    language: str = "EN",
    sku: bool = False,
) -> bytes:
    """Return a file by child ASIN, or by SKU.

    Each of `products`: parent, child, title (or SKU), sessions, page views, share, units, sales.
    """
    names = NAMES[language]
    what = "SKU" if sku else names[_TITLE]
    return business_csv([*names[_PARENT:_TITLE], what, *names[4:]], *products)
