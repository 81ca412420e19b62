"""Token buckets as Amazon documents them.

There is one per application, seller, region and operation. A bucket is full at first and is
refilled continuously.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: datetime


class Buckets:
    """All buckets of an emulator. `scale` multiplies every rate; bursts stay."""

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self._buckets: dict[tuple[str, ...], _Bucket] = {}

    def take(self, key: tuple[str, ...], rate: float, burst: int, at: datetime) -> bool:
        """Take one token; False if there is none.

        Args:
            key: what the bucket is for.
            rate: tokens a second, before `scale`.
            burst: the most tokens that the bucket holds.
            at: the time of the call. A time before the last call refills nothing.
        """
        bucket = self._buckets.setdefault(key, _Bucket(float(burst), at))
        elapsed = max((at - bucket.at).total_seconds(), 0.0)
        bucket.tokens = min(bucket.tokens + elapsed * rate * self.scale, float(burst))
        bucket.at = at
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True

    def shown(self, rate: float) -> str:
        """Return the value of x-amzn-RateLimit-Limit for `rate`.

        It always has a point: ``2.0``, ``0.0167``.
        """
        text = f"{rate * self.scale:.10f}".rstrip("0")
        return f"{text}0" if text.endswith(".") else text
