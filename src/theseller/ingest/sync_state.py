"""The state of a shop's sync on one line: how far, what is paused, and about how long it still takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from theseller.connections.types import ConnectionView, Origin
from theseller.edge.times import lasts
from theseller.ingest.queries import is_running
from theseller.ingest.types import StreamProgress

#: Before this much of a stream is there and this much time has passed, its pace says nothing.
_SHORTEST = timedelta(seconds=20)
#: A stream that began longer ago than this was interrupted or added later: its pace is not known.
_LONGEST = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """One line. `percent` of the history is there; `left`: how long the rest takes at the pace so far, or empty."""

    percent: int
    left: str
    failed: tuple[str, ...]
    checked_at: datetime | None


def expects_streams(streams: Sequence[StreamProgress], connections: Sequence[ConnectionView]) -> bool:
    """Return whether a connection of a moment ago has no streams yet, because the planner has not seen it."""
    return not streams and any(view.is_open and view.origin is Origin.LWA for view in connections)


def summarize(streams: Sequence[StreamProgress], connections: Sequence[ConnectionView], at: datetime) -> SyncSummary:
    """Return the line for `streams` of the shop's `connections`.

    Amazon's rate limits decide the pace, so the rest is taken to go on as fast as what has arrived since the newest authorization.
    """
    begun = max((view.authorised_at or view.created_at for view in connections if view.is_open and view.origin is Origin.LWA), default=None)
    return SyncSummary(
        percent=min(sum(stream.percent for stream in streams) // len(streams), 99 if is_running(streams) else 100) if streams else 0,
        left=_left(streams, at - begun) if begun else "",
        failed=tuple(stream.title for stream in streams if stream.step == "failed"),
        checked_at=min((stream.last_success_at for stream in streams if stream.last_success_at), default=None),
    )


def _left(streams: Sequence[StreamProgress], elapsed: timedelta) -> str:
    running = [stream for stream in streams if stream.step in {"now", "waiting"}]
    if not running or not _SHORTEST <= elapsed <= _LONGEST or any(not stream.done for stream in running):
        return ""
    longest = max(elapsed * ((stream.total - stream.done) / stream.done) for stream in running)
    return lasts(int(longest.total_seconds()))
