"""Parse cells to values.

Every parser raises BadCellError with a reason that never repeats the cell. Order reports print one
fixed notation (``1234.56``, ISO 8601). Settlements follow the account's locale: see
`settlement_amount_parsing` for their amounts; the order of day and month is decided from the whole
file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from theseller.amazon.reports.errors import BadCellError, ReportRefusedError
from theseller.amazon.reports.settlement_amount_parsing import sure_amount
from theseller.lib.marketplaces import Marketplace, by_sales_channel
from theseller.lib.translation_marks import gettext_noop, marked

T = TypeVar("T")


#: A cell longer than this is not remembered by `Cached`.
_REMEMBERED_LENGTH = 120
_PROMOTIONS_MAX = 200


class Cached(dict[str, T], Generic[T]):
    """A parser with a cache, which is cleared when it is full.

    Cells repeat, and a lookup costs a tenth of a parse. A long cell is parsed each time, so that
    the cache is bounded by `size` short cells.
    """

    def __init__(self, parse: Callable[[str], T], size: int = 20_000) -> None:
        super().__init__()
        self._parse = parse
        self._size = size

    def __missing__(self, text: str) -> T:
        value = self._parse(text)
        if len(text) > _REMEMBERED_LENGTH:
            return value
        if len(self) >= self._size:
            self.clear()
        self[text] = value
        return value


_PLAIN_AMOUNT = re.compile(r"-?[0-9]{1,13}(?:\.[0-9]{1,2})?")
_FULL_WIDTH = {0xFF10 + digit: str(digit) for digit in range(10)}
_WHOLE = re.compile(r"-?[0-9]{1,9}(?:\.0{1,2})?")
_ASIN = re.compile(r"[A-Z0-9]{10}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9 _()/,.&'-]{0,79}")
#: Amazon's stores, its other stores (``Woot.com``), and sales outside of them (``Non-Amazon US``).
_CHANNEL = re.compile(
    r"(?:(?:www\.)?[a-z0-9][a-z0-9-]{0,40}(?:\.[a-z]{2,10}){1,3}|Amazon(?:[ ._-][a-z0-9"
    r" ._()-]{0,40})?|Non-Amazon[a-z0-9 ._-]{0,40}"
    r"|SI [a-z ]{0,30}Marketplace|Woot!?|Zappos|Shopbop|AbeBooks|)",
    re.IGNORECASE,
)
_PROMOTION = re.compile(r"[\w .:/()%+#&!$'*-]{1,200}")
_YEARS = range(1995, 2101)
#: Amazon's words, and those that spreadsheets in the languages of its stores put in their place.
_TRUE = (
    "true yes y 1 1.0 wahr ja vrai oui verdadero sí si vero sì verdadeiro sim waar sant prawda tak"
    " doğru evet 真 はい 是"
)
_FALSE = (
    "false no n 0 0.0 falsch nein faux non falso não nao onwaar nee falskt nej fałsz nie yanlış"
    " yanliş hayır hayir 偽 いいえ 假 否"
)
_FLAGS = {"": None} | dict.fromkeys(_TRUE.split(), True) | dict.fromkeys(_FALSE.split(), False)
#: How spreadsheets show a long number, whose last digits are lost.
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]{1,2}", re.IGNORECASE)
_WRAPPED = re.compile(r"=\"([^\"]*)\"")
_INVISIBLE = " \u00a0\u200b\u200e\u200f\u202a\u202c\u202d\u2066\u2069\ufeff"


def plain_amount(text: str, digits: int = 2) -> Decimal | None:
    """Return the amount of a cell; None for a blank one.

    Amazon leaves a price blank while it is unknown, and unknown is not zero. `digits` is how many
    decimals the currency has.

    Raises:
        BadCellError: it is not an amount.
    """
    if not text or text.isspace():
        return None
    return Decimal(text) if _PLAIN_AMOUNT.fullmatch(text) else sure_amount(text, digits)


def whole(text: str) -> int:
    """Return a whole number.

    Raises:
        BadCellError: it is not one.
    """
    if not _WHOLE.fullmatch(text) and not _WHOLE.fullmatch(
        text := text.strip().translate(_FULL_WIDTH)
    ):
        raise BadCellError(gettext_noop("not a whole number"))
    return int(text.partition(".")[0])


def instant(text: str) -> datetime:
    """Return an ISO 8601 time with an offset, aware, in UTC.

    Raises:
        BadCellError: it is not one.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        if (match := _MOMENT.fullmatch(text)) and match["year"] and match["zone"]:
            return DateNotation(None).moment(text)[0]
        raise BadCellError(
            gettext_noop("not a date and time such as 2026-03-01T10:00:00+00:00")
        ) from None
    if value.tzinfo is UTC and 1995 <= value.year <= 2100:  # The usual case, without another call.
        return value
    return _plausible(value)


def _plausible(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise BadCellError(gettext_noop("no time zone"))
    if value.year not in _YEARS:
        raise BadCellError(gettext_noop("not a year of Amazon's"))
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def bare(text: str) -> str:
    """Return a cell without what other programs put around it.

    Blanks, invisible marks and signs of "this is text".
    """
    text = text.strip(_INVISIBLE)
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1]
    return text.removeprefix("'").strip(_INVISIBLE)


def refuse_rounded(text: str) -> None:
    """Refuse a number that a spreadsheet has rounded.

    Such as ``3.02E+16``.

    Raises:
        BadCellError: it is one.
    """
    if _ROUNDED.fullmatch(text):
        raise BadCellError(
            gettext_noop("a number that a spreadsheet has rounded: its last digits are lost")
        )


def asin(text: str) -> str:
    """Return an ASIN in capitals; blank if the cell is.

    Raises:
        BadCellError: it is not an ASIN.
    """
    upper = text.upper() if text.isascii() else text
    if upper and not _ASIN.fullmatch(upper):
        raise BadCellError(gettext_noop("not an ASIN"))
    return upper


def currency(text: str) -> str:
    """Return a currency code in capitals; blank if the cell is.

    Raises:
        BadCellError: it is not one.
    """
    upper = text.strip().upper() if text.isascii() else text
    if upper and not _CURRENCY.fullmatch(upper):
        raise BadCellError(gettext_noop("not a currency code"))
    return upper


def words(text: str) -> str:
    """Return a status or channel of Amazon's.

    New ones are tolerated, so only the shape is checked.

    Raises:
        BadCellError: it has another shape.
    """
    if text and not _WORDS.fullmatch(text):
        raise BadCellError(gettext_noop("not a word of Amazon's"))
    return text


def flag(text: str) -> bool | None:
    """Return the truth value that a cell says; None if it is blank.

    Raises:
        BadCellError: it is neither true nor false.
    """
    folded = text.strip().casefold()
    if folded not in _FLAGS:
        raise BadCellError(gettext_noop("neither true nor false"))
    return _FLAGS[folded]


def sales_channel(text: str) -> tuple[str, Marketplace | None]:
    """Return the printed name of a sales channel and its store.

    None for sales outside Amazon (``Non-Amazon``) and for stores this version doesn't know.

    Raises:
        BadCellError: it is not a sales channel.
    """
    if not _CHANNEL.fullmatch(text):
        raise BadCellError(gettext_noop("not a sales channel"))
    return text, by_sales_channel(text)


def promotions(text: str) -> tuple[str, ...]:
    """Return the identifiers of promotions.

    Parts that look like nothing Amazon issues are left out.

    Raises:
        BadCellError: there are more than 200.
    """
    if text.count(",") > _PROMOTIONS_MAX:
        raise BadCellError(
            marked(
                gettext_noop("more than %(promotions_max)s promotions"),
                promotions_max=_PROMOTIONS_MAX,
            )
        )
    return tuple(
        part
        for part in (piece.strip() for piece in text.split(","))
        if part and _PROMOTION.fullmatch(part)
    )


class DateOrder(StrEnum):
    """How ``03/04/2026`` is meant."""

    DAY_FIRST = gettext_noop("day first")
    MONTH_FIRST = gettext_noop("month first")


@dataclass(frozen=True, slots=True)
class DateNotation:
    """How one settlement file writes dates.

    `date_order` is None while no date of the file needs it.
    """

    date_order: DateOrder | None

    def moment(self, text: str) -> tuple[datetime, bool]:
        """Return the time in UTC, and whether only a day was printed.

        Then it is noon UTC, which is that day in nearly every time zone.

        Raises:
            BadCellError: it is not a date of a known notation.
        """
        match = _MOMENT.fullmatch(text)
        if not match:
            raise BadCellError(gettext_noop("not a date of a notation we know"))
        year, month, day = self._day(match)
        try:
            if not match["hour"]:
                return _plausible(datetime(year, month, day, 12, tzinfo=UTC)), True
            clock = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
            return (
                _plausible(datetime(year, month, day, *clock, tzinfo=_zone(match["zone"]))),
                False,
            )
        except (ValueError, OverflowError) as error:
            raise BadCellError(
                str(error) if isinstance(error, BadCellError) else gettext_noop("no such date")
            ) from None

    def _day(self, match: re.Match[str]) -> tuple[int, int, int]:
        if match["year"]:
            return int(match["year"]), int(match["month"]), int(match["day"])
        first, second, year = int(match["first"]), int(match["second_part"]), int(match["last"])
        if match["separator"] == "." or self.date_order is DateOrder.DAY_FIRST:
            return year, second, first
        return year, first, second


_MOMENT = re.compile(
    r"(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"|(?P<first>\d{1,2})(?P<separator>[./-])(?P<second_part>\d{1,2})(?P=separator)(?P<last>\d{4}))"
    r"(?:[T ](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?"
    r" ?(?P<zone>[A-Z]{1,4}|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
#: Abbreviations that mean one zone only, unlike ``IST``, ``CST`` or ``BST``.
_ZONES = {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "PST": -8,
    "PDT": -7,
    "JST": 9,
    "CET": 1,
    "CEST": 2,
    "MEZ": 1,
    "MESZ": 2,
    "AEST": 10,
    "AEDT": 11,
}
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)


def _zone(name: str | None) -> timezone:
    if name is None:
        raise BadCellError(gettext_noop("no time zone"))
    if offset := _OFFSET.fullmatch(name):
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    if name not in _ZONES:
        raise BadCellError(gettext_noop("a time zone we don't know"))
    return UTC if not _ZONES[name] else timezone(timedelta(hours=_ZONES[name]))


_ADVICE = gettext_noop(
    "Download the report again from Seller Central as Flat File V2 and don't open it in a"
    " spreadsheet; with Seller Central set to English, dates are written year first."
)


class DateEvidence:
    """Collects from a file's dates whether the day or the month is first.

    No date is kept.
    """

    def __init__(self) -> None:
        self._day_first = self._month_first = self._unsure = False

    def see_dates(self, dates: Iterable[str]) -> None:
        """Record dates of the file."""
        for text in dates:
            match = _MOMENT.fullmatch(text)
            if not match or match["year"] or match["separator"] == ".":
                continue  # Year first, or dotted, which is day first wherever it is used.
            if int(match["first"]) > 12:
                self._day_first = True
            elif int(match["second_part"]) > 12:
                self._month_first = True
            else:
                self._unsure = self._unsure or match["first"].zfill(2) != match[
                    "second_part"
                ].zfill(2)

    def decide(self) -> DateOrder | None:
        """Return the order; None if no date needs it.

        Raises:
            ReportRefusedError: the file contradicts itself or does not tell.
        """
        if self._day_first and self._month_first:
            raise ReportRefusedError(
                gettext_noop("some dates begin with the day and others with the month"), _ADVICE
            )
        if self._unsure and not self._day_first and not self._month_first:
            raise ReportRefusedError(
                gettext_noop("the dates don't tell whether the day or the month comes first"),
                _ADVICE,
            )
        return (
            DateOrder.DAY_FIRST
            if self._day_first
            else DateOrder.MONTH_FIRST
            if self._month_first
            else None
        )
