"""The token bucket, against its definition: in any span of t seconds at most burst + rate·t calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.amazon.spapi_operations import OPERATIONS
from theseller.amazon.throttle import (
    Bucket,
    BucketKey,
    Granted,
    InMemoryLimiter,
    NotBefore,
    learn,
    penalise,
    refill,
    seed,
    take,
)
from theseller.lib.marketplaces import Region

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RATES = st.sampled_from(sorted({operation.rate for operation in OPERATIONS.values()} | {5.0, 50.0}))


@given(RATES, st.integers(1, 30), st.lists(st.floats(0, 400, allow_nan=False), max_size=80))
def test_no_window_holds_more_than_burst_plus_rate_times_its_length(
    rate: float, burst: int, gaps: list[float]
) -> None:
    bucket, at, grants = Bucket(float(burst), NOON, rate, burst), NOON, []
    for gap in gaps:
        at += timedelta(seconds=gap)
        bucket, answer = take(bucket, at)
        if isinstance(answer, Granted):
            grants.append(at)
    for first in range(len(grants)):
        for last in range(first, len(grants)):
            span = (grants[last] - grants[first]).total_seconds()
            assert last - first + 1 <= burst + rate * span + 1e-4


@given(RATES, st.integers(1, 30), st.lists(st.sampled_from(["take", "429", "learn"]), max_size=40))
def test_call_at_the_returned_not_before_time_is_granted(
    rate: float, burst: int, events: list[str]
) -> None:
    bucket = Bucket(float(burst), NOON, rate, burst)
    for event in events:
        if event == "429":
            bucket = penalise(bucket, NOON)
        elif event == "learn":
            bucket = learn(bucket, "0.25", NOON)
        bucket, answer = take(bucket, NOON)
        if isinstance(answer, NotBefore):
            assert answer.instant > NOON
            bucket, again = take(bucket, answer.instant)
            assert again == Granted()
            bucket = Bucket(bucket.tokens, NOON, bucket.rate, bucket.burst)


def test_refused_call_takes_no_token_and_clock_going_back_adds_none() -> None:
    empty = Bucket(0.25, NOON, 0.5, 2)
    after, answer = take(empty, NOON)
    assert after == empty
    assert answer == NotBefore(NOON + timedelta(seconds=1.5))
    assert refill(empty, NOON - timedelta(hours=1)) == empty
    assert refill(empty, NOON + timedelta(days=9)).tokens == 2


@pytest.mark.parametrize("header", [None, "", "fast", "nan", "inf", "-1", "0", "1e9", "0.0000001"])
def test_invalid_rate_limit_header_is_ignored(header: str | None) -> None:
    bucket = seed("searchOrders", NOON)
    assert learn(bucket, header, NOON) == bucket


def test_the_rate_header_is_learnt_both_ways_and_earlier_time_counts_at_the_earlier_rate() -> None:
    bucket = Bucket(0.0, NOON, 1.0, 10)
    later = NOON + timedelta(seconds=4)
    assert learn(bucket, "0.5", later) == Bucket(4.0, later, 0.5, 10)
    assert learn(bucket, "2.0", later).rate == 2.0


def test_a_429_empties_the_bucket_and_repetition_lengthens_the_wait_within_bounds() -> None:
    bucket = penalise(Bucket(7.5, NOON, 1.0, 10), NOON)
    assert bucket.tokens == 0
    for _ in range(9):
        bucket = penalise(bucket, NOON)
    assert bucket.tokens == -4
    _, answer = take(bucket, NOON)
    assert answer == NotBefore(NOON + timedelta(seconds=5))


def test_sellers_regions_and_operations_do_not_share_a_bucket() -> None:
    limiter = InMemoryLimiter()
    alice = BucketKey("app", "ALICE", Region.EU, "getInventorySummaries")
    others = [
        BucketKey("app", "CHARLIE", Region.EU, "getInventorySummaries"),
        BucketKey("app", "ALICE", Region.NA, "getInventorySummaries"),
        BucketKey("app", "ALICE", Region.EU, "getReport"),
        BucketKey("other", "ALICE", Region.EU, "getInventorySummaries"),
    ]
    assert [limiter.acquire(alice, NOON) for _ in range(2)] == [Granted(), Granted()]
    assert limiter.acquire(alice, NOON) == NotBefore(NOON + timedelta(seconds=0.5))
    assert all(limiter.acquire(key, NOON) == Granted() for key in others)


def test_in_memory_limiter_applies_observed_rate_and_throttling() -> None:
    limiter = InMemoryLimiter()
    key = BucketKey("app", "ALICE", Region.EU, "listTransactions")
    limiter.observe(key, "0.1", throttled=False, at=NOON)
    limiter.observe(key, None, throttled=True, at=NOON)
    assert limiter.acquire(key, NOON) == NotBefore(NOON + timedelta(seconds=10))
