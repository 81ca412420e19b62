"""Which sales and traffic reports are planned, and in which order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from theseller.ingest.sync.streams import traffic
from theseller.ingest.sync.streams.traffic_tasks import (
    HISTORY_REPORTS,
    complete_until,
    days_of,
    history,
    next_planned,
    with_days_since,
)
from theseller.lib.policy_time_limits import FACTS_KEPT_DAYS

UK, JP, US = "A1F83G8C2ARO7P", "A1VC38T7YXB528", "ATVPDKIKX0DER"
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def _planned(at: datetime, marketplace_id: str = UK) -> dict[str, Any]:
    return with_days_since(traffic.start(at)[0], marketplace_id, at)


def test_a_history_has_each_day_once_alone_and_once_in_a_span() -> None:
    tasks = history(date(2026, 11, 29))
    assert len(tasks) == len(set(tasks)) == HISTORY_REPORTS
    one_day = [days_of(task).first for task in tasks if "/" not in task]
    assert one_day == [date(2026, 11, 29) - timedelta(days=n) for n in range(FACTS_KEPT_DAYS)]
    in_spans = [
        span.last - timedelta(days=n)
        for span in (days_of(task) for task in tasks if "/" in task)
        for n in range((span.last - span.first).days + 1)
    ]
    assert in_spans == one_day
    assert tasks[:5] == [
        "2026-10-31/2026-11-29",
        "2026-11-29",
        "2026-11-28",
        "2026-11-27",
        "2026-10-01/2026-10-30",
    ]


@pytest.mark.parametrize(
    ("at", "store", "newest"),
    [
        (NOON, UK, "2026-11-29"),
        (NOON, JP, "2026-11-29"),
        (NOON + timedelta(hours=10), JP, "2026-11-30"),  # 07:00 of the next day in Japan
        (NOON, US, "2026-11-28"),  # 04:00 there: Amazon has not counted the day before yet
    ],
)
def test_the_newest_day_is_the_store_s_own(at: datetime, store: str, newest: str) -> None:
    cursor = _planned(at, store)
    assert cursor["pending"][1] == newest
    assert next_planned(cursor, store) > at
    assert complete_until(cursor, store) is None


def test_each_day_the_new_day_and_three_restated_ones_are_requested() -> None:
    cursor = {**_planned(NOON), "pending": []}
    assert with_days_since(cursor, UK, NOON + timedelta(hours=3)) is cursor
    later = with_days_since(cursor, UK, NOON + timedelta(days=1))
    assert later["fresh"] == ["2026-11-30", "2026-11-29", "2026-11-28", "2026-11-27"]
    assert complete_until(later, UK) is None
    assert complete_until({**later, "fresh": []}, UK) == datetime(2026, 12, 1, tzinfo=UTC)
    # Nothing was requested for a day: its days stay, each once, behind the newer ones.
    after = with_days_since(later, UK, NOON + timedelta(days=2))
    assert after["fresh"] == [
        "2026-12-01", "2026-11-30", "2026-11-29", "2026-11-28", "2026-11-27",
    ]  # fmt: skip


def test_days_of_an_outage_are_all_requested() -> None:
    cursor = {**_planned(NOON), "pending": []}
    later = with_days_since(cursor, UK, NOON + timedelta(days=40))
    assert len(later["fresh"]) == 40 + 3
    assert later["fresh"][0] == "2027-01-08"
    assert later["fresh"][-1] == "2026-11-27"


def test_days_of_the_history_are_not_requested_twice_and_old_ones_not_at_all() -> None:
    cursor = _planned(NOON)
    later = with_days_since(cursor, UK, NOON + timedelta(days=2))
    assert later["fresh"] == ["2026-12-01", "2026-11-30"]
    oldest = (NOON + timedelta(days=2 - FACTS_KEPT_DAYS)).date()
    assert min(days_of(task).last for task in later["pending"]) == oldest
    clock_back = with_days_since(later, UK, NOON - timedelta(days=2))
    assert clock_back is later
