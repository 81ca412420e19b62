"""Format days and instants; one format for every page of a language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.utils.dateformat import format as format_date
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class _DateStyle:
    """How one language writes days, in the codes of Django's `dateformat`."""

    day: str = "M j, Y"
    short_day: str = "M j"
    week_day: str = "D, M j, Y"


#: By the language without its country; English for all others.
_STYLES = {"de": _DateStyle("j. N Y", "j. N", "D, j. N Y")}
_ENGLISH = _DateStyle()


def _style() -> _DateStyle:
    return _STYLES.get((get_language() or "en").split("-", maxsplit=1)[0], _ENGLISH)


def day(value: date) -> str:
    """Format a day: ``Nov 23, 2026``, in German ``23. Nov. 2026``."""
    return format_date(value, _style().day)


def short_day(value: date) -> str:
    """Format a day without its year: ``Nov 23``."""
    return format_date(value, _style().short_day)


def week_day(value: date) -> str:
    """Format a day with its weekday: ``Mon, Nov 23, 2026``."""
    return format_date(value, _style().week_day)


def month_and_year(value: date) -> str:
    """Format the month of a day: ``Nov 2026``."""
    return format_date(value, "M Y")


def day_range(first: date, last: date) -> str:
    """Format the days from `first` to `last`: ``Oct 27 – Nov 23, 2026``."""
    if first == last:
        return day(first)
    return f"{short_day(first) if first.year == last.year else day(first)} \u2013 {day(last)}"


def month_name(value: date) -> str:
    """Format the month of a day: ``November 2026``."""
    return format_date(value, "F Y")


def exact_time(instant: datetime) -> str:
    """Format an aware instant with its zone: ``Nov 23, 2026, 14:05 UTC``."""
    local = instant if instant.utcoffset() is not None else instant.replace(tzinfo=UTC)
    return f"{day(local)}, {format_date(local, 'H:i')} {local.tzname()}"


def time_ago(instant: datetime, at: datetime) -> str:
    """Format the age of `instant` at `at`: ``14 min ago``, ``5 days ago``.

    From 14 days on it is the day itself.
    """
    seconds = int((at - instant).total_seconds())
    if seconds < 0:
        return _("just now") if seconds > -_MINUTE else exact_time(instant)
    if seconds < _MINUTE:
        return _("just now")
    if seconds < _HOUR:
        return _("%(minutes)d min ago") % {"minutes": seconds // _MINUTE}
    if seconds < _DAY:
        return _("%(hours)d h ago") % {"hours": seconds // _HOUR}
    days = seconds // _DAY
    if days < 14:
        return ngettext("%(days)d day ago", "%(days)d days ago", days) % {"days": days}
    return day(instant)


def duration_text(seconds: int) -> str:
    """Format a duration, rounded up: ``20 seconds``, ``3 minutes``."""
    if seconds >= _HOUR:
        count = -(-seconds // _HOUR)
        return ngettext("%(count)d hour", "%(count)d hours", count) % {"count": count}
    if seconds >= _MINUTE:
        count = -(-seconds // _MINUTE)
        return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}
    count = max(seconds, 1)
    return ngettext("%(count)d second", "%(count)d seconds", count) % {"count": count}
