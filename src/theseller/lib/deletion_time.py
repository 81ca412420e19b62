"""The time by which data is deleted for its age.

It is the clock's, unless that leaped: a clock that is a year ahead would have every backup and all
history deleted at once. This time then follows at 24 times its pace, so that a person can correct
the clock first; and one that was right (the deployment was off for long) is reached by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

#: How much faster than time passes the trusted time follows the clock.
GAIN = 24
#: A leap of so much counts as an ordinary stop: what is deleted was due within a day.
ALLOWED = timedelta(days=1)


@dataclass(slots=True)
class TrustedTime:
    """The last time that was trusted.

    `monotonic` is when that was, by a clock that never jumps.
    """

    time: datetime
    monotonic: float

    def follow(self, *, at: datetime, monotonic: float) -> None:
        """Move towards the clock.

        Args:
            at: what the clock says.
            monotonic: seconds of a clock that never jumps.
        """
        passed = timedelta(seconds=(monotonic - self.monotonic) * GAIN)
        self.time, self.monotonic = min(at, self.time + passed), monotonic

    def limited(self, at: datetime) -> datetime:
        """Return the time by which data is deleted when the clock says `at`."""
        return min(at, self.time + ALLOWED)


#: That of this process; only a worker has one.
_trusted: list[TrustedTime] = []


def begin_trusted_time(last: datetime | None, *, at: datetime, monotonic: float) -> None:
    """Trust `last`, which an earlier process left, or else the clock.

    Args:
        last: the last trusted time; None if none was stored.
        at: what the clock says.
        monotonic: seconds of a clock that never jumps.
    """
    _trusted[:] = [TrustedTime(at if last is None else min(at, last), monotonic)]


def follow_clock(*, at: datetime, monotonic: float) -> TrustedTime:
    """Move this process's trusted time towards the clock and return it."""
    if not _trusted:
        begin_trusted_time(None, at=at, monotonic=monotonic)
    _trusted[0].follow(at=at, monotonic=monotonic)
    return _trusted[0]


def deletion_time(at: datetime) -> datetime:
    """Return the time by which data is deleted when the clock says `at`.

    In a process that is no worker it is `at`.
    """
    return _trusted[0].limited(at) if _trusted else at
