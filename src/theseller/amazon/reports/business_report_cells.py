"""The cells of Business Reports: counts, shares, money and days.

Amazon groups the thousands of counts and writes money and days as the account's locale does, all in
one file. `Money` and `Days` collect what the cells of a file prove; a cell with two readings is
read only if other cells decide.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from theseller.amazon.reports.cell_parsers import bare
from theseller.amazon.reports.errors import BadCellError
from theseller.amazon.reports.settlement_amount_parsing import Reading, read_amount
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.translation_marks import gettext_noop

_INVISIBLE = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
#: A currency sign or code, with the points of an abbreviation (`kr.`).
_SIGN = re.compile(r"(?:[^\W\d_]\.?|[^\w\s.,'()+\-\u2019\u2212])+")
#: Cells that are remembered, to read equal ones once.
_SEEN_MAX = 20_000
_BLANK_CELL = gettext_noop("blank")
_UNSURE = gettext_noop("an amount whose separator may begin the decimals or group thousands")
#: What is printed where no page was viewed.
_NO_SHARE = frozenset(["-", "\u2013", "\u2014", "N/A"])
_DOLLARS = frozenset(["USD", "CAD", "MXN", "AUD", "SGD"])
_CURRENCIES: dict[str, frozenset[str]] = {
    **{store.currency.casefold(): frozenset([store.currency]) for store in MARKETPLACES.values()},
    "$": _DOLLARS,
    **{
        sign: frozenset([code])
        for code, signs in {
            "USD": "us$",
            "CAD": "ca$ c$ cdn$",
            "MXN": "mx$ mex$",
            "AUD": "a$ au$",
            "SGD": "s$ sg$",
            "BRL": "r$",
            "EUR": "€",
            "GBP": "£",
            "JPY": "¥ jp¥ 円 \\",
            "INR": "₹ rs",
            "PLN": "zł",
            "SEK": "kr",
            "TRY": "₺ tl",
            "ZAR": "r",
            "EGP": "e£ le جم",
            "SAR": "sr رس ریال ریال",
            "AED": "dh dhs دإ",
        }.items()
        for sign in signs.split()
    },
}


def _plain(text: str) -> str:
    """Return a cell with plain digits and blanks, without marks of direction."""
    text = bare(text)
    if text.isascii():
        return text.strip()
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).strip()


def count(text: str) -> int:
    """Return a whole number, whose thousands may be grouped.

    Raises:
        BadCellError: it is blank, or none.
    """
    plain = _plain(text)
    if not plain:
        raise BadCellError(_BLANK_CELL)
    value = read_amount(plain, 0).thousands
    if _SIGN.search(plain) or value != value.to_integral_value():
        raise BadCellError(gettext_noop("not a whole number"))
    return int(value)


def share(text: str) -> Decimal | None:
    """Return a percentage from 0 to 100; None, unknown, where there is none.

    Raises:
        BadCellError: it is no percentage.
    """
    plain = _plain(text)
    if not plain or plain in _NO_SHARE:
        return None
    reading = read_amount(plain.strip("% ")) if plain.count("%") == 1 else None
    if reading is None or reading.unsure or not 0 <= reading.decimals <= 100:
        raise BadCellError(gettext_noop("not a percentage such as 97.50%"))
    return reading.decimals


def split_currency(text: str) -> tuple[str, frozenset[str] | None]:
    """Return an amount's number, and the currencies its sign may mean.

    None: it has no sign.

    Raises:
        BadCellError: it is blank, or has a sign that is no currency's.
    """
    plain = _plain(text)
    if not plain:
        raise BadCellError(_BLANK_CELL)
    signs = _SIGN.findall(plain)
    if not signs:
        return plain, None
    found = _CURRENCIES.get(signs[0].casefold().replace(".", ""))
    if len(signs) > 1 or found is None:
        raise BadCellError(gettext_noop("not an amount of one of Amazon's currencies"))
    return _SIGN.sub("", plain).strip(), found


class Money:
    """What a file's amounts prove: its currency and decimal separator."""

    def __init__(self) -> None:
        self._currencies: frozenset[str] | None = None
        self._decimals: set[str] = set()
        self._seen: set[str] = set()
        self.contradict = False

    def see(self, text: str) -> None:
        """Record a cell; one that can't be read says nothing."""
        if text in self._seen:
            return
        if len(self._seen) < _SEEN_MAX:
            self._seen.add(text)
        try:
            number, currencies = split_currency(text)
            reading = read_amount(number)
        except BadCellError:
            return
        if reading.proves:
            self._decimals.add(reading.proves)
        if currencies is not None:
            known = self._currencies
            self._currencies = currencies if known is None else known & currencies
            self.contradict = self.contradict or not self._currencies

    @property
    def has_signs(self) -> bool:
        """Whether any amount has a currency sign."""
        return self._currencies is not None

    def currencies(self) -> frozenset[str]:
        """Return the currencies that the file may be in."""
        if self._currencies is None:
            return frozenset(store.currency for store in MARKETPLACES.values())
        return self._currencies

    def amount(self, text: str, digits: int) -> Decimal:
        """Return the amount of a cell, of a currency with `digits` decimals.

        Raises:
            BadCellError: it is none, or has two readings.
        """
        reading: Reading = read_amount(split_currency(text)[0], digits)
        if not reading.unsure:
            return reading.decimals
        if len(self._decimals) != 1:
            raise BadCellError(_UNSURE)
        return reading.decimals if reading.unsure in self._decimals else reading.thousands


class Order(StrEnum):
    """The order of a date's numbers."""

    YEAR_FIRST = gettext_noop("year first")
    DAY_FIRST = gettext_noop("day first")
    MONTH_FIRST = gettext_noop("month first")


_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{4}|\d{2})\.?", re.ASCII)
_IDEOGRAPHS = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日", re.ASCII)
_YEARS = range(1995, 2101)


def days_of(text: str) -> dict[Order, date]:
    """Return the day of a cell in each order that it can be read in."""
    plain = _plain(text).replace(". ", ".")
    if found := _IDEOGRAPHS.fullmatch(plain):
        numbers = (found[1], found[2], found[3])
        separator = "-"
    elif found := _DATE.fullmatch(plain):
        numbers, separator = (found[1], found[3], found[4]), found[2]
    else:
        return {}
    first, second, third = map(int, numbers)
    if len(numbers[0]) > 2:
        orders = {Order.YEAR_FIRST: (first, second, third)} if len(numbers[0]) == 4 else {}
    else:
        orders = {Order.DAY_FIRST: (third, second, first)}
        if separator != ".":  # Points stand after the day, wherever they are used.
            orders[Order.MONTH_FIRST] = (third, first, second)
            if len(numbers[0]) == len(numbers[2]) == 2:
                orders[Order.YEAR_FIRST] = (first, second, third)
    read = {order: _day(*parts) for order, parts in orders.items()}
    return {order: day for order, day in read.items() if day is not None}


def _day(year: int, month: int, day: int) -> date | None:
    year += 2000 if year < 100 else 0
    try:
        return date(year, month, day) if year in _YEARS else None
    except ValueError:
        return None


class Days:
    """The dates of a file by date: their notation, and whether they are days.

    In a report by day, each row is the day after another. Numbers in a wrong order are not, and
    neither are weeks and months, so the rows decide both.
    """

    def __init__(self) -> None:
        self._readings: dict[Order, set[date]] = {}
        self.rows = 0

    def see(self, found: dict[Order, date]) -> None:
        """Record the readings of one row's date."""
        if not self.rows:
            self._readings = {order: set() for order in found}
        self._readings = {
            order: days | {found[order]} for order, days in self._readings.items() if order in found
        }
        self.rows += 1

    @property
    def readable(self) -> bool:
        """Whether one order reads all dates."""
        return bool(self._readings)

    def orders(self, stated: tuple[date, date] | None) -> list[Order]:
        """Return the orders in which the rows are consecutive days.

        If days are `stated`, the rows must be these.

        Orders that mean the same days count once.
        """
        fitting: dict[tuple[date, ...], Order] = {}
        for order, days in self._readings.items():
            row = tuple(sorted(days))
            if all(later - earlier == timedelta(days=1) for earlier, later in pairwise(row)) and (
                stated is None or stated == (row[0], row[-1])
            ):
                fitting.setdefault(row, order)
        return list(fitting.values())
