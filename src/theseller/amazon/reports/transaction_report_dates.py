"""Read the dates of transaction reports, in each language.

``Nov 4, 2026 1:05:07 AM PST``, ``04.11.2026 09:05:07 UTC``, ``1 juil. 2026 08:31:35 UTC``,
``17 July 2026 4:26:32 pm GMT+9``, ``1 de jul. de 2026 23:36:22 GMT-7``, ``2026/11/04 10:05:07JST``.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from theseller.amazon.charge_type_by_label import fold
from theseller.amazon.reports.errors import BadCellError
from theseller.lib.translation_marks import gettext_noop

#: The twelve months of each language; Polish in both cases.
_MONTHS = (
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "januari februari mars april maj juni juli augusti september oktober november december",
    (
        "styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad"
        " grudzień"
    ),
    (
        "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada"
        " grudnia"
    ),
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "jan feb mrt apr mei jun jul aug sep okt nov dec",
    "jan feb mrz apr mai jun jul aug sep okt nov dez",
)


def _month_numbers() -> dict[str, int]:
    """Return the number of each month by its name and its beginnings.

    A beginning has three letters or more; one that two months share is left out.
    """
    found: dict[str, set[int]] = {}
    for months in _MONTHS:
        for number, name in enumerate(months.split(), 1):
            folded = fold(name)
            for length in range(3, len(folded) + 1):
                found.setdefault(folded[:length], set()).add(number)
    return {name: min(numbers) for name, numbers in found.items() if len(numbers) == 1}


MONTH_NUMBERS = _month_numbers()
_HOURS = {
    "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 1, "bst": 1, "cet": 1, "cest": 2, "mez": 1,
    "mesz": 2, "eet": 2, "eest": 3, "trt": 3, "sast": 2, "pst": -8, "pdt": -7, "mst": -7,
    "mdt": -6, "cst": -6, "cdt": -5, "est": -5, "edt": -4, "brt": -3, "jst": 9, "aest": 10,
    "aedt": 11, "awst": 8, "sgt": 8, "gst": 4,
}  # fmt: skip
_ZONES = {name: timezone(timedelta(hours=hours)) for name, hours in _HOURS.items()}
_ZONES["ist"] = timezone(timedelta(hours=5, minutes=30))
_DAY = re.compile(
    r"(?P<y1>\d{4})[-/.年](?P<m1>\d{1,2})[-/.月](?P<d1>\d{1,2})日?"
    r"|(?P<d2>\d{1,2})\.(?P<m2>\d{1,2})\.(?P<y2>\d{4})"
    r"|(?P<d3>\d{1,2})\.?\s*(?:de\s+)?(?P<m3>[^\W\d_]+)\.?,?\s*(?:de\s+)?(?P<y3>\d{4})"
    r"|(?P<m4>[^\W\d_]+)\.?\s*(?P<d4>\d{1,2}),?\s*(?P<y4>\d{4})"
)
_TIME = re.compile(
    r"[\s,T]*(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?"
    r"\s*(?P<half>[ap]\.?\s?m\.?|öö|ös)?\s*(?P<zone>.*)",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"(?:gmt|utc)?\s*(?P<sign>[+-])(?P<h>\d{1,2}):?(?P<m>\d{2})?", re.IGNORECASE)
_LATER = frozenset({"pm", "os"})
_NO_DATE = gettext_noop("not a date of a notation we know")


def moment(text: str) -> datetime:
    """Return the instant of a cell, in UTC.

    Raises:
        BadCellError: it is no date and time with a time zone.
    """
    found = moment_or_day(text)
    if not isinstance(found, datetime):
        raise BadCellError(gettext_noop("no time of day"))
    return found


def moment_or_day(text: str) -> datetime | date:
    """Return the instant of a cell in UTC, or its day if it names no time.

    Raises:
        BadCellError: it is no date, or has a time without a time zone.
    """
    text = unicodedata.normalize("NFC", text).replace("\u202f", " ").replace("\u00a0", " ").strip()
    match = _DAY.match(text)
    if match is None:
        raise BadCellError(_NO_DATE)
    day = _day(match)
    rest = text[match.end() :]
    if not rest:
        return day
    clock = _TIME.fullmatch(rest)
    if clock is None:
        raise BadCellError(_NO_DATE)
    hour = int(clock["hour"])
    if clock["half"]:
        if not 1 <= hour <= 12:
            raise BadCellError(gettext_noop("no such date"))
        hour = hour % 12 + (12 if fold(clock["half"]) in _LATER else 0)
    try:
        return datetime(
            day.year,
            day.month,
            day.day,
            hour,
            int(clock["minute"]),
            int(clock["second"] or 0),
            tzinfo=_zone(clock["zone"].strip()),
        ).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadCellError(
            error.args[0] if isinstance(error, BadCellError) else gettext_noop("no such date")
        ) from None


def _day(match: re.Match[str]) -> date:
    form = next(number for number in "1234" if match[f"y{number}"])
    month = match[f"m{form}"]
    number = int(month) if month.isdecimal() else MONTH_NUMBERS.get(fold(month), 0)
    year = int(match[f"y{form}"])
    try:
        day = date(year, number, int(match[f"d{form}"]))
    except ValueError:
        raise BadCellError(gettext_noop("no such date")) from None
    if not 1995 <= year <= 2100:
        raise BadCellError(gettext_noop("not a year of Amazon's"))
    return day


def _zone(text: str) -> tzinfo:
    known = _ZONES.get(text.casefold())
    if known is not None:
        return known
    offset = _OFFSET.fullmatch(text)
    if offset is None:
        raise BadCellError(
            gettext_noop("no time zone") if not text else gettext_noop("an unknown time zone")
        )
    distance = timedelta(hours=int(offset["h"]), minutes=int(offset["m"] or 0))
    return timezone(-distance if offset["sign"] == "-" else distance)
