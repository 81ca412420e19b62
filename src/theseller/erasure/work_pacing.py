"""Pace erasures: rest after each piece of work to limit the load.

After each piece of work it rests in proportion to how long that took.

It stores nothing: a kill in a rest loses nothing. While it rests it holds no lock and no
transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

#: The part of the time in which an erasure works. Ninety-five of a hundred requests must not notice
#: it, so what it disturbs has to stay well below the five that may; and it disturbs more than it
#: works: each of the service's connections plans again after a table was copied.
BACKGROUND_SHARE = 0.01
#: No rest is longer than this many seconds, or a large copy would have the job asleep for hours.
LONGEST_PAUSE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Throttle:
    """A limit on working time.

    `share` is the part of the time that may be work, 0 < share ≤ 1; 1 never rests. `sleep` takes
    seconds.
    """

    share: float
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Check the share.

        Raises:
            ValueError: it is not above 0, or it is above 1.
        """
        if not 0 < self.share <= 1:
            raise ValueError("a share is a part of the time: above 0, and 1 at most")

    @contextmanager
    def work(self) -> Iterator[None]:
        """Time a piece of work, then rest.

        There is no rest after work that failed: its caller has its own way to wait.
        """
        begun = self.now()
        yield
        rest = min((self.now() - begun) * (1 / self.share - 1), LONGEST_PAUSE_SECONDS)
        if rest > 0:
            self.sleep(rest)


#: Without any rest: where no one else is served, and where someone waits for the result.
UNTHROTTLED = Throttle(1.0)
#: As the service does it.
BACKGROUND = Throttle(BACKGROUND_SHARE)
