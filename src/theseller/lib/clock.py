"""The only module that reads the system clock; others take `at`."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, aware, in UTC.

    Called by views, tasks and the command line; not by the code below them.
    """
    return datetime.now(UTC)  # the only module that may  # noqa: TID251
