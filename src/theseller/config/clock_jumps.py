"""What the worker does when its clock jumps.

Hosts whose clock differs from the database's are refused elsewhere (`tenancy`). Here are the jumps
that the database shares: of the only host, or of all.
"""

from __future__ import annotations

import asyncio
import time

from django.db import connections

from theseller.ingest.sync.future_attempts import make_future_attempts_due
from theseller.lib import clock
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)

#: How often the clock is read, and which difference counts: a time server corrects by less.
_LOOK_SECONDS, _JUMP_SECONDS = 1.0, 2.0


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
    """Make streams due that wait for a time set by a clock that was ahead."""
    try:
        if corrected := make_future_attempts_due(at=clock.now()):
            log.warning("future_dates_corrected", streams=corrected)
    finally:
        connections["default"].close()
