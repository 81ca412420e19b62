"""Read amounts and days as spreadsheets of any country write them.

The notation is decided once for all cells of a file. It counts as proven if it is the only one in
which every cell can be read, or if all that are left read the same values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

Value = TypeVar("Value", Decimal, date)
#: What a reading makes of a text; None if it can't be read so.
Reading = Callable[[str], Value | None]

_POINT = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+")
_COMMA = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]+)?|,[0-9]+")
_SLASHED = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_DOTTED = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Signs of currencies, and the currencies that each may mean. Several countries write a plain
#: dollar sign.
_SIGNS = {
    "$": {"USD", "CAD", "MXN", "AUD", "SGD"}, "US$": {"USD"}, "CA$": {"CAD"}, "C$": {"CAD"},
    "MX$": {"MXN"}, "R$": {"BRL"}, "AU$": {"AUD"}, "A$": {"AUD"}, "SG$": {"SGD"}, "S$": {"SGD"},
    "€": {"EUR"}, "£": {"GBP"}, "¥": {"JPY"}, "₹": {"INR"}, "₺": {"TRY"}, "kr": {"SEK"},
    "zł": {"PLN"},
}  # fmt: skip
#: A sign or a code of a currency on either side of an amount.
_SIGN = r"([A-Za-z]{3}|[A-Z]{0,2}\$|[€£¥₹₺]|kr|zł)?"
_AROUND = re.compile(rf"{_SIGN}\s*(.*?)\s*{_SIGN}")
_BLANKS = str.maketrans("", "", " \u00a0\u202f\u2009'\u2019")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Cells that decide that no notation fits, or that several do.

    Attributes:
        keys: which cells (line numbers), a few of them. If no single one is wrong, two that
            contradict each other, or those that can be read in several ways.
        reason: ``wrong``, ``contradicting`` or ``ambiguous``.
    """

    keys: tuple[int, ...]
    reason: str


def read_amounts(cells: Mapping[int, str]) -> dict[int, Decimal] | Unreadable:
    """Read the amounts of a file, all with points or all with commas.

    A currency beside an amount is left out: `names_other_currency` says whether it is the right
    one.

    Args:
        cells: texts by line number, none of them blank.
    """
    plain = {key: _without_currency(text) for key, text in cells.items()}
    return _read(plain, (_with_point, _with_comma))


def names_other_currency(text: str, currency: str) -> bool:
    """Return whether the currency beside an amount is not `currency`."""
    found = _AROUND.fullmatch(text.strip())
    signs = (found[1], found[3]) if found else ()
    return any(sign and currency not in _SIGNS.get(sign, {sign.upper()}) for sign in signs)


def write_amount(amount: Decimal) -> str:
    """Return an amount with two decimals, or with four.

    Three decimals could be a thousand.
    """
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount:.4f}"


def read_days(cells: Mapping[int, str]) -> dict[int, date] | Unreadable:
    """Read the days of a file: ISO days, ``31.12.2026``, or days with slashes.

    Whether the day or the month comes first between slashes is decided for the whole file.

    Args:
        cells: texts by line number, none of them blank.
    """
    return _read(dict(cells), (_day_first, _month_first))


def _read(
    cells: dict[int, str], readings: Sequence[Reading[Value]]
) -> dict[int, Value] | Unreadable:
    values = [
        {key: value for key, text in cells.items() if (value := reading(text)) is not None}
        for reading in readings
    ]
    wrong = [key for key in cells if all(key not in found for found in values)]
    if wrong:
        return Unreadable(tuple(wrong), "wrong")
    fitting = [found for found in values if len(found) == len(cells)]
    if not fitting:
        return Unreadable(_first_of_each(cells, values), "contradicting")
    differing = [key for key in cells if len({found[key] for found in fitting}) > 1]
    return Unreadable(tuple(differing), "ambiguous") if differing else fitting[0]


def _first_of_each(cells: Iterable[int], values: Sequence[Mapping[int, object]]) -> tuple[int, ...]:
    """Return for each reading the first cell that it can't read."""
    return tuple(sorted({next(key for key in cells if key not in found) for found in values}))


def _without_currency(text: str) -> str:
    found = _AROUND.fullmatch(text.strip())
    return (found[2] if found else text).translate(_BLANKS)


def _with_point(text: str) -> Decimal | None:
    return Decimal(text.replace(",", "")) if _POINT.fullmatch(text) else None


def _with_comma(text: str) -> Decimal | None:
    if not _COMMA.fullmatch(text):
        return None
    return Decimal(text.replace(".", "").replace(",", "."))


def _day_first(text: str) -> date | None:
    found = _SLASHED.fullmatch(text)
    return _day(found[3], found[2], found[1]) if found else _either(text)


def _month_first(text: str) -> date | None:
    found = _SLASHED.fullmatch(text)
    return _day(found[3], found[1], found[2]) if found else _either(text)


def _either(text: str) -> date | None:
    if _ISO.fullmatch(text):
        return _day(*text.split("-"))
    found = _DOTTED.fullmatch(text)
    return _day(found[3], found[2], found[1]) if found else None


def _day(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
