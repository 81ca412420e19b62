"""Read a CSV file of unit costs: all of it, or what is wrong with it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from theseller.analytics.profit.types import (
    ALL_STORES,
    BEGINNING,
    CostChange,
    CostKey,
    CostRefusedError,
    ShopStores,
)
from theseller.analytics.profit.unit_cost_rules import (
    check_cost,
    check_day,
    check_written_currency,
    currency_for,
)
from theseller.analytics.profit.written_numbers import Unreadable, read_amounts, read_days
from theseller.lib.formula_injection import neutralize_formulas
from theseller.lib.marketplaces import MARKETPLACES, by_sales_channel
from theseller.lib.translation_marks import MarkedText, gettext_noop, marked

#: The most bytes and lines of a file. The service takes bodies of 256 KB.
FILE_BYTES_MAX, FILE_LINES_MAX = 200_000, 5_000
#: The columns of the file, in the order of the download.
SKU, PRODUCT, MARKETPLACE, CURRENCY, VALID_FROM, UNIT_COST = (
    "SKU",
    "Product",
    "Marketplace",
    "Currency",
    "Valid from",
    "Unit cost",
)
HEADER = (SKU, PRODUCT, MARKETPLACE, CURRENCY, VALID_FROM, UNIT_COST)
#: How the file names a cost of all stores.
ALL_STORES_NAME = "All"
_REQUIRED = (SKU, UNIT_COST)
_SEPARATORS = (",", ";", "\t")

_TOO_LARGE = gettext_noop(
    "The file is too large. A file may have 200 KB and 5,000 lines: divide it into several."
)
_NO_TEXT = gettext_noop(
    "This is no CSV file. In a spreadsheet, save it as “CSV UTF-8 (comma delimited)”."
)
_NO_HEADER = gettext_noop(
    "The first line must name the columns. “SKU” and “Unit cost” are required; download the file"
    " of this page as a template."
)
_TWICE = gettext_noop("The first line names the column “%(column)s” twice.")
_TOO_LONG = gettext_noop(
    "The line has more cells than the first line. An amount with a decimal comma must be in"
    " quotation marks where commas separate the cells."
)
_QUOTES = gettext_noop("From here on the file can't be read: quotation marks are not closed.")
_UNKNOWN_SKU = gettext_noop("There is no product with the SKU “%(sku)s” in this shop.")
_UNKNOWN_STORE = gettext_noop("“%(name)s” is no Amazon store. Write “All” or, say, “Amazon.de”.")
_SAME = gettext_noop("The same product, marketplace and day are in line %(line)d already.")
_AMOUNT = {
    "wrong": gettext_noop("“%(text)s” is no amount."),
    "contradicting": gettext_noop(
        "“%(text)s” contradicts other lines: the file has decimal points and decimal commas."
    ),
    "ambiguous": gettext_noop(
        "“%(text)s” may be a thousand or a decimal: no line of the file shows which. Write it with"
        " two decimals."
    ),
}
_DAY = {
    "wrong": gettext_noop("“%(text)s” is no day. Write it as 2026-12-31."),
    "contradicting": gettext_noop(
        "“%(text)s” contradicts other lines: in some the day comes first, in others the month."
        " Write days as 2026-12-31."
    ),
    "ambiguous": gettext_noop(
        "“%(text)s” may begin with the day or with the month: no line of the file shows which."
        " Write days as 2026-12-31."
    ),
}


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong in a line; line 0 is the file as a whole."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class CostFile:
    """What a file says: changes without `before`, or errors.

    `blank` lines have no cost.
    """

    changes: tuple[CostChange, ...] = ()
    blank: int = 0
    errors: tuple[LineError, ...] = ()


@dataclass(frozen=True, slots=True)
class CostFileContext:
    """What a file may name.

    Attributes:
        skus: the SKUs of the shop.
        stores: the stores of the shop.
        currency: the currency of a line that names neither a currency nor a marketplace.
        marketplace_id: the marketplace of a line without one; `ALL_STORES` is all.
    """

    skus: frozenset[str]
    stores: ShopStores
    currency: str
    marketplace_id: str


@dataclass(slots=True)
class _Lines:
    """The lines of a file with a cost, and what is wrong with others."""

    cells: dict[int, dict[str, str]] = field(default_factory=dict)
    blank: int = 0
    errors: list[LineError] = field(default_factory=list)

    def wrong(self, line: int, text: str) -> None:
        """Add an error."""
        self.errors.append(LineError(line, text))


def read_cost_file(content: bytes, context: CostFileContext) -> CostFile:
    """Read a file of unit costs; with an error in it there are no changes."""
    try:
        lines = _lines(_text(content))
    except CostRefusedError as refusal:
        return CostFile(errors=(LineError(0, refusal.args[0]),))
    amounts = _amounts(lines)
    days = _days(lines)
    changes: dict[CostKey, tuple[int, CostChange]] = {}
    for number, cells in lines.cells.items():
        try:
            key = _key(cells, days.get(number, BEGINNING), context)
            if number not in amounts:
                continue
            check_cost(amounts[number])
            check_written_currency(cells[UNIT_COST], key.currency)
        except CostRefusedError as refusal:
            lines.wrong(number, refusal.args[0])
            continue
        if key in changes:
            lines.wrong(number, marked(_SAME, line=changes[key][0]))
        changes.setdefault(key, (number, CostChange(key, amounts[number])))
    if lines.errors:
        errors = sorted(lines.errors, key=lambda one: one.line)
        return CostFile(blank=lines.blank, errors=tuple(errors))
    return CostFile(tuple(change for _, change in changes.values()), lines.blank)


def _text(content: bytes) -> str:
    if len(content) > FILE_BYTES_MAX:
        raise CostRefusedError(marked(_TOO_LARGE))
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("windows-1252", errors="replace")
    if "\x00" in text or not text.strip():
        raise CostRefusedError(marked(_NO_TEXT))
    return text


def _lines(text: str) -> _Lines:
    rows = list(io.StringIO(text, newline=""))
    skipped = 1 if rows[0].casefold().startswith("sep=") else 0
    header, separator = _header(rows[skipped] if len(rows) > skipped else "")
    found = _Lines()
    reader = csv.reader(rows[skipped + 1 :], delimiter=separator, strict=True)
    number = skipped + 2
    try:
        for row in reader:
            _add_line(found, number, header, row)
            number = reader.line_num + skipped + 2
            if number > FILE_LINES_MAX + 2:
                raise CostRefusedError(marked(_TOO_LARGE))
    except csv.Error:
        found.wrong(number, marked(_QUOTES))
    return found


def _header(line: str) -> tuple[list[str], str]:
    """Return the columns of the first line, and what separates the cells."""
    known = {name.casefold(): name for name in HEADER}
    for separator in _SEPARATORS:
        cells = next(csv.reader([line], delimiter=separator), [])
        names = [known.get(cell.strip().casefold(), "") for cell in cells]
        if all(name in names for name in _REQUIRED):
            twice = [name for name in names if name and names.count(name) > 1]
            if twice:
                raise CostRefusedError(marked(_TWICE, column=twice[0]))
            return names, separator
    raise CostRefusedError(marked(_NO_HEADER))


def _add_line(found: _Lines, number: int, header: list[str], row: list[str]) -> None:
    if not any(cell.strip() for cell in row):
        return
    if any(cell.strip() for cell in row[len(header) :]):
        found.wrong(number, marked(_TOO_LONG))
        return
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=False) if name}
    if cells.get(UNIT_COST):
        found.cells[number] = cells
    else:
        found.blank += 1


def _amounts(lines: _Lines) -> Mapping[int, Decimal]:
    cells = {number: one[UNIT_COST] for number, one in lines.cells.items()}
    found = read_amounts(cells)
    return _found(found, cells, _AMOUNT, lines) if isinstance(found, Unreadable) else found


def _days(lines: _Lines) -> Mapping[int, date]:
    cells = {number: one[VALID_FROM] for number, one in lines.cells.items() if one.get(VALID_FROM)}
    found = read_days(cells)
    if isinstance(found, Unreadable):
        _found(found, cells, _DAY, lines)
        return {}
    return found


def _found(
    found: Unreadable, cells: Mapping[int, str], texts: Mapping[str, str], lines: _Lines
) -> dict[int, Decimal]:
    for number in found.keys:
        lines.wrong(number, marked(texts[found.reason], text=cells[number]))
    return {}


def _key(cells: Mapping[str, str], day: date, context: CostFileContext) -> CostKey:
    """Return the period that a line names.

    Raises:
        CostRefusedError: it names something that the shop does not have.
    """
    sku = _sku(cells.get(SKU, ""), context.skus)
    named = cells.get(MARKETPLACE, "")
    marketplace = _marketplace(named) if named else context.marketplace_id
    currency = cells.get(CURRENCY, "").upper()
    if not currency and marketplace == ALL_STORES:
        currency = context.currency
    check_day(day)
    return CostKey(sku, marketplace, currency_for(marketplace, currency, context.stores), day)


def _sku(cell: str, skus: frozenset[str]) -> str:
    if cell in skus:
        return cell
    # The download puts an apostrophe before what a spreadsheet would run as a formula.
    for sku in skus if "'" in cell else ():
        if neutralize_formulas(sku) == cell:
            return sku
    raise CostRefusedError(marked(_UNKNOWN_SKU, sku=cell[:100]))


def _marketplace(name: str) -> str:
    if name.casefold() == ALL_STORES_NAME.casefold():
        return ALL_STORES
    store = by_sales_channel(name) or next(
        (one for one in MARKETPLACES.values() if one.code == name.upper()), None
    )
    if store is None:
        raise CostRefusedError(marked(_UNKNOWN_STORE, name=name[:100]))
    return store.id


def store_name(marketplace_id: str) -> str:
    """Return how the file names a marketplace."""
    store = MARKETPLACES.get(marketplace_id)
    return store.sales_channel if store else ALL_STORES_NAME


def error_texts(errors: Iterable[LineError]) -> Iterable[MarkedText | str]:
    """Return each error with its line."""
    for error in errors:
        yield (
            marked(gettext_noop("Line %(line)d: %(text)s"), line=error.line, text=error.text)
            if error.line
            else error.text
        )
