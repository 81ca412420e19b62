"""Periods: the days of a page, and those that they are compared with.

Pure arithmetic over calendar days. Rolling periods end with yesterday, so that whole days are
compared with whole days; 7, 28 and 364 days keep the weekdays aligned. Today and the month to date
end with the day that is not over (`Choice.partial`).
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext


class PeriodKey(StrEnum):
    """The periods of the toolbar, by their name in the URL."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    LAST_7 = "7d"
    LAST_28 = "28d"
    LAST_30 = "30d"
    LAST_90 = "90d"
    MONTH = "month"
    LAST_MONTH = "last-month"
    LAST_12_MONTHS = "12m"
    CUSTOM = "custom"


class Compare(StrEnum):
    """What a period is compared with."""

    NONE = "none"
    PREVIOUS = "previous"
    YEAR = "year"


LABELS = {
    PeriodKey.TODAY: gettext_noop("Today"),
    PeriodKey.YESTERDAY: gettext_noop("Yesterday"),
    PeriodKey.LAST_7: gettext_noop("7 days"),
    PeriodKey.LAST_28: gettext_noop("28 days"),
    PeriodKey.LAST_30: gettext_noop("30 days"),
    PeriodKey.LAST_90: gettext_noop("90 days"),
    PeriodKey.MONTH: gettext_noop("Month to date"),
    PeriodKey.LAST_MONTH: gettext_noop("Last month"),
    PeriodKey.LAST_12_MONTHS: gettext_noop("12 months"),
    PeriodKey.CUSTOM: gettext_noop("Custom range"),
}
COMPARE_LABELS = {
    Compare.PREVIOUS: gettext_noop("Previous period"),
    Compare.YEAR: gettext_noop("Previous year"),
    Compare.NONE: gettext_noop("No comparison"),
}
DEFAULT_PERIOD = PeriodKey.LAST_28
#: Facts are kept for 18 months; a longer period would only show empty days.
LONGEST_DAYS = 560
_ROLLING = {
    PeriodKey.LAST_7: 7,
    PeriodKey.LAST_28: 28,
    PeriodKey.LAST_30: 30,
    PeriodKey.LAST_90: 90,
    PeriodKey.LAST_12_MONTHS: 365,
}
_YEAR_KEEPING_WEEKDAYS = 364
#: Days before are no days of a page: the period before them, or a year earlier, may be no date.
_EARLIEST = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Span:
    """Calendar days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def length(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    def days(self) -> list[date]:
        """Return each day, in order."""
        return [self.first + timedelta(days=offset) for offset in range(self.length)]

    def shifted(self, days: int) -> Span:
        """Return the span moved by `days` days, to earlier ones if negative."""
        return Span(self.first + timedelta(days=days), self.last + timedelta(days=days))

    def enclosing(self, other: Span) -> dict[str, date]:
        """Return the first and the last day of both spans.

        They are the parameters `from_day` and `to_day` of a statement. An index finds one range of
        days; with two ranges, the rows of all days were read and filtered out.
        """
        return {"from_day": min(self.first, other.first), "to_day": max(self.last, other.last)}


@dataclass(frozen=True, slots=True)
class Choice:
    """A period and its comparison.

    `before` is None when nothing is compared; `today` is the current day of the stores.
    """

    key: PeriodKey
    span: Span
    compare: Compare
    before: Span | None
    today: date

    @property
    def partial(self) -> bool:
        """Whether the last day is not over yet."""
        return self.span.last >= self.today

    @property
    def before_label(self) -> str:
        """The name of the comparison in a legend."""
        if self.compare is Compare.YEAR:
            return _("A year earlier")
        named = {
            PeriodKey.TODAY: _("Yesterday"),
            PeriodKey.YESTERDAY: _("The day before"),
            PeriodKey.MONTH: _("Month before"),
            PeriodKey.LAST_MONTH: _("Month before"),
            PeriodKey.LAST_12_MONTHS: _("12 months before"),
        }
        days = self.span.length
        return named.get(self.key) or ngettext(
            "Previous %(days)d day", "Previous %(days)d days", days
        ) % {"days": days}

    @property
    def before_phrase(self) -> str:
        """The comparison as a part of a sentence: ``the previous 28 days``."""
        if self.compare is Compare.YEAR:
            return _("a year earlier")
        named = {
            PeriodKey.TODAY: _("yesterday"),
            PeriodKey.YESTERDAY: _("the day before"),
            PeriodKey.MONTH: _("the month before"),
            PeriodKey.LAST_MONTH: _("the month before"),
            PeriodKey.LAST_12_MONTHS: _("the 12 months before"),
        }
        days = self.span.length
        return named.get(self.key) or ngettext(
            "the previous %(days)d day", "the previous %(days)d days", days
        ) % {"days": days}


def choose(*, period: str, compare: str, first: str = "", last: str = "", today: date) -> Choice:
    """Return the choice that the parameters of a URL name.

    Parameters that can't be read fall back to the default: a URL is not a form with errors.

    Args:
        period: a value of `PeriodKey`.
        compare: a value of `Compare`.
        first: the first ISO day; counts for a custom period only.
        last: the last ISO day. Swapped ends are put in order, and days after `today` are cut off.
            A period that ends before the year 2000 can't be read.
        today: the current day of the stores.
    """
    key = PeriodKey(period) if period in set(PeriodKey) else DEFAULT_PERIOD
    span = _span(key, today)
    if key is PeriodKey.CUSTOM:
        custom = _custom(first, last, today)
        key, span = (key, custom) if custom else (DEFAULT_PERIOD, _span(DEFAULT_PERIOD, today))
    mode = Compare(compare) if compare in set(Compare) else Compare.PREVIOUS
    return Choice(key, span, mode, compared_span(key, span, mode), today)


def _span(key: PeriodKey, today: date) -> Span:
    if key is PeriodKey.TODAY:
        return Span(today, today)
    yesterday = today - timedelta(days=1)
    if key is PeriodKey.YESTERDAY:
        return Span(yesterday, yesterday)
    if key is PeriodKey.MONTH:
        return Span(today.replace(day=1), today)
    if key is PeriodKey.LAST_MONTH:
        end = today.replace(day=1) - timedelta(days=1)
        return Span(end.replace(day=1), end)
    return Span(today - timedelta(days=_ROLLING.get(key, 28)), yesterday)


def _custom(first: str, last: str, today: date) -> Span | None:
    begin, end = parse_day(first), parse_day(last)
    if begin is None or end is None:
        return None
    begin, end = min(begin, end), min(max(begin, end), today)
    if begin > end or end < _EARLIEST:
        return None
    return Span(max(begin, end - timedelta(days=LONGEST_DAYS - 1)), end)


def parse_day(text: str) -> date | None:
    """Return the ISO day of `text`; None if it is not one."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def compared_span(key: PeriodKey, span: Span, mode: Compare) -> Span | None:
    """Return the days that `span` is compared with, or None."""
    if mode is Compare.NONE:
        return None
    by_month = key in {PeriodKey.MONTH, PeriodKey.LAST_MONTH} or (
        mode is Compare.YEAR and span.length > _YEAR_KEEPING_WEEKDAYS
    )
    months = -12 if mode is Compare.YEAR else -1
    if not by_month:
        return span.shifted(-_YEAR_KEEPING_WEEKDAYS if mode is Compare.YEAR else -span.length)
    # The last day of the month to date is not over, so that it is never a whole month.
    matching = add_months if key is PeriodKey.MONTH else _matching_end
    return Span(add_months(span.first, months), matching(span.last, months))


def _matching_end(last: date, months: int) -> date:
    ends_month = (last + timedelta(days=1)).day == 1
    end = add_months(last, months)
    return end.replace(day=calendar.monthrange(end.year, end.month)[1]) if ends_month else end


def add_months(day: date, months: int) -> date:
    """Return the same day of another month.

    It is the last day of the month if that is shorter.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def neighbours(choice: Choice) -> tuple[Span, Span | None]:
    """Return the periods before and after, for stepping.

    The later one is None if it would begin after today.
    """
    span = choice.span
    whole_months = span.first.day == 1 and choice.key in {PeriodKey.MONTH, PeriodKey.LAST_MONTH}
    if whole_months or _is_month(span):
        earlier_end = span.first - timedelta(days=1)
        earlier = Span(earlier_end.replace(day=1), earlier_end)
        begin = add_months(span.first, 1)
        later = Span(begin, min(add_months(begin, 1) - timedelta(days=1), choice.today))
    else:
        earlier = span.shifted(-span.length)
        later = Span(
            span.last + timedelta(days=1),
            min(span.last + timedelta(days=span.length), choice.today),
        )
    return earlier, later if later.first <= choice.today and span.last < choice.today else None


def _is_month(span: Span) -> bool:
    return (
        span.first.day == 1
        and (span.last + timedelta(days=1)).day == 1
        and span.first.month == span.last.month
    )
