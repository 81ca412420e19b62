"""Recognize files of Amazon's that are not read.

In every language that Seller Central has; the refusal says what to download instead. A file is
recognized by its header line, which may be below a preamble: Amazon puts up to ten lines of
definitions above the columns of payment reports. Only the words listed here are compared, so that
nothing of the file is repeated. Column names are compared in lower case, without quotes, and with
one kind of hyphen: Amazon prints hyphens and en dashes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from theseller.amazon.reports.errors import ReportRefusedError
from theseller.lib.translation_marks import gettext_noop, marked

#: Lines that are searched for a header, and cells of a line that are compared.
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
    r"(?:"
    r"date ?/ ?time"
    r"|date ?/ ?heure"
    r"|date et heure"
    r"|datum ?/ ?uhrzeit"
    r"|datum und uhrzeit"
    r"|fecha ?(?:y|/) ?hora"
    r"|data ?(?:/|e) ?ora"
    r"|datum ?(?:/|en) ?tijd"
    r"|datum ?(?:/|och) ?tid"
    r"|data ?(?:/|i) ?(?:godzina|czas)"
    r"|tarih ?(?:/|ve) ?saat"
    r"|data ?(?:/|e) ?hora"
    r"|日付 ?/? ?(?:時間|時刻)"
    r"|日期 ?/ ?(?:时间|時間)"
    r"|fecha hora"
    r"|fecha ?- ?hora"
    r"|dato ?/ ?(?:tid|klokkeslæt)"
    r"|日時"
    r"|날짜 ?/ ?시간"
    r"|ngày ?/ ?giờ"
    r"|التاريخ ?/ ?الوقت"
    r") ?:?"
)
_SETTLEMENT_ID = re.compile(
    r"settlement id"
    r"|abrechnungsnummer"
    r"|num[ée]ro de (?:versement|r[èe]glement)"
    r"|identificador de pago"
    r"|id\.? de liquidaci[óo]n"
    r"|numero (?:di )?pagamento"
    r"|schikkings-?id"
    r"|uitbetalings-?id"
    r"|regler(?:ings|ing)-?(?:id|nummer)"
    r"|utbetalnings-?id"
    r"|(?:identyfikator|id|numer) rozliczenia"
    r"|(?:[öo]deme|mutabakat|uzla[şs]ma|hesap kapatma)"
    r"|決済番号"
    r"|id (?:de|da) liquida[çc][ãa]o"
    r"|identifica[çc][ãa]o (?:de|do) pagamento"
    r"|结算编号"
)
_SESSIONS = re.compile(
    r"\bsessions?\b"
    r"|sitzungen"
    r"|sesiones"
    r"|sessioni\b"
    r"|sessies"
    r"|sessioner"
    r"|sesj[ei]"
    r"|oturum"
    r"|セッション"
    r"|sess[õo]es"
    r"|page views"
    r"|seitenaufrufe"
    r"|pages? vues"
    r"|vues? de (?:la )?page"
    r"|visitas a la p[áa]gina"
    r"|visualizzazioni (?:di )?pagin"
    r"|paginaweergaven"
    r"|sidvisningar"
    r"|wy[śs]wietle[ńn] stron"
    r"|wy[śs]wietlenia stron"
    r"|sayfa g[öo]r[üu]nt[üu]leme"
    r"|ページビュー"
    r"|visualiza[çc][õo]es d[ea] p[áa]gina"
)
_ORDERED_SALES = re.compile(
    r"ordered product sales"
    r"|durch bestellte produkte erzielter umsatz"
    r"|bestellte produktums"
    r"|ventes (?:de|des) produits command"
    r"|ventas de productos pedidos"
    r"|vendite (?:di )?prodott[io] ordinat"
    r"|bestelde productverkopen"
    r"|verkoop van bestelde producten"
    r"|f[öo]rs[äa]ljning av best[äa]llda"
    r"|best[äa]lld produktf[öo]rs"
    r"|sprzeda[żz] zam[óo]wionych produkt"
    r"|sipari[şs] edilen [üu]r[üu]n sat"
    r"|注文商品(?:の)?売上"
    r"|vendas de produtos (?:pedidos|encomendados)"
    r"|units ordered"
    r"|bestellte einheiten"
    r"|unit[ée]s command[ée]es"
    r"|unidades pedidas"
    r"|unit[àa] ordinate"
    r"|bestelde eenheden"
    r"|best[äa]llda enheter"
    r"|zam[óo]wione (?:jednostki|sztuki)"
    r"|sipari[şs] edilen (?:birim|adet)"
    r"|注文された商品点数"
    r"|注文商品数"
)
_DAY = frozenset(["date", "datum", "fecha", "data", "tarih", "日付", "día", "dia"])
_CAMPAIGN = re.compile(
    r"^(?:"
    r"campaign name"
    r"|kampagnenname"
    r"|kampagne"
    r"|nom de (?:la )?campagne"
    r"|nombre de (?:la )?campa[ñn]a"
    r"|nome (?:della )?campagna"
    r"|campagnenaam"
    r"|kampanj(?:ens )?namn"
    r"|nazwa kampanii"
    r"|kampanya ad[ıi]"
    r"|キャンペーン名"
    r"|キャンペーンの名前"
    r"|nome d[ae] campanha"
    r")$"
)
_CLICKS = re.compile(
    r"^(?:"
    r"clicks"
    r"|klicks"
    r"|clics"
    r"|clic"
    r"|klikken"
    r"|klik"
    r"|klickar"
    r"|klikni[ęe]cia"
    r"|t[ıi]klama(?:lar)?"
    r"|クリック数?"
    r"|cliques"
    r"|impressions"
    r"|impressionen"
    r"|impresiones"
    r"|impressioni"
    r"|vertoningen"
    r"|impressies"
    r"|visningar"
    r"|wy[śs]wietlenia"
    r"|g[öo]sterim(?:ler)?"
    r"|インプレッション数?"
    r"|impress[õo]es"
    r")$"
)
_BALANCES = re.compile(
    r"^(?:"
    r"settlement period"
    r"|beginning balance"
    r"|opening balance"
    r"|closing balance"
    r"|product charges"
    r"|promo(?:tional)? rebates"
    r"|amazon fees"
    r"|deposit total"
    r"|account level reserve"
    r"|total balance"
    r"|transfer amount"
    r")$"
)
_STATEMENT = re.compile(r"^(?:total product charges|product details|transaction type)$")
#: Columns of the transaction view's file, which Amazon translates.
_TRANSACTION_TYPE = re.compile(
    r"^(?:"
    r"transaction type"
    r"|(?:art|typ) der transaktion"
    r"|transaktions(?:art|typ)"
    r"|type de (?:la )?transaction"
    r"|tipo de (?:la )?(?:transacci[óo]n|transa[çc][ãa]o)"
    r"|tipo (?:di )?transazione"
    r"|(?:type|soort) (?:van )?(?:de )?transactie"
    r"|transactietype"
    r"|typ av transaktion"
    r"|(?:typ|rodzaj) transakcji"
    r"|[İiı]̇?şlem t[üu]r[üu]"
    r"|トランザクションの種類"
    r"|取引の種類"
    r"|交易类型"
    r")$"
)
_AMAZON_FEES = re.compile(
    r"^(?:"
    r"amazon fees"
    r"|amazon-?geb[üu]hren"
    r"|geb[üu]hren (?:von|an) amazon"
    r"|frais (?:d.|de )?amazon"
    r"|tarifas (?:de|da) amazon"
    r"|taxas (?:de|da) amazon"
    r"|(?:commissioni|tariffe|costi) (?:di |d.)?amazon"
    r"|amazon-?(?:kosten|vergoedingen|tarieven)"
    r"|kosten (?:van )?amazon"
    r"|amazon-?avgifter"
    r"|op[łl]aty (?:na rzecz )?amazon"
    r"|amazon [üu]cret(?:i|leri)"
    r"|amazon ?(?:の)?手数料"
    r"|亚马逊费用"
    r")$"
)
#: Amazon's definitions above the columns of a transaction report name these in every language.
_PREAMBLE = ("amazon", "fba", "webstore")


@dataclass(frozen=True, slots=True)
class UnsupportedReport:
    """A file that sellers mistake for one of ours.

    `fits` recognizes its header line; `name` says what it is, `advice` what to do.
    """

    fits: Callable[[list[str], frozenset[str]], bool]
    name: str
    advice: str


def _with(*columns: str) -> Callable[[list[str], frozenset[str]], bool]:
    needed = frozenset(columns)
    return lambda _cells, names: needed <= names


def _any(pattern: re.Pattern[str], cells: Iterable[str]) -> bool:
    return any(pattern.search(cell) for cell in cells)


def _is_transactions(cells: list[str], names: frozenset[str]) -> bool:
    """Return whether this is the header of a transaction report.

    Date and time first, then the settlement or the SKU, in at least four columns.
    """
    return (
        len(cells) >= 4
        and bool(_DATE_TIME.fullmatch(cells[0]))
        and ("sku" in names or _any(_SETTLEMENT_ID, cells))
    )


def _is_business(cells: list[str], names: frozenset[str]) -> bool:
    """Return whether this is the header of a Business Report.

    Sessions or ordered product sales, of products (ASIN) or of days.
    """
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


_TRANSACTION_REPORT = "a payments transaction report (changed, or in an unknown language)"
_TRANSACTIONS_ADVICE = f"Request it again in English and don't open it; or see {_STATEMENTS}."
UNSUPPORTED_REPORTS: tuple[UnsupportedReport, ...] = (
    UnsupportedReport(
        _with("settlement-id", "price-type", "price-amount"),
        "a settlement in the old flat file format (V1)",
        f"Download {_STATEMENTS} instead.",
    ),
    UnsupportedReport(_is_transactions, _TRANSACTION_REPORT, _TRANSACTIONS_ADVICE),
    UnsupportedReport(_is_statement, "a payments statement as CSV", _PAYMENTS_ADVICE),
    UnsupportedReport(_is_summary, "a payments summary", _PAYMENTS_ADVICE),
    UnsupportedReport(
        _is_business,
        "a Business Report whose column names this version doesn't know",
        gettext_noop(
            "Set Seller Central to English, show all columns in Reports > Business Reports and"
            " download it again as CSV."
        ),
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
        _with("order-id", "return-request-date"),
        "a returns report of orders that you ship",
        "The money of returns (refunds and fees) is in the settlements:"
        f" download {_STATEMENTS} instead.",
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
    """Refuse a file of Amazon's that is known but not read.

    `lines` are its beginning.

    Raises:
        ReportRefusedError: it is one.
    """
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
                        marked(
                            gettext_noop("this is %(name)s, which is recognized but not read"),
                            name=other.name,
                        ),
                        other.advice,
                        line=number,
                    )
    if preamble:  # The columns below have names in a language that is not listed here.
        name = f"this is {_TRANSACTION_REPORT}, which is recognized but not read"
        raise ReportRefusedError(name, _TRANSACTIONS_ADVICE, line=preamble)


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
