"""The time that an inspected report covers."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from theseller.amazon.reports import Inspection
from theseller.lib.marketplaces import by_code


def covered(inspection: Inspection) -> tuple[datetime, datetime]:
    """Return the first and the last instant of a report, in UTC.

    Days are each store's own, whole: the last instant is a microsecond before the store's midnight.

    Raises:
        ValueError: the report names no day. The handler of such a report returns the time of the
            import in its place.
    """
    period = inspection.period
    if period.first and period.last:
        return min(period.first, period.last), max(period.first, period.last)
    instants: list[datetime] = []
    for code, (first, last) in period.days.items():
        zone = by_code(code).zone
        begin = datetime.combine(first, time(), zone).astimezone(UTC)
        end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
        instants += [begin, end - timedelta(microseconds=1)]
    if not instants:
        raise ValueError("the report names no day: its handler has to return another time")
    return min(instants), max(instants)
