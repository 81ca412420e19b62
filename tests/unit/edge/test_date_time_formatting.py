"""Formatting dates and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from theseller.edge.date_time_formatting import (
    day_range,
    duration_text,
    exact_time,
    short_day,
    time_ago,
    week_day,
)

AT = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "said"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=14), "Nov 9, 2026"),
        (timedelta(seconds=-30), "just now"),
        (timedelta(hours=-1), "Nov 23, 2026, 15:05 UTC"),
    ],
)
def test_time_ago_describes_each_age(age: timedelta, said: str) -> None:
    assert time_ago(AT - age, AT) == said


def test_an_exact_instant_names_its_zone() -> None:
    assert exact_time(AT) == "Nov 23, 2026, 14:05 UTC"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "1 second"), (20, "20 seconds"), (61, "2 minutes"), (3600, "1 hour")]
)
def test_waits_are_rounded_up(seconds: int, said: str) -> None:
    assert duration_text(seconds) == said


def test_german_writes_the_day_before_the_month() -> None:
    with translation.override("de"):
        assert exact_time(AT) == "23. Nov. 2026, 14:05 UTC"
        assert week_day(AT.date()) == "Mo, 23. Nov. 2026"
        assert short_day(AT.date().replace(month=3)) == "23. März"
        assert day_range(AT.date().replace(month=10), AT.date()) == "23. Okt. \u2013 23. Nov. 2026"
        assert time_ago(AT - timedelta(days=3), AT) == "vor 3 Tagen"
