"""Files of Amazon's that are not read, recognized in every language that Seller Central has, and what to download instead.

A file is recognized by its header line, which may stand below a preamble: Amazon puts up to ten
lines of definitions above the columns of payment reports. Only the words listed here are compared,
so that nothing of the file is repeated. Column names are compared in lower case, without quotes,
and with one kind of hyphen: Amazon prints hyphens and en dashes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from theseller.amazon.reports.errors import ReportRefusedError

#: Lines in which a header is looked for, and cells of a line that are compared.
_LINES = 40
_CELLS = 200
_SPACE = re.compile(r"[\s_]+")
_DASHES = {
    ord(sign): "-" for sign in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
}
_ORDERS = "Reports > Fulfillment > All Orders (or Orders > Order Reports > All Orders) as Text"
_STATEMENTS = "Payments > Reports Repository (or All Statements) > Flat File V2"
_ORDERS_ADVICE = f"Download {_ORDERS} instead."
_PAYMENTS_ADVICE = f"Its amounts are in the settlements: download {_STATEMENTS} instead."

#: "Date/time" at the head of the columns of a transaction report.
_DATE_TIME = re.compile(
    r"(?:date ?/ ?time|date ?/ ?heure|date et heure|datum ?/ ?uhrzeit|datum und uhrzeit|fecha ?(?:y|/) ?hora|data ?(?:/|e) ?ora|datum ?(?:/|en) ?tijd"
    r"|datum ?(?:/|och) ?tid|data ?(?:/|i) ?(?:godzina|czas)|tarih ?(?:/|ve) ?saat|data ?(?:/|e) ?hora|日付 ?/? ?(?:時間|時刻)|日期 ?/ ?(?:时间|時間)"
    r"|fecha hora|fecha ?- ?hora|dato ?/ ?(?:tid|klokkeslæt)|日時|날짜 ?/ ?시간|ngày ?/ ?giờ|التاريخ ?/ ?الوقت) ?:?"
)
_SETTLEMENT_ID = re.compile(
    r"settlement id|abrechnungsnummer|num[ée]ro de (?:versement|r[èe]glement)|identificador de pago|id\.? de liquidaci[óo]n|numero (?:di )?pagamento"
    r"|schikkings-?id|uitbetalings-?id|regler(?:ings|ing)-?(?:id|nummer)|utbetalnings-?id|(?:identyfikator|id|numer) rozliczenia|(?:[öo]deme|mutabakat|uzla[şs]ma|hesap kapatma)"
    r"|決済番号|id (?:de|da) liquida[çc][ãa]o|identifica[çc][ãa]o (?:de|do) pagamento|结算编号"
)
_SESSIONS = re.compile(
    r"\bsessions?\b|sitzungen|sesiones|sessioni\b|sessies|sessioner|sesj[ei]|oturum|セッション|sess[õo]es"
    r"|page views|seitenaufrufe|pages? vues|vues? de (?:la )?page|visitas a la p[áa]gina|visualizzazioni (?:di )?pagin|paginaweergaven|sidvisningar|wy[śs]wietle[ńn] stron"
    r"|wy[śs]wietlenia stron|sayfa g[öo]r[üu]nt[üu]leme|ページビュー|visualiza[çc][õo]es d[ea] p[áa]gina"
)
_ORDERED_SALES = re.compile(
    r"ordered product sales|durch bestellte produkte erzielter umsatz|bestellte produktums|ventes (?:de|des) produits command|ventas de productos pedidos"
    r"|vendite (?:di )?prodott[io] ordinat|bestelde productverkopen|verkoop van bestelde producten|f[öo]rs[äa]ljning av best[äa]llda|best[äa]lld produktf[öo]rs"
    r"|sprzeda[żz] zam[óo]wionych produkt|sipari[şs] edilen [üu]r[üu]n sat|注文商品(?:の)?売上|vendas de produtos (?:pedidos|encomendados)"
    r"|units ordered|bestellte einheiten|unit[ée]s command[ée]es|unidades pedidas|unit[àa] ordinate|bestelde eenheden|best[äa]llda enheter|zam[óo]wione (?:jednostki|sztuki)"
    r"|sipari[şs] edilen (?:birim|adet)|注文された商品点数|注文商品数"
)
_DAY = frozenset(["date", "datum", "fecha", "data", "tarih", "日付", "día", "dia"])
_CAMPAIGN = re.compile(
    r"^(?:campaign name|kampagnenname|kampagne|nom de (?:la )?campagne|nombre de (?:la )?campa[ñn]a|nome (?:della )?campagna|campagnenaam|kampanj(?:ens )?namn"
    r"|nazwa kampanii|kampanya ad[ıi]|キャンペーン名|キャンペーンの名前|nome d[ae] campanha)$"
)
_CLICKS = re.compile(
    r"^(?:clicks|klicks|clics|clic|klikken|klik|klickar|klikni[ęe]cia|t[ıi]klama(?:lar)?|クリック数?|cliques|impressions|impressionen|impresiones|impressioni"
    r"|vertoningen|impressies|visningar|wy[śs]wietlenia|g[öo]sterim(?:ler)?|インプレッション数?|impress[õo]es)$"
)
_BALANCES = re.compile(
    r"^(?:settlement period|beginning balance|opening balance|closing balance|product charges|promo(?:tional)? rebates|amazon fees|deposit total"
    r"|account level reserve|total balance|transfer amount)$"
)
_STATEMENT = re.compile(r"^(?:total product charges|product details|transaction type)$")
#: Columns of the transaction view's file, which Amazon translates.
_TRANSACTION_TYPE = re.compile(
    r"^(?:transaction type|(?:art|typ) der transaktion|transaktions(?:art|typ)|type de (?:la )?transaction|tipo de (?:la )?(?:transacci[óo]n|transa[çc][ãa]o)"
    r"|tipo (?:di )?transazione|(?:type|soort) (?:van )?(?:de )?transactie|transactietype|typ av transaktion|(?:typ|rodzaj) transakcji|[İiı]̇?şlem t[üu]r[üu]"
    r"|トランザクションの種類|取引の種類|交易类型)$"
)
_AMAZON_FEES = re.compile(
    r"^(?:amazon fees|amazon-?geb[üu]hren|geb[üu]hren (?:von|an) amazon|frais (?:d.|de )?amazon|tarifas (?:de|da) amazon|taxas (?:de|da) amazon"
    r"|(?:commissioni|tariffe|costi) (?:di |d.)?amazon|amazon-?(?:kosten|vergoedingen|tarieven)|kosten (?:van )?amazon|amazon-?avgifter|op[łl]aty (?:na rzecz )?amazon"
    r"|amazon [üu]cret(?:i|leri)|amazon ?(?:の)?手数料|亚马逊费用)$"
)
#: Amazon's definitions above the columns of a transaction report name these in every language.
_PREAMBLE = ("amazon", "fba", "webstore")


@dataclass(frozen=True, slots=True)
class UnsupportedReport:
    """A file that sellers mistake for one of ours: how its columns give it away, what it is, what to do."""

    fits: Callable[[list[str], frozenset[str]], bool]
    name: str
    advice: str


def _with(*columns: str) -> Callable[[list[str], frozenset[str]], bool]:
    needed = frozenset(columns)
    return lambda _cells, names: needed <= names


def _any(pattern: re.Pattern[str], cells: Iterable[str]) -> bool:
    return any(pattern.search(cell) for cell in cells)


def _is_transactions(cells: list[str], names: frozenset[str]) -> bool:
    """Date and time first, then the settlement or the SKU, in at least four columns."""
    return (
        len(cells) >= 4
        and bool(_DATE_TIME.fullmatch(cells[0]))
        and ("sku" in names or _any(_SETTLEMENT_ID, cells))
    )


def _is_business(cells: list[str], names: frozenset[str]) -> bool:
    """Sessions or ordered product sales, of products (ASIN) or of days."""
    whose = cells[0] in _DAY or any("asin" in cell for cell in cells[:4])
    return (
        len(cells) >= 3
        and whose
        and (_any(_SESSIONS, cells) or _any(_ORDERED_SALES, cells))
        and "settlement-id" not in names
    )


def _is_advertising(cells: list[str], names: frozenset[str]) -> bool:
    return len(names) >= 4 and _any(_CAMPAIGN, cells) and _any(_CLICKS, cells)


def _is_statement(cells: list[str], names: frozenset[str]) -> bool:
    if len(cells) >= 5 and _any(_TRANSACTION_TYPE, cells) and _any(_AMAZON_FEES, cells):
        return True
    return (
        len(cells) >= 5
        and sum(bool(_STATEMENT.match(cell)) for cell in cells) >= 2
        and "order-id" in names
    )


def _is_active_inventory(cells: list[str], names: frozenset[str]) -> bool:
    return len(cells) <= 8 and {"sku", "asin", "price", "quantity"} <= names


def _is_summary(cells: list[str], names: frozenset[str]) -> bool:
    return sum(bool(_BALANCES.match(cell)) for cell in cells) >= 3 and "settlement-id" not in names


_TRANSACTION_REPORT = (
    "a payments transaction report (Monthly, Date Range or Unified Transaction CSV)"
)
UNSUPPORTED_REPORTS: tuple[UnsupportedReport, ...] = (
    UnsupportedReport(
        _with("settlement-id", "price-type", "price-amount"),
        "a settlement in the old flat file format (V1)",
        f"Download {_STATEMENTS} instead.",
    ),
    UnsupportedReport(_is_transactions, _TRANSACTION_REPORT, _PAYMENTS_ADVICE),
    UnsupportedReport(_is_statement, "a payments statement as CSV", _PAYMENTS_ADVICE),
    UnsupportedReport(_is_summary, "a payments summary", _PAYMENTS_ADVICE),
    UnsupportedReport(
        _is_business,
        "a Business Report as CSV",
        f"The sales in it are in All Orders: download {_ORDERS}. Sessions and page views are read from no file that Seller Central lets you download.",
    ),
    UnsupportedReport(
        _is_advertising,
        "an advertising report",
        "The cost of advertising is in the settlements, where Amazon deducts it: "
        f"download {_STATEMENTS} instead.",
    ),
    UnsupportedReport(
        _with("approval-date", "reimbursement-id"),
        "an FBA reimbursements report",
        f"The money of reimbursements is in the settlements: download {_STATEMENTS} instead.",
    ),
    UnsupportedReport(
        _with("return-date", "order-id", "detailed-disposition"),
        "an FBA customer returns report",
        f"The money of returns (refunds and fees) is in the settlements: download {_STATEMENTS} instead.",
    ),
    UnsupportedReport(
        _with("order-id", "return-request-date"),
        "a returns report of orders that you ship",
        f"The money of returns (refunds and fees) is in the settlements: download {_STATEMENTS} instead.",
    ),
    UnsupportedReport(
        _with("estimated-monthly-storage-fee"),
        "a storage fees report",
        f"The fees that Amazon charged are in the settlements: download {_STATEMENTS} instead.",
    ),
    UnsupportedReport(
        _with("estimated-fee-total"),
        "a fee preview report",
        f"The fees that Amazon charged are in the settlements: download {_STATEMENTS} instead.",
    ),
    UnsupportedReport(
        _with("unique-account-identifier", "activity-period"),
        "a VAT transactions report",
        f"Figures come from orders and settlements. {_ORDERS_ADVICE}",
    ),
    UnsupportedReport(
        _with("request-date", "order-id", "disposed-quantity"),
        "a removal orders report",
        f"Removal fees are in the settlements: download {_STATEMENTS} instead.",
    ),
    UnsupportedReport(
        _with("original-amazon-order-id", "replacement-amazon-order-id"),
        "a replacements report",
        f"Replacement orders are in All Orders. {_ORDERS_ADVICE}",
    ),
    UnsupportedReport(
        _with("amazon-order-id", "shipment-id", "buyer-email"),
        "an FBA shipments report, which holds buyers' addresses",
        _ORDERS_ADVICE,
    ),
    UnsupportedReport(
        _with("amazon-order-id", "shipment-item-id"), "an FBA shipments report", _ORDERS_ADVICE
    ),
    UnsupportedReport(
        _with("shipment-date", "fnsku", "fulfillment-center-id"),
        "an FBA shipment sales report",
        _ORDERS_ADVICE,
    ),
    UnsupportedReport(
        _with("order-id", "order-item-id", "recipient-name"),
        "a shipping report, which holds buyers' addresses",
        _ORDERS_ADVICE,
    ),
    UnsupportedReport(
        _with("order-id", "order-item-id", "buyer-email"),
        "an order report, which holds buyers' addresses",
        _ORDERS_ADVICE,
    ),
    UnsupportedReport(
        _with("item-name", "listing-id", "seller-sku"), "a listings report", _ORDERS_ADVICE
    ),
    UnsupportedReport(
        _is_active_inventory,
        "an inventory report",
        f"Stock is not read from files. For sales, d{_ORDERS_ADVICE[1:]}",
    ),
    *(
        UnsupportedReport(
            _with(*columns),
            "an inventory report",
            f"Stock is not read from files. For sales, d{_ORDERS_ADVICE[1:]}",
        )
        for columns in (
            ("sku", "fnsku", "afn-fulfillable-quantity"),
            ("snapshot-date", "sku", "fnsku"),
            ("fnsku", "msku", "disposition"),
            ("seller-sku", "fulfillment-channel-sku", "quantity-available"),
            ("fnsku", "total-units", "recommended-replenishment-qty"),
            ("sku", "fnsku", "reserved-qty"),
            ("primary-action", "fnsku", "stranded-reason"),
        )
    ),
)


def refuse_unsupported(lines: Iterable[str]) -> None:
    """Raise ReportRefusedError if a file that begins with `lines` is a report of Amazon's that is known but not read."""
    preamble = 0
    for number, line in zip(range(1, _LINES + 1), lines, strict=False):
        if len(line) > 1 << 15:
            continue
        if number == 1 and all(word in line.casefold() for word in _PREAMBLE):
            preamble = number
        for separator in ("\t", ",", ";"):
            cells = [_folded(cell) for cell in line.split(separator, _CELLS)]
            if len(cells) < 3:
                continue
            names = frozenset(_SPACE.sub("-", cell) for cell in cells) | frozenset(cells)
            for other in UNSUPPORTED_REPORTS:
                if other.fits(cells, names):
                    raise ReportRefusedError(
                        f"this is {other.name}, which is recognized but not read",
                        other.advice,
                        line=number,
                    )
    if preamble:  # The columns below have names in a language that is not listed here.
        name = f"this is {_TRANSACTION_REPORT}, which is recognized but not read"
        raise ReportRefusedError(name, _PAYMENTS_ADVICE, line=preamble)


def _folded(cell: str) -> str:
    text = (
        unicodedata.normalize("NFC", cell)
        .translate(_DASHES)
        .replace("\ufeff", "")
        .strip()
        .strip('"')
        .strip()
    )
    return _SPACE.sub(" ", text.casefold())
