"""Summary of a shop's sync in one line.

How far it is, what is paused, and about how long the rest takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import ngettext

from theseller.connections.types import ConnectionView, Origin
from theseller.ingest.sync.queries import is_running
from theseller.ingest.types import StreamProgress

#: Before this much of a stream is there and this much time has passed, its rate says nothing.
_SHORTEST = timedelta(seconds=20)
#: A stream that began longer ago than this was interrupted or added later: its rate is not known.
_LONGEST = timedelta(days=2)
#: An authorization so long after its connection was made is a renewal.
_AT_ONCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """The summary of a shop's sync.

    Attributes:
        percent: the share of the history that is stored.
        left: how long the rest takes at the rate so far, or empty.
        failed: the titles of streams that failed.
        checked_at: when Amazon last answered any stream. Each has an interval of its own, from
            minutes to a week, and a time of its own.
        following: the titles of streams whose history takes days; the rest does not wait for it.
    """

    percent: int
    left: str
    failed: tuple[str, ...]
    checked_at: datetime | None
    following: tuple[str, ...] = ()


def expects_streams(
    streams: Sequence[StreamProgress], connections: Sequence[ConnectionView]
) -> bool:
    """Return whether streams of a new connection are still to be created.

    The planner has not seen a connection of a moment ago.
    """
    return not streams and any(view.is_open and view.origin is Origin.LWA for view in connections)


def summarize(
    streams: Sequence[StreamProgress], connections: Sequence[ConnectionView], at: datetime
) -> SyncSummary:
    """Return the line for `streams` of the shop's `connections`.

    Amazon's rate limits decide the rate, so the rest is taken to go on as fast as what has arrived
    since the connection was made.
    """
    following = [
        stream for stream in streams if stream.is_rationed and stream.step in {"now", "waiting"}
    ]
    waited = [stream for stream in streams if stream not in following]
    begun = _begun([view for view in connections if view.is_open and view.origin is Origin.LWA])
    return SyncSummary(
        percent=(
            min(
                sum(stream.percent for stream in waited) // len(waited),
                99 if is_running(streams) else 100,
            )
            if waited
            else 0
        ),
        left=_left(waited, at - begun) if begun else "",
        failed=tuple(stream.title for stream in streams if stream.step == "failed"),
        checked_at=max(
            (stream.last_success_at for stream in streams if stream.last_success_at), default=None
        ),
        following=tuple(stream.title for stream in following),
    )


def _left(streams: Sequence[StreamProgress], elapsed: timedelta) -> str:
    running = [stream for stream in streams if stream.step in {"now", "waiting"}]
    if (
        not running
        or not _SHORTEST <= elapsed <= _LONGEST
        or any(not stream.done for stream in running)
    ):
        return ""
    longest = max(elapsed * ((stream.total - stream.done) / stream.done) for stream in running)
    return _roughly(longest)


def _begun(views: Sequence[ConnectionView]) -> datetime | None:
    """Return when all that has arrived began to, or None if not known.

    A second region adds its history to what another one has read; an authorization that is renewed,
    or given again after a pause, leaves what had arrived before. Either way, "so much since then"
    would be untrue.
    """
    if len(views) != 1:
        return None
    view = views[0]
    renewed = view.authorised_at is not None and view.authorised_at - view.created_at > _AT_ONCE
    return None if renewed else view.created_at


def _roughly(length: timedelta) -> str:
    """Write a duration as an estimate, rounded to the nearest.

    Whole minutes up to an hour and a half, then whole hours.
    """
    minutes = max(round(length / timedelta(minutes=1)), 1)
    if minutes < 90:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    hours = round(minutes / 60)
    return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}
