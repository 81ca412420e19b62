"""Amazon's token buckets as pure functions of values.

The functions use no clock, do not sleep and store nothing; `InMemoryLimiter` stores the buckets of
one process. A bucket per (application, seller, region, operation) refills at `rate` tokens a second
up to `burst`; a call costs one. Amazon shows neither the bucket's size nor what is left, and shows
the rate only on some answers, so a client has to keep the bucket itself. No thread waits: the
answer is "not before T", and the caller tries again then.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from typing_extensions import override

from theseller.amazon.spapi_operations import OPERATIONS
from theseller.lib.marketplaces import Region

#: A millionth of a token allows for the rounding of floats, so that a caller who comes exactly at
#: T is granted a token.
_ROUNDING = 1e-6
#: Amazon's published rates lie between 0.0056 and 50 a second. A header outside these bounds is a
#: mistake, not a plan.
_SLOWEST, _FASTEST = 0.0005, 1000.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket at a time.

    `tokens` at `updated_at` (aware UTC), `rate` in tokens a second, `burst` the most tokens. Debt
    after a 429 is below zero.
    """

    tokens: float
    updated_at: datetime
    rate: float
    burst: int


@dataclass(frozen=True, slots=True)
class Granted:
    """The call is granted: one token was taken."""


@dataclass(frozen=True, slots=True)
class NotBefore:
    """The call is not granted and nothing was taken: try again at `instant`."""

    instant: datetime


def refill(bucket: Bucket, at: datetime) -> Bucket:
    """Return `bucket` as it is at `at`.

    A clock that went back adds nothing and takes nothing.
    """
    elapsed = (at - bucket.updated_at).total_seconds()
    if elapsed <= 0:
        return bucket
    return replace(
        bucket,
        tokens=min(float(bucket.burst), bucket.tokens + elapsed * bucket.rate),
        updated_at=at,
    )


def take(bucket: Bucket, at: datetime) -> tuple[Bucket, Granted | NotBefore]:
    """Take one token, or return when there will be one.

    In any span of t seconds at most burst + rate·t calls are granted.
    """
    now = refill(bucket, at)
    if now.tokens >= 1 - _ROUNDING:
        return replace(now, tokens=now.tokens - 1), Granted()
    microseconds = math.ceil((1 - now.tokens) / now.rate * 1_000_000)
    return now, NotBefore(now.updated_at + timedelta(microseconds=microseconds))


def learn(bucket: Bucket, header_rate: str | None, at: datetime) -> Bucket:
    """Return `bucket` with the rate that Amazon printed.

    In ``x-amzn-RateLimit-Limit``, up or down; an invalid or missing value changes nothing.
    """
    try:
        rate = float(header_rate) if header_rate is not None else math.nan
    except ValueError:
        return bucket
    if not _SLOWEST <= rate <= _FASTEST:
        return bucket
    return replace(refill(bucket, at), rate=rate)


def penalise(bucket: Bucket, at: datetime) -> Bucket:
    """Return `bucket` after a 429.

    Amazon's bucket was empty, so ours is; if it already was, our rate is too high, and the wait
    grows by one token. The debt is at most the burst or four tokens, so that many refusals cannot
    block a seller for long.
    """
    now = refill(bucket, at)
    if now.tokens > _ROUNDING:
        return replace(now, tokens=0.0)
    return replace(now, tokens=max(now.tokens - 1, -float(min(now.burst, 4))))


@dataclass(frozen=True, slots=True)
class BucketKey:
    """The key of a bucket.

    Amazon counts per application, selling partner, regional account and operation.
    """

    application: str
    selling_partner_id: str
    region: Region
    operation: str


def seed(operation: str, at: datetime) -> Bucket:
    """Return the full bucket of Amazon's default usage plan for `operation`.

    Raises:
        KeyError: the operation is not in the table.
    """
    plan = OPERATIONS[operation]
    return Bucket(float(plan.burst), at, plan.rate, plan.burst)


class Limiter(Protocol):
    """Grants calls. One limiter is shared by all workers of an application."""

    def acquire(self, key: BucketKey, at: datetime) -> Granted | NotBefore:
        """Take one token of `key`'s bucket, or return when to try again."""

    def observe(
        self, key: BucketKey, rate_header: str | None, *, throttled: bool, at: datetime
    ) -> None:
        """Record an answer: its printed rate, and whether it was a 429."""


class InMemoryLimiter(Limiter):
    """A limiter for one process: tests, the command line, a single worker."""

    def __init__(self) -> None:
        self._buckets: dict[BucketKey, Bucket] = {}
        self._lock = threading.Lock()

    @override
    def acquire(self, key: BucketKey, at: datetime) -> Granted | NotBefore:
        """Take one token of `key`'s bucket, or return when to try again."""
        with self._lock:
            bucket, answer = take(self._buckets.get(key) or seed(key.operation, at), at)
            self._buckets[key] = bucket
            return answer

    @override
    def observe(
        self, key: BucketKey, rate_header: str | None, *, throttled: bool, at: datetime
    ) -> None:
        """Record an answer: its printed rate, and whether it was a 429."""
        with self._lock:
            bucket = learn(self._buckets.get(key) or seed(key.operation, at), rate_header, at)
            self._buckets[key] = penalise(bucket, at) if throttled else bucket
