"""Time windows, newest first.

The days that people look at then arrive first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from theseller.lib.policy_time_limits import FACTS_KEPT_DAYS

#: Amazon limits the range of the all-orders reports to 30 days; money is read in the same steps, so
#: that progress is visible.
WINDOW_DAYS = 30
#: Whole history in windows.
HISTORY_WINDOWS = ceil(FACTS_KEPT_DAYS / WINDOW_DAYS)


@dataclass(frozen=True, slots=True)
class Window:
    """[start, end), in whole seconds."""

    start: datetime
    end: datetime


def window(anchor: datetime, index: int) -> Window:
    """Return the window `index` steps before `anchor`.

    0 is the newest, which ends at `anchor`.
    """
    end = anchor - timedelta(days=WINDOW_DAYS) * index
    return Window(end - timedelta(days=WINDOW_DAYS), end)


def whole_second(instant: datetime) -> datetime:
    """Return the instant without its fraction of a second."""
    return instant.replace(microsecond=0)


def format_instant(instant: datetime) -> str:
    """Return an instant in ISO 8601, in UTC with Z.

    Cursors and report requests contain instants in this form.
    """
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """Return the instant that `format_instant` wrote."""
    return datetime.fromisoformat(text)
