"""Read a transaction report once, to learn what its rows need.

How it writes amounts, its currency, and which stores its settlements are of.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice

from theseller.amazon.charge_type_by_label import fold
from theseller.amazon.reports import cell_parsers
from theseller.amazon.reports.errors import BadCellError, ReportRefusedError
from theseller.amazon.reports.flat_file_header import Header
from theseller.amazon.reports.report_text_reader import OpenReport
from theseller.amazon.reports.settlement_amount_parsing import AmountNotation, read_amount
from theseller.amazon.reports.transaction_report_columns import AGAIN, separator_of
from theseller.lib.marketplaces import MARKETPLACES, Marketplace, by_sales_channel
from theseller.lib.money import minor_unit_digits
from theseller.lib.translation_marks import gettext_noop, marked

_CODES = frozenset(store.currency for store in MARKETPLACES.values())
#: How the definitions above the columns name a currency in words.
_WORDS = {
    fold(word): code
    for code, words in {
        "EUR": "Euro euros",
        "JPY": "yen",
        "GBP": "Pfund sterling",
        "SEK": "kronor",
        "PLN": "złotych",
        "USD": "dollars",
    }.items()
    for word in words.split()
}
_LETTERS = re.compile(r"[^\W\d_]+")
#: Rows that are tried, where amounts have two readings.
_MOST_UNSURE = 200


def rows_of(report: OpenReport, header: Header) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the header with the number of their first line.

    Blank lines are left out. A cell in quotes may hold line ends.

    Raises:
        ReportRefusedError: quotes are wrong.
    """
    lines = report.lines()
    head = list(islice(lines, header.line))
    reader = csv.reader(
        (f"{line}\n" for line in lines), delimiter=separator_of(head[-1]), strict=True
    )
    number = header.line + 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield number, cells
            number = header.line + reader.line_num + 1
    except csv.Error:
        failed = True
    else:
        failed = False
    if failed:  # Outside of the handler: the reader's own error may quote the file.
        raise ReportRefusedError(gettext_noop("the quotes of a row are wrong"), AGAIN, line=number)


class Survey:
    """What the whole file says.

    `notation`: how it writes amounts. `only_store`: the store that it names, if it is one only.
    """

    def __init__(self, header: Header, columns: Sequence[str], report: OpenReport) -> None:
        self._header = header
        self._places = [header.positions[column] for column in columns]
        self._total = header.positions["total"]
        self._stores: dict[str, set[str]] = defaultdict(set)
        self._stated = _stated_currency(list(islice(report.lines(), header.line - 1)))
        seen: set[str] = set()
        unsure: list[list[str]] = []
        for _, cells in rows_of(report, header):
            if len(cells) != header.width:
                continue
            self._see_store(cells)
            self._see_amounts(cells, seen, unsure)
        stores = set().union(*self._stores.values())
        self.only_store = MARKETPLACES[min(stores)] if len(stores) == 1 else None
        self.notation = self._decide(seen, unsure)

    def _see_store(self, cells: list[str]) -> None:
        place = self._header.positions.get("marketplace")
        name = "" if place is None else cell_parsers.bare(cells[place])
        store = by_sales_channel("Amazon.co.jp" if name.casefold() == "amazon.jp" else name)
        settlement = cell_parsers.bare(cells[self._header.positions["settlement-id"]])
        if store is not None:
            self._stores[settlement].add(store.id)

    def _see_amounts(self, cells: list[str], seen: set[str], unsure: list[list[str]]) -> None:
        doubtful = False
        texts = [cell_parsers.bare(cells[place]) for place in (*self._places, self._total)]
        for text in filter(None, texts):
            try:
                reading = read_amount(text)
            except BadCellError:
                continue
            seen |= {reading.proves} - {""}
            doubtful = doubtful or bool(reading.unsure)
        if doubtful and len(unsure) < _MOST_UNSURE:
            unsure.append(texts)

    def _decide(self, seen: set[str], unsure: list[list[str]]) -> AmountNotation:
        """Return how amounts with two readings are meant.

        As other amounts of the file are; else as the rows add up.
        """
        digits = self._digits()
        if len(seen) == 1 or not unsure or digits == 0:
            return AmountNotation(frozenset(seen), digits, frozenset(seen))
        fits = [
            sign
            for sign in (",", ".")
            if all(_adds_up(texts, AmountNotation(frozenset({sign}), digits)) for texts in unsure)
        ]
        if len(fits) == 1:
            return AmountNotation(frozenset(fits), digits, frozenset(seen) or frozenset(fits))
        raise ReportRefusedError(
            gettext_noop("the amounts don't tell whether a comma or a point begins the decimals"),
            AGAIN,
        )

    def _digits(self) -> int:
        currencies = {
            MARKETPLACES[store].currency for found in self._stores.values() for store in found
        } or ({self._stated} if self._stated else set())
        return max((minor_unit_digits(code) for code in currencies), default=2)

    def store_of(self, settlement: str) -> Marketplace | None:
        """Return the only store that rows of a settlement, or all, name."""
        found = self._stores.get(settlement, set())
        return MARKETPLACES[min(found)] if len(found) == 1 else self.only_store

    def currency(self, number: int, store: Marketplace | None) -> str:
        """Return the currency of a row.

        Raises:
            ReportRefusedError: the definitions above the columns name another one than the store
                has, or there is none.
        """
        own = store.currency if store else self.only_store.currency if self.only_store else ""
        if own and self._stated and own != self._stated:
            raise ReportRefusedError(
                marked(
                    gettext_noop(
                        "this row is of a store with %(own)s, and the file says that its amounts"
                        " are in %(stated)s"
                    ),
                    own=own,
                    stated=self._stated,
                ),
                gettext_noop("Request the report for one store at a time."),
                line=number,
            )
        found = own or self._stated or self._common()
        if not found:
            raise ReportRefusedError(
                gettext_noop("nothing says the currency of this row"),
                gettext_noop("Request the report for one store at a time."),
                line=number,
            )
        return found

    def _common(self) -> str:
        currencies = {
            MARKETPLACES[store].currency for found in self._stores.values() for store in found
        }
        return currencies.pop() if len(currencies) == 1 else ""


def _adds_up(texts: list[str], notation: AmountNotation) -> bool:
    try:
        *parts, total = [notation.amount(text) if text else Decimal(0) for text in texts]
    except BadCellError:
        return True  # Such a row is refused by itself.
    return sum(parts, Decimal(0)) == total


def _stated_currency(preamble: Sequence[str]) -> str:
    """Return the currency that the lines above the columns name, if any."""
    for line in preamble[:4]:
        words = _LETTERS.findall(line)
        codes = {word for word in words if word in _CODES} | {
            _WORDS[fold(word)] for word in words if fold(word) in _WORDS
        }
        if "円" in line:
            codes.add("JPY")
        if len(codes) == 1:
            return codes.pop()
    return ""
