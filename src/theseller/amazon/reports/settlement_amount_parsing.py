"""Parse the amounts of settlement reports, in whatever local format.

Each cell is read by itself, and the file's total proves the reading. "Amounts are displayed in
local currency formats (for example, 95,00 for EU instead of 95.00)" (SP-API, Settlement Reports),
and a file may mix both. ``1.234,56``, ``12,5`` and ``1,00,000.00`` have one reading. Only one
separator with three digits after it, as in ``1,234``, has two readings: for such cells the rest of
the file decides, and the lines must add up to the payout.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import NamedTuple

from theseller.amazon.reports.errors import BadCellError, ReportRefusedError
from theseller.lib.money import minor_unit_digits
from theseller.lib.translation_marks import gettext_noop, marked

_AGAIN = gettext_noop(
    "Download the report again from Seller Central as Flat File V2, and don't open it in a"
    " spreadsheet before you import it."
)
#: What locales and keyboards put around digits: spaces between thousands, currency signs (in Shift
#: JIS a backslash is a yen sign), typographic and full-width characters.
_MARKS: dict[int, str] = (
    dict.fromkeys(map(ord, "\u00a0\u202f\u2009\u3000\u20ac$\u00a3\u00a5\uffe5\u20b9\u5186\\"), " ")
    | {
        0x2019: "'",
        0x2212: "-",
        0xFF0D: "-",
        0xFF0B: "+",
        0xFF0C: ",",
        0xFF0E: ".",
        0xFF08: "(",
        0xFF09: ")",
    }
    | {0xFF10 + digit: str(digit) for digit in range(10)}
)
_NOT_BETWEEN_DIGITS = re.compile(r" +(?![0-9])|(?<![0-9]) +")
_SPACED = re.compile(r"[+-]?[0-9]{1,3}([ '])[0-9]{3}(?:\1[0-9]{3}){0,3}(?:[.,][0-9]{1,6})?-?")
_ACCOUNTANT = re.compile(r"\(([0-9., ']+)\)")
_SHAPE = re.compile(r"(?P<sign>[+-]?)(?P<digits>[0-9.,]{1,40})(?P<after>-?)")
_THREE = r"[0-9]{1,3}(?:S[0-9]{3}){1,4}"
_LAKH = r"[0-9]{1,2}(?:S[0-9]{2}){1,5}S[0-9]{3}"
#: The usual case, without another call: no grouping, and not three decimals.
_PLAIN = re.compile(r"-?[0-9]{1,13}(?:\.[0-9]{1,2})?")
_GROUPED = {
    ",": re.compile(f"{_THREE}|{_LAKH}".replace("S", ",")),
    ".": re.compile(_THREE.replace("S", r"\.")),
}
_HEAD_OF_TWO = re.compile(r"[1-9][0-9]{0,2}")
_NOT_AN_AMOUNT = gettext_noop("not an amount such as 1234.56")


class Reading(NamedTuple):
    """The possible values of a cell.

    `decimals` and `thousands` are its value if its only separator begins the decimals or groups
    thousands; they are equal unless `unsure` names that separator. `proves` is the decimal
    separator that the cell shows by itself, blank if it shows none.
    """

    decimals: Decimal
    thousands: Decimal
    unsure: str = ""
    proves: str = ""


def read_amount(text: str, digits: int = 2) -> Reading:
    """Return the readings of one cell of a currency with `digits` decimals.

    Raises:
        BadCellError: it is not an amount.
    """
    if not _PLAIN.fullmatch(text):
        return _read_marked(text, digits)
    value = Decimal(text)
    return Reading(value, value, "", "." if "." in text else "")


def _read_marked(text: str, digits: int) -> Reading:
    """Return the readings of a cell with separators or other marks."""
    shape = _SHAPE.fullmatch(_without_marks(text))
    if not shape or (shape["sign"] and shape["after"]):
        raise BadCellError(_NOT_AN_AMOUNT)
    number = shape["digits"]
    sign = "-" if "-" in (shape["sign"], shape["after"]) else ""
    separators = {found for found in ",." if found in number}
    if not separators:
        return _sure(sign, number, "", "")
    decimal = max(separators, key=number.rfind)
    other = "," if decimal == "." else "."
    head, _, tail = number.rpartition(decimal)
    if len(separators) == 2:
        if head.count(decimal) or not _GROUPED[other].fullmatch(head):
            raise BadCellError(_NOT_AN_AMOUNT)
        return _sure(sign, head.replace(other, ""), tail, decimal)
    if decimal in head:  # More than once: it groups.
        if not _GROUPED[decimal].fullmatch(number):
            raise BadCellError(_NOT_AN_AMOUNT)
        return _sure(sign, number.replace(decimal, ""), "", other)
    if len(tail) == 3 and _HEAD_OF_TWO.fullmatch(head):
        if digits == 0:  # The yen has no decimals.
            return _sure(sign, head + tail, "", "")
        return Reading(Decimal(f"{sign}{head}.{tail}"), Decimal(f"{sign}{head}{tail}"), decimal)
    return _sure(sign, head, tail or "x", decimal)


def _without_marks(text: str) -> str:
    """Return `text` without currency signs and spaces between thousands.

    Raises:
        BadCellError: spaces are in other places.
    """
    text = _NOT_BETWEEN_DIGITS.sub("", text.translate(_MARKS))
    if negative := _ACCOUNTANT.fullmatch(text):  # (5.00), as accountants and Excel write -5.00
        text = f"-{negative[1]}"
    if (" " in text or "'" in text) and not _SPACED.fullmatch(text):
        raise BadCellError(_NOT_AN_AMOUNT)
    return text.replace(" ", "").replace("'", "")


def _sure(sign: str, whole: str, decimals: str, proves: str) -> Reading:
    if (
        len(whole) > 13
        or len(decimals) > 6
        or not (whole or "0").isdecimal()
        or not (decimals or "0").isdecimal()
    ):
        raise BadCellError(_NOT_AN_AMOUNT)
    value = (
        Decimal(f"{sign}{whole or '0'}.{decimals or '0'}")
        if decimals
        else Decimal(f"{sign}{whole or '0'}")
    )
    return Reading(value, value, "", proves)


def sure_amount(text: str, digits: int = 2) -> Decimal:
    """Return the amount of a cell of a report with decimal points.

    `digits` is how many decimals the currency has.

    Raises:
        BadCellError: it is not an amount, or a separator has two readings: ``1,980`` is 1980 in
            yen, and unknown in euros.
    """
    reading = read_amount(text, digits)
    if reading.unsure:
        raise BadCellError(
            gettext_noop("an amount whose separator may begin the decimals or group thousands")
        )
    if reading.proves == ",":
        raise BadCellError(
            gettext_noop(
                "an amount with a decimal comma, which Amazon doesn't print in this report"
            )
        )
    return reading.decimals


@dataclass(frozen=True, slots=True)
class AmountNotation:
    """How a file's cells with two readings are meant.

    `decimals_after` are the separators that begin decimals in them; `seen` are the decimal
    separators that other cells prove, for the inspection.
    """

    decimals_after: frozenset[str]
    digits: int = 2
    seen: frozenset[str] = frozenset()

    def amount(self, text: str) -> Decimal:
        """Return the value of a cell.

        Raises:
            BadCellError: it is not an amount.
        """
        reading = read_amount(text, self.digits)
        return reading.decimals if reading.unsure in self.decimals_after else reading.thousands

    @property
    def words(self) -> str:
        """The notation as text, for the inspection."""
        if "," not in self.seen:
            return gettext_noop("decimal point")
        if "." not in self.seen:
            return gettext_noop("decimal comma")
        return gettext_noop("decimal comma or point")


class AmountEvidence:
    """Adds up a file's amounts in each reading, and decides which is right."""

    def __init__(self) -> None:
        self._digits = 2
        self._seen: set[str] = set()
        self._sure = Decimal(0)
        self._unsure: dict[str, tuple[Decimal, Decimal, int]] = {}
        self._total: Reading | None = None
        self._readings: dict[str, Reading | None] = {}

    def see_total(self, text: str, currency: str) -> None:
        """Record the payout of the summary row and the file's currency.

        To be called first.
        """
        self._digits = minor_unit_digits(currency.strip().upper())
        self._total = self._read(text)

    def see(self, amounts: Iterable[str]) -> None:
        """Record the amounts of lines, each as often as the file has it."""
        for text, times in Counter(amounts).items():
            reading = self._read(text)
            if reading is None:
                continue
            if not reading.unsure:
                self._sure += reading.decimals * times
                continue
            decimals, thousands, count = self._unsure.get(
                reading.unsure, (Decimal(0), Decimal(0), 0)
            )
            self._unsure[reading.unsure] = (
                decimals + reading.decimals * times,
                thousands + reading.thousands * times,
                count + times,
            )

    def _read(self, text: str) -> Reading | None:
        if text not in self._readings:
            if len(self._readings) > 20_000:
                self._readings.clear()
            try:
                self._readings[text] = read_amount(text, self._digits)
            except BadCellError:
                self._readings[text] = None
        reading = self._readings[text]
        if reading is not None and reading.proves:
            self._seen.add(reading.proves)
        return reading

    def decide(self) -> AmountNotation:
        """Return how cells with two readings are meant.

        Raises:
            ReportRefusedError: neither other cells nor the total tell.
        """
        unsure = set(self._unsure) | (
            {self._total.unsure} if self._total and self._total.unsure else set()
        )
        usual = frozenset(self._seen) if len(self._seen) == 1 else None
        fits = {chosen for chosen in _choices(unsure) if self._fits(chosen)}
        if usual is not None and (usual & unsure in fits or len(fits) != 1):
            return self._notation(usual)
        if not unsure:
            return self._notation(frozenset())
        if len(fits) == 1:
            return self._notation(fits.pop())
        if self._seen:
            count = sum(entry[2] for entry in self._unsure.values())
            reason = marked(
                gettext_noop(
                    "some amounts have a decimal comma and others a decimal point, and the total"
                    " doesn't tell how %(count)s of them are meant"
                ),
                count=count,
            )
            raise ReportRefusedError(reason, _AGAIN)
        raise ReportRefusedError(
            gettext_noop("the amounts don't tell whether a comma or a point begins the decimals"),
            _AGAIN,
        )

    def _notation(self, decimals_after: frozenset[str]) -> AmountNotation:
        return AmountNotation(decimals_after, self._digits, frozenset(self._seen) or decimals_after)

    def _fits(self, decimals_after: frozenset[str]) -> bool:
        if self._total is None:
            return False
        chosen = [
            entry[0] if sign in decimals_after else entry[1] for sign, entry in self._unsure.items()
        ]
        total = (
            self._total.decimals if self._total.unsure in decimals_after else self._total.thousands
        )
        return self._sure + sum(chosen, Decimal(0)) == total


def _choices(unsure: set[str]) -> Iterable[frozenset[str]]:
    """Yield every set of the separators `unsure` that may begin decimals."""
    signs = sorted(unsure)
    for chosen in product((True, False), repeat=len(signs)):
        yield frozenset(sign for sign, decimal in zip(signs, chosen, strict=True) if decimal)
