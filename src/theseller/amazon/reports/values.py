"""Cells to values. Every parser raises BadCellError with a reason that never repeats the cell.

Order reports print one fixed notation (``1234.56``, ISO 8601). Settlements follow the account's locale, so their `Notation` is decided from
the whole file: "amounts are displayed in local currency formats (for example, 95,00 for EU instead of 95.00)" (SP-API, Settlement Reports).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from theseller.amazon.reports.errors import ReportRefusedError
from theseller.lib.marketplaces import Marketplace, by_sales_channel
from theseller.lib.money import minor_unit_digits, parse_amount

T = TypeVar("T")


#: A cell longer than this is not remembered by `Cached`.
_REMEMBERED_LENGTH = 120
_PROMOTIONS_MAX = 200


class BadCellError(ValueError):
    """A cell can't be read; the text is the reason, without the cell."""


class Cached(dict[str, T], Generic[T]):
    """A parser with a cache: cells repeat, and a lookup costs a tenth of a parse. Cleared when full.

    A long cell is parsed each time, so that what is remembered is bounded by `room` short cells.
    """

    def __init__(self, parse: Callable[[str], T], room: int = 20_000) -> None:
        super().__init__()
        self._parse = parse
        self._room = room

    def __missing__(self, text: str) -> T:
        value = self._parse(text)
        if len(text) > _REMEMBERED_LENGTH:
            return value
        if len(self) >= self._room:
            self.clear()
        self[text] = value
        return value


_PLAIN_AMOUNT = re.compile(r"-?[0-9]{1,13}(?:\.[0-9]{1,6})?")
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_ASIN = re.compile(r"[A-Z0-9]{10}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9 _()/,.&'-]{0,79}")
_CHANNEL = re.compile(r"(?:Amazon\.[a-z.]{2,10}|Non-Amazon[A-Za-z0-9 ._-]{0,40}|SI [A-Za-z ]{0,30}Marketplace|)", re.IGNORECASE)
_PROMOTION = re.compile(r"[\w .:/()%+#&!$'*-]{1,200}")
_YEARS = range(1995, 2101)


def plain_amount(text: str) -> Decimal | None:
    """``12.50`` → Decimal; blank → None: Amazon leaves a price blank while it is unknown, and unknown is not zero."""
    if not text:
        return None
    if not _PLAIN_AMOUNT.fullmatch(text):
        raise BadCellError("not an amount such as 1234.56")
    return Decimal(text)


def whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise BadCellError("not a whole number")
    return int(text)


def instant(text: str) -> datetime:
    """ISO 8601 with an offset → aware, in UTC."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise BadCellError("not a date and time such as 2026-03-01T10:00:00+00:00") from None
    if value.tzinfo is UTC and 1995 <= value.year <= 2100:  # The usual case, without another call.
        return value
    return _plausible(value)


def _plausible(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise BadCellError("no time zone")
    if value.year not in _YEARS:
        raise BadCellError("not a year of Amazon's")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def asin(text: str) -> str:
    if text and not _ASIN.fullmatch(text):
        raise BadCellError("not an ASIN")
    return text


def currency(text: str) -> str:
    if text and not _CURRENCY.fullmatch(text):
        raise BadCellError("not a currency code")
    return text


def words(text: str) -> str:
    """A status or channel of Amazon's. New ones are tolerated, so only the shape is checked."""
    if text and not _WORDS.fullmatch(text):
        raise BadCellError("not a word of Amazon's")
    return text


def flag(text: str) -> bool | None:
    folded = text.casefold()
    if folded not in {"", "true", "false"}:
        raise BadCellError("neither true nor false")
    return None if not folded else folded == "true"


def sales_channel(text: str) -> tuple[str, Marketplace | None]:
    """The printed name and its store; None for sales outside Amazon (``Non-Amazon``) and for stores this version doesn't know."""
    if not _CHANNEL.fullmatch(text):
        raise BadCellError("not a sales channel")
    return text, by_sales_channel(text)


def promotions(text: str) -> tuple[str, ...]:
    """The promotions' identifiers; parts that look like nothing Amazon issues are left out."""
    if text.count(",") > _PROMOTIONS_MAX:
        raise BadCellError(f"more than {_PROMOTIONS_MAX} promotions")
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part and _PROMOTION.fullmatch(part))


class DateOrder(StrEnum):
    """How ``03/04/2026`` is meant."""

    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"


@dataclass(frozen=True, slots=True)
class Notation:
    """How one settlement file writes numbers and dates. `date_order` is None while no date of the file needs it."""

    decimal_comma: bool
    date_order: DateOrder | None

    def amount(self, text: str) -> Decimal:
        cleaned = _cleaned(text)
        if not (_COMMA_AMOUNT if self.decimal_comma else _POINT_AMOUNT).fullmatch(cleaned):
            raise BadCellError("not an amount in this file's notation")
        return parse_amount(cleaned, decimal_comma=self.decimal_comma)

    def moment(self, text: str) -> tuple[datetime, bool]:
        """Return the instant in UTC, and whether only a day was printed: then noon UTC, which is that day in nearly every zone."""
        match = _MOMENT.fullmatch(text)
        if not match:
            raise BadCellError("not a date of a notation we know")
        year, month, day = self._day(match)
        try:
            if not match["hour"]:
                return _plausible(datetime(year, month, day, 12, tzinfo=UTC)), True
            clock = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
            return _plausible(datetime(year, month, day, *clock, tzinfo=_zone(match["zone"]))), False
        except (ValueError, OverflowError) as error:
            raise BadCellError(str(error) if isinstance(error, BadCellError) else "no such date") from None

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
    r"(?:[T ](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)? ?(?P<zone>[A-Z]{1,4}|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_ZONES = {"UTC": 0, "GMT": 0, "Z": 0, "PST": -8, "PDT": -7, "JST": 9}
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})", re.ASCII)


def _zone(name: str | None) -> timezone:
    if name is None:
        raise BadCellError("no time zone")
    if offset := _OFFSET.fullmatch(name):
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    if name not in _ZONES:
        raise BadCellError("a time zone we don't know")
    return UTC if not _ZONES[name] else timezone(timedelta(hours=_ZONES[name]))


_COMMA_AMOUNT = re.compile(r"-?(?:[0-9]{1,13}|[0-9]{1,3}(?:\.[0-9]{3}){1,4})(?:,[0-9]{1,6})?")
_POINT_AMOUNT = re.compile(r"-?(?:[0-9]{1,13}|[0-9]{1,3}(?:,[0-9]{3}){1,4})(?:\.[0-9]{1,6})?")
_EITHER_WAY = re.compile(r"-?[1-9][0-9]{0,2}[.,][0-9]{3}")
_ADVICE = (
    "Download the report again from Seller Central as Flat File V2 and don't open it in a spreadsheet; "
    "with Seller Central set to English, dates are written year first."
)


_LOCAL_MARKS = {0x00A0: None, 0x202F: None, 0x2009: None, 0x2019: None, 0x2212: "-"}


def _cleaned(text: str) -> str:
    """Undo what locales add around digits: spaces between thousands, a typographic minus."""
    text = text.strip().replace(" ", "")
    return text if text.isascii() else text.translate(_LOCAL_MARKS)


class NotationEvidence:
    """Gathers, from all amounts and dates of a file as they go by, how the file writes them. Keeps none of them."""

    def __init__(self) -> None:
        self._comma = self._point = self._either = False
        self._day_first = self._month_first = self._unsure = False

    def see_amounts(self, amounts: Iterable[str], currency_code: str) -> None:
        """Look at amounts of a file whose currency is `currency_code`; of the yen's it is known that they have no decimals."""
        for text in map(_cleaned, amounts):
            if "," not in text and "." not in text:
                continue
            if _EITHER_WAY.fullmatch(text):
                if minor_unit_digits(currency_code) == 0:  # The yen has no decimals, so these are thousands.
                    self._comma, self._point = self._comma or "." in text, self._point or "," in text
                else:
                    self._either = True
                continue
            with_comma, with_point = bool(_COMMA_AMOUNT.fullmatch(text)), bool(_POINT_AMOUNT.fullmatch(text))
            self._comma = self._comma or (with_comma and not with_point)
            self._point = self._point or (with_point and not with_comma)

    def see_dates(self, dates: Iterable[str]) -> None:
        """Look at dates of the file."""
        for text in dates:
            match = _MOMENT.fullmatch(text)
            if not match or match["year"] or match["separator"] == ".":
                continue  # Year first, or dotted, which is day first wherever it is used.
            if int(match["first"]) > 12:
                self._day_first = True
            elif int(match["second_part"]) > 12:
                self._month_first = True
            else:
                self._unsure = self._unsure or match["first"].zfill(2) != match["second_part"].zfill(2)

    def decide(self) -> Notation:
        """Return the notation. Raises ReportRefusedError when the file contradicts itself or does not tell."""
        return Notation(self._decimal_comma(), self._date_order())

    def _decimal_comma(self) -> bool:
        if self._comma and self._point:
            raise ReportRefusedError("some amounts have a decimal comma and others a decimal point", _ADVICE)
        if self._either and not self._comma and not self._point:
            raise ReportRefusedError("the amounts don't tell whether a comma or a point begins the decimals", _ADVICE)
        return self._comma

    def _date_order(self) -> DateOrder | None:
        if self._day_first and self._month_first:
            raise ReportRefusedError("some dates begin with the day and others with the month", _ADVICE)
        if self._unsure and not self._day_first and not self._month_first:
            raise ReportRefusedError("the dates don't tell whether the day or the month comes first", _ADVICE)
        return DateOrder.DAY_FIRST if self._day_first else DateOrder.MONTH_FIRST if self._month_first else None


def decide_notation(amounts: Iterable[str], dates: Iterable[str], currency_code: str) -> Notation:
    """Decide from all amounts and dates of the file at once. Raises ReportRefusedError when they contradict or don't tell."""
    evidence = NotationEvidence()
    evidence.see_amounts(amounts, currency_code)
    evidence.see_dates(dates)
    return evidence.decide()
