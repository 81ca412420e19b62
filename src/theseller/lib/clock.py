"""The only module that asks the machine for the time. Everything else is told it (`at`)."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant, aware, in UTC. Called by views, tasks and the command line; never below them."""
    return datetime.now(UTC)  # noqa: TID251  # the one place
