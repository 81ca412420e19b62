"""Which sales and traffic reports are requested, in which order.

A report's rows by product are summed over all its days, so the products of a day need a report of
that day alone. Its rows by date are one for each day: a report of a span states the whole store's
days at once. A task is the text of a day, ``2026-11-30``, or of the two ends of a span,
``2026-11-01/2026-11-30``.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from theseller.ingest.facts.fact_age_limit import oldest_kept
from theseller.lib.marketplaces import local_day, midnight
from theseller.lib.policy_time_limits import FACTS_KEPT_DAYS

#: Amazon recommends spans of 7 to 30 days. Source: "Seller retail analytics reports".
SPAN_DAYS = 30
_SPANS = ceil(FACTS_KEPT_DAYS / SPAN_DAYS)
#: The reports of a whole history. Amazon has two years; facts are kept for less.
HISTORY_REPORTS = FACTS_KEPT_DAYS + _SPANS
#: Amazon restates a day for 72 hours: so many days before the newest are requested again each day.
RESTATED_DAYS = 3
#: Reports of a store that are requested each day: the newest day, and those that are restated.
REPORTS_EACH_DAY = RESTATED_DAYS + 1
#: A day is requested so long after it has ended, because Amazon has to count it first.
_COUNTED_AFTER = timedelta(hours=6)
_DAY = timedelta(days=1)


class Days(NamedTuple):
    """The first and the last day of a task, both included."""

    first: date
    last: date

    @property
    def is_one(self) -> bool:
        """Whether it is one day, whose report has its products."""
        return self.first == self.last


def days_of(task: str) -> Days:
    """Return the days of a task."""
    first, _, last = task.partition("/")
    return Days(date.fromisoformat(first), date.fromisoformat(last or first))


def history(newest: date) -> list[str]:
    """Return the tasks of a whole history that ends with `newest`.

    The newest month's totals first, then the newest days with their products, so that the page
    soon has something of both; then the other months, and the days back to the oldest.
    """
    oldest = newest - _DAY * (FACTS_KEPT_DAYS - 1)
    spans: list[str] = []
    for number in range(_SPANS):
        last = newest - _DAY * SPAN_DAYS * number
        spans.append(f"{max(last - _DAY * (SPAN_DAYS - 1), oldest)}/{last}")
    days = [str(newest - _DAY * back) for back in range(FACTS_KEPT_DAYS)]
    soon = RESTATED_DAYS
    return [*spans[:1], *days[:soon], *spans[1:], *days[soon:]]


def with_days_since(cursor: dict[str, Any], marketplace_id: str, at: datetime) -> dict[str, Any]:
    """Return the cursor with what has become due since its last plan.

    At first the history; later, once for each of the store's days, the new days and those that
    Amazon may have restated. What has become too old to be stored is left out.
    """
    today = local_day(marketplace_id, at - _COUNTED_AFTER)
    if not cursor["day"]:
        return {**cursor, "day": str(today), "pending": history(today - _DAY)}
    former = date.fromisoformat(cursor["day"])
    if today <= former:
        return cursor
    oldest = oldest_kept(at).date()
    pending = [task for task in cursor["pending"] if days_of(task).last >= oldest]
    since = max(former - _DAY * RESTATED_DAYS, oldest)
    again = [str(today - _DAY * back) for back in range(1, (today - since).days + 1)]
    fresh = [
        *(day for day in again if day not in set(pending)),
        *(day for day in cursor["fresh"] if day not in set(again) and days_of(day).last >= oldest),
    ]
    return {**cursor, "day": str(today), "fresh": fresh, "pending": pending}


def next_planned(cursor: dict[str, Any], marketplace_id: str) -> datetime:
    """Return when the store's next day is to be requested."""
    return midnight(marketplace_id, date.fromisoformat(cursor["day"]) + _DAY) + _COUNTED_AFTER


def complete_until(cursor: dict[str, Any], marketplace_id: str) -> datetime | None:
    """Return until when the newest days were read; None if some wait."""
    newest = date.fromisoformat(cursor["day"]) - _DAY
    if cursor["fresh"] or str(newest) in cursor["pending"]:
        return None
    return midnight(marketplace_id, newest + _DAY)
