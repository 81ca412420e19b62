"""The columns of Business Reports (CSV), in Seller Central's languages.

A column is known by its whole name, never by a part of it: "Sessions - Total - B2B" is not
"Sessions - Total". Compared are lower case, one kind of dash, and one kind of brackets: Amazon's
own files differ in them from store to store. What follows a dash or a colon says which part of a
measure the column has: all of it, mobile app, browser, or business buyers (B2B).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from theseller.amazon.reports.errors import ReportRefusedError
from theseller.amazon.reports.flat_file_header import DroppedColumn
from theseller.amazon.reports.replayable_source import Limits
from theseller.amazon.reports.report_types_and_columns import UNKNOWN_COLUMN
from theseller.lib.translation_marks import gettext_noop, marked

_NOT_NEEDED = "not needed"
_BLANK = "\t ,;\x1a\ufeff"
_SEPARATORS = (",", ";", "\t")
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_SPACE = re.compile(r"\s+")
_PARTS = re.compile(r"\s+-\s*|\s*-\s+|\s*:\s*|-(?=(?:b2b|合計)(?:-|$))")

_PARENT = (
    r"parent|[üu]bergeordnete?s?|principale?|padre|pai|bovenliggende?|[öo]verordnad|nadrz[ęe]dny"
    r"|ana|[üu]st|親|父"
)
_CHILD = (
    r"child|enfant|untergeordnete?s?|secundario|secondario|secondaire|hijo|figlio|filho"
    r"|onderliggende?|underordnad|podrz[ęe]dny|alt|子"
)


class Column(StrEnum):
    """The columns that are read, as they are called in the inspection."""

    DATE = "date"
    PARENT = "parent ASIN"
    CHILD = "child ASIN"
    SKU = "SKU"
    SESSIONS = "sessions"
    PAGE_VIEWS = "page views"
    UNITS = "units ordered"
    SALES = "ordered product sales"
    FEATURED = "featured offer percentage"


#: The whole name of each column, in any language, without what follows a dash or a colon.
_NAMES = {
    Column.DATE: r"date|datum|fecha|data|tarih|日付|日期|d[íi]a",
    Column.PARENT: rf"\(?(?:{_PARENT})\)? ?asin|asin ?\(?(?:{_PARENT})\)?",
    Column.CHILD: rf"\(?(?:{_CHILD})\)? ?asin|asin ?\(?(?:{_CHILD})\)?",
    Column.SKU: r"(?:c[óo]digo |codice )?sku",
    Column.SESSIONS: (
        r"sessions|sitzungen|sesiones|sessioni|sessies|sessioner|sesje|oturum(?:lar| say[ıi]s[ıi])"
        r"|セッション数?|sess[õo]es|会话(?:次)?数?|买家访问次数"
    ),
    Column.PAGE_VIEWS: (
        r"page views|seitenaufrufe|pages? vues|vues? (?:de (?:la )?|des )?pages?"
        r"|consultations? de (?:la )?pages?|(?:vistas|visitas) (?:de|a) (?:la )?p[áa]ginas?"
        r"|p[áa]ginas vistas|visualizzazioni (?:di |della |delle )?pagin[ae]"
        r"|paginaweergaven|sidvisningar|wy[śs]wietle(?:nia|[ńn]) stron[y]?|ods[łl]ony(?: stron)?"
        r"|sayfa g[öo]r[üu]nt[üu]leme(?:ler|leri| say[ıi]s[ıi])?|ページビュー数?"
        r"|visualiza[çc][õo]es d[ea]s? p[áa]ginas?|页面浏览(?:量|次数)"
    ),
    Column.UNITS: (
        r"units ordered|bestellte einheiten|unit[ée]s command[ée]es"
        r"|unidades (?:pedidas|encargadas|ordenadas|encomendadas)|unit[àa] ordinate"
        r"|bestelde eenheden|best[äa]llda enheter|zam[óo]wione (?:jednostki|sztuki)"
        r"|sipari[şs] edilen (?:birim(?:ler)?|adet|[üu]r[üu]n(?:ler)?)(?: say[ıi]s[ıi])?"
        r"|注文された商品点数|注文商品(?:点)?数|已?订购(?:商品)?数量"
    ),
    Column.SALES: (
        r"ordered product sales|durch bestellte produkte erzielter umsatz"
        r"|ventes (?:de |des )?produits command[ée]s"
        r"|ventas de (?:los )?productos (?:pedidos|encargados|ordenados)"
        r"|vendite (?:di |dei )?prodotti ordinati"
        r"|verko(?:op|pen) van bestelde producten|bestelde productverkopen"
        r"|f[öo]rs[äa]ljning av best[äa]llda (?:produkter|varor)"
        r"|best[äa]lld produktf[öo]rs[äa]ljning"
        r"|sprzeda[żz] zam[óo]wionych produkt[óo]w"
        r"|sipari[şs] edilen [üu]r[üu]n sat[ıi][şs]lar[ıi]"
        r"|注文商品の?売上[額高]?|vendas de produtos (?:pedidos|encomendados)"
        r"|已订购商品的?销售额"
    ),
    Column.FEATURED: (
        r"featured offer(?: \(buy box\))? percentage|buy box percentage"
        r"|prozentanteil an featured offer(?: \(einkaufswagenfeld\))?"
        r"|prozentsatz f[üu]r das einkaufswagenfeld|einkaufswagenfeld-prozentsatz"
        r"|(?:pourcentage|porcentaje|percentuale|porcentagem|procent|percentage)"
        r" (?:\w{1,5}(?: |['\u2019]))?(?:\w{1,3}(?: |['\u2019]))?"
        r"(?:ofertas? destacadas?|ofertas? em destaque|offres? mises? en avant"
        r"|offert[ae] in (?:primo piano|evidenza)|uitgelichte aanbieding(?:en)?"
        r"|aanbevolen aanbieding(?:en)?|utvalt erbjudande|buy box)(?: \([^()]{1,40}\))?"
        r"|procent (?:polecanej|wyr[óo][żz]nionej) oferty(?: \([^()]{1,40}\))?"
        r"|[öo]ne [çc][ıi]kan teklif(?: \([^()]{1,40}\))? y[üu]zdesi"
        r"|カートボックス獲得率|おすすめ出品の獲得率"
    ),
}
_COLUMNS = {column: re.compile(names) for column, names in _NAMES.items()}
_TOTAL = re.compile(
    r"totals?|totale?|gesamt|insgesamt|summe|totaal|totalt|toplam|[łl][ąa]cznie|razem|og[óo][łl]em"
    r"|suma|合計|总计|合计"
)
#: The parts of a measure that are not read.
_PART = re.compile(
    r"b2b|.*\bapp\b.*|aplica.*|aplikac.*|applica.*|uygulama.*|mobil\w*|m[óo]vil"
    r"|モバイル.*|.*アプリ.*|移动.*"
    r"|browser|navigat\w+|navegador|webbl[äa]sare|przegl[ąa]darka|taray[ıi]c[ıi]|ブラウザー?|浏览器"
)
_OTHERS = re.compile(
    r"title|titel|titre|t[íi]tulo|titolo|tytu[łl]|ba[şs]l[ıi]k|タイトル|商品名|标题"
    r"|.*(?:percent|prozent|pourcentage|porcentaje|percentuale|porcentagem|procent|y[üu]zde).*"
    r"|.*(?:率|パーセンテージ|百分比)"
    r"|total order items|zahl der bestellposten|注文品目総数|total de itens do pedido"
    r"|average .*|durchschnitt.*|units refunded|refund rate|shipped product sales|units shipped"
    r"|orders shipped|.*feedback.*|claims .*"
)

_COLUMNS_ADVICE = gettext_noop(
    "Show all columns in Seller Central > Reports > Business Reports and download it again; a"
    " missing figure would count as zero. If its column names are in a language that this version"
    " doesn't know, set Seller Central to English before."
)
_MEASURES = (Column.SESSIONS, Column.PAGE_VIEWS, Column.UNITS, Column.SALES)


@dataclass(frozen=True, slots=True)
class Layout:
    """What the header of a Business Report says.

    `positions` counts cells from 0, `line` from 1; `dropped` are the columns that are not read.
    """

    separator: str
    width: int
    positions: dict[Column, int]
    dropped: tuple[DroppedColumn, ...]
    line: int

    @property
    def by_date(self) -> bool:
        """Whether its rows are days of the store; else they are products."""
        return Column.DATE in self.positions

    @property
    def kept(self) -> tuple[str, ...]:
        """The columns that are read, in the order of the file."""
        return tuple(
            str(column) for column in sorted(self.positions, key=self.positions.__getitem__)
        )


def recognize(lines: Sequence[str], limits: Limits) -> Layout | None:
    """Return the columns of a Business Report; None if it is another file.

    They are in the first of `lines` that is not blank.

    Raises:
        ReportRefusedError: it is one, but lacks a column that is needed or has it twice.
    """
    number, line = next(
        ((at, text) for at, text in enumerate(lines, 1) if text.strip(_BLANK)), (1, "")
    )
    if len(line) > limits.line:
        return None
    for separator in _SEPARATORS:
        cells = _cells(line, separator)
        if 3 <= len(cells) <= limits.columns and (layout := _layout(cells, separator, number)):
            return layout
    return None


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line.lstrip("\ufeff")], delimiter=separator, strict=True), [])
    except csv.Error:
        return []


def _layout(cells: list[str], separator: str, number: int) -> Layout | None:
    while len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    found = [_column(cell) for cell in cells]
    whole = [column if reason is None else None for column, reason in found]
    by_asin = Column.PARENT in whole or Column.CHILD in whole
    if not (by_asin or whole[0] is Column.DATE) or not any(
        column in _MEASURES for column, _ in found
    ):
        return None
    if by_asin and Column.DATE in whole:
        return None
    positions: dict[Column, int] = {}
    for place, column in enumerate(whole):
        if column is None:
            continue
        if column in positions:
            raise ReportRefusedError(
                gettext_noop("a column is twice in the first line"),
                gettext_noop("Download the report again and don't change it."),
                line=number,
            )
        positions[column] = place
    missing = [str(column) for column in _MEASURES if column not in positions]
    if missing:
        raise ReportRefusedError(
            marked(
                gettext_noop("this Business Report lacks the columns: %(columns)s"),
                columns=", ".join(missing),
            ),
            _COLUMNS_ADVICE,
            line=number,
        )
    dropped = tuple(
        DroppedColumn(_shown(column, place, cells[place - 1]), reason)
        for place, (column, reason) in enumerate(found, 1)
        if reason is not None
    )
    return Layout(separator, len(cells), positions, dropped, number)


def _column(cell: str) -> tuple[Column | None, str | None]:
    """Return the measure of a column, and why it is not read; None if it is."""
    base, *parts = [part for part in _PARTS.split(folded(cell)) if part] or [""]
    column = next((one for one, names in _COLUMNS.items() if names.fullmatch(base)), None)
    if any(_PART.fullmatch(part) for part in parts):
        return column, _NOT_NEEDED
    if not all(_TOTAL.fullmatch(part) for part in parts):
        return column, UNKNOWN_COLUMN
    if column is None:
        return None, _NOT_NEEDED if _OTHERS.fullmatch(base) else UNKNOWN_COLUMN
    return column, None


def _shown(column: Column | None, place: int, cell: str) -> str:
    """Return what a column that is not read is called.

    It is never a word of the file.
    """
    if column is None:
        return f"column {place}"
    part = "B2B" if folded(cell).endswith("b2b") else "part"
    return f"{column} ({part}, column {place})"


def folded(cell: str) -> str:
    """Return a column's name in lower case, with one kind of dash and blank."""
    text = unicodedata.normalize("NFKC", _DASHES.sub("-", cell))
    text = unicodedata.normalize("NFC", text.casefold().replace("\u0307", ""))
    return _SPACE.sub(" ", text).strip(" \"'\ufeff\u200b\u200e\u200f")
