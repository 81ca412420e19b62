"""What the worker does when its clock jumps.

Hosts whose clock differs from the database's are refused elsewhere (`tenancy`). Here are the jumps
that the database shares: of the only host, or of all.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import datetime

from django.conf import settings
from django.db import connections

from theseller.crypto.errors import CryptoError
from theseller.crypto.private_files import read_private, write_private
from theseller.ingest.sync.future_attempts import make_future_attempts_due
from theseller.lib import clock, sql_execution
from theseller.lib.deletion_time import begin_trusted_time, deletion_time, follow_clock
from theseller.lib.state_file_names import TRUSTED_TIME
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)

#: How often the clock is read, and which difference counts: a time server corrects by less.
_LOOK_SECONDS, _JUMP_SECONDS = 1.0, 2.0
#: A job that is tried again waits a minute at most; one that runs too early is planned again.
_CORRECTIONS = (
    (
        "update procrastinate_jobs set scheduled_at = now() where status = 'todo' and"
        " scheduled_at > now() + interval '3 minutes'"
    ),
    (
        "update procrastinate_workers set last_heartbeat = now() where last_heartbeat > now() +"
        " interval '1 minute'"
    ),
    "update tenancy_host set seen_at = now() where seen_at > now() + interval '1 minute'",
)
#: How often the trusted time is moved and stored.
_FOLLOW_SECONDS = 60.0


async def clock_jump() -> float:
    """Return the seconds of the next jump of the clock, when it happens.

    They are negative if it jumped back. The sleep of a machine is a jump ahead.
    """
    ahead = _ahead()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        before, ahead = ahead, _ahead()
        if abs(ahead - before) > _JUMP_SECONDS:
            return ahead - before


def _ahead() -> float:
    """Return how far the clock is ahead of one that never jumps."""
    return time.time() - time.monotonic()


def correct_future_dates() -> None:
    """Let nothing wait for a time that was set by a clock that was ahead.

    Jobs that were to be tried again keep new ones of their kind out of the queue. A worker that was
    killed would count as alive, and its jobs would not be queued again.
    """
    try:
        jobs, workers, hosts = (
            sql_execution.execute(connections["default"], statement) for statement in _CORRECTIONS
        )
        streams = make_future_attempts_due(at=clock.now())
    finally:
        connections["default"].close()
    if jobs or workers or hosts or streams:
        log.warning(
            "future_dates_corrected", jobs=jobs, workers=workers, hosts=hosts, streams=streams
        )


async def keep_trusted_time() -> None:
    """Have the time by which data is deleted follow the clock.

    It begins where it was left.
    """
    path = settings.ENVIRONMENT.state / TRUSTED_TIME
    last = None
    with contextlib.suppress(OSError, ValueError, CryptoError):
        last = datetime.fromisoformat(read_private(path).decode().strip())
    begin_trusted_time(last, at=clock.now(), monotonic=time.monotonic())
    delayed = False
    while True:
        at = clock.now()
        trusted = follow_clock(at=at, monotonic=time.monotonic())
        # A disk that is full keeps the time before, which is no worse.
        with contextlib.suppress(OSError):
            await asyncio.to_thread(write_private, path, f"{trusted.time.isoformat()}\n".encode())
        if (behind := at - deletion_time(at)) and not delayed:
            log.error("deletions_by_age_delayed", days=round(behind.total_seconds() / 86400, 1))
        delayed = bool(behind)
        await asyncio.sleep(_FOLLOW_SECONDS)
