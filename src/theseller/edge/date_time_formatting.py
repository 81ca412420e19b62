"""Format days and instants; one format for every page."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.utils.dateformat import format as format_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def day(value: date) -> str:
    """Format a day: ``Nov 23, 2026``."""
    return format_date(value, "M j, Y")


def short_day(value: date) -> str:
    """Format a day without its year: ``Nov 23``."""
    return format_date(value, "M j")


def week_day(value: date) -> str:
    """Format a day with its weekday: ``Mon, Nov 23, 2026``."""
    return format_date(value, "D, M j, Y")


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
