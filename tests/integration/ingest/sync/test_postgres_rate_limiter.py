"""One bucket for all workers: never a call over Amazon's rate, whatever the number of threads."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections as databases
from tests.cast import Cast
from tests.conftest import as_role

from theseller.amazon.spapi_operations import OPERATIONS
from theseller.amazon.throttle import BucketKey, Granted, InMemoryLimiter, Limiter, NotBefore
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.ingest.sync.postgres_rate_limiter import PostgresLimiter, PrepaidLimiter
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import Region
from theseller.tenancy.tenant_scope import tenant_scope

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = BucketKey("amzn1.sellerapps.app.test", "A1SELLER", Region.NA, "listTransactions")
PLAN = OPERATIONS["listTransactions"]


def _limiter(tenant: UUID, connection: UUID, *, using: str = "worker") -> PostgresLimiter:
    """Return a limiter of a connection that is nowhere recorded."""
    return PostgresLimiter(tenant, connection, using=using, hold=lambda _: None)


def _take_all(
    tenant: UUID, connection: UUID, tries: int, granted: list[datetime], lock: threading.Lock
) -> None:
    with as_role("worker"):
        limiter = _limiter(tenant, connection, using="default")
        for number in range(tries):
            at = AT + timedelta(seconds=number)
            if isinstance(limiter.acquire(KEY, at), Granted):
                with lock:
                    granted.append(at)
        databases["default"].close()


def test_many_workers_never_take_one_token_too_many(cast: Cast) -> None:
    connection, granted, lock = new_id(), list[datetime](), threading.Lock()
    threads = [
        threading.Thread(target=_take_all, args=(cast.alices_shop, connection, 40, granted, lock))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The clocks of the threads run apart; what counts is the whole: the burst, and the rate over
    # the time that passed.
    assert PLAN.burst <= len(granted) <= PLAN.burst + 39 * PLAN.rate + 1e-6


def test_a_bucket_begins_again_when_the_clock_was_ahead(cast: Cast) -> None:
    limiter = _limiter(cast.alices_shop, new_id())
    ahead = AT + timedelta(hours=1)
    while isinstance(limiter.acquire(KEY, ahead), Granted):
        pass
    wait = limiter.acquire(KEY, AT)
    assert isinstance(wait, NotBefore)
    assert wait.instant <= AT + timedelta(seconds=1 / PLAN.rate + 1)
    assert isinstance(limiter.acquire(KEY, wait.instant), Granted)


@pytest.fixture
def both(cast: Cast) -> list[Limiter]:
    return [_limiter(cast.alices_shop, new_id()), InMemoryLimiter()]


def test_database_limiter_gives_the_same_waits_as_the_in_memory_limiter(
    both: list[Limiter],
) -> None:
    script = [(0.0, "take")] * 12 + [
        (1.0, "take"),
        (2.0, "take"),
        (2.5, "429"),
        (3.0, "take"),
        (4.0, "429"),
        (9.0, "take"),
        (10.0, "2.5"),
        (11.0, "take"),
    ]
    answers: list[list[bool]] = []
    waits: list[list[float]] = []
    for limiter in both:
        mine: list[bool] = []
        until: list[float] = []
        for second, what in script:
            at = AT + timedelta(seconds=second)
            if what == "take":
                answer = limiter.acquire(KEY, at)
                mine.append(isinstance(answer, Granted))
                if isinstance(answer, NotBefore):
                    until.append(round((answer.instant - AT).total_seconds(), 3))
            else:
                limiter.observe(
                    KEY, None if what == "429" else what, throttled=what == "429", at=at
                )
        answers.append(mine)
        waits.append(until)
    assert answers[0] == answers[1]
    assert waits[0] == waits[1]
    assert waits[0], "the script must meet an empty bucket"


def test_a_caller_who_waits_as_long_as_requested_is_admitted(cast: Cast) -> None:
    limiter = _limiter(cast.alices_shop, new_id())
    while isinstance(answer := limiter.acquire(KEY, AT), Granted):
        pass
    assert isinstance(limiter.acquire(KEY, answer.instant - timedelta(milliseconds=5)), NotBefore)
    assert isinstance(limiter.acquire(KEY, answer.instant), Granted)


@pytest.mark.parametrize("header", ["nonsense", "-1", "0", "1e9", "nan", None])
def test_a_nonsensical_rate_is_ignored(cast: Cast, header: str | None) -> None:
    limiter = _limiter(cast.alices_shop, new_id())
    limiter.observe(KEY, header, throttled=False, at=AT)
    grants = sum(isinstance(limiter.acquire(KEY, AT), Granted) for _ in range(PLAN.burst + 3))
    assert grants == PLAN.burst


def test_prepaid_limiter_grants_one_call_for_each_paid_token() -> None:
    prepaid = PrepaidLimiter(InMemoryLimiter())
    assert isinstance(prepaid.acquire(KEY, AT), NotBefore)
    assert prepaid.pay(KEY, AT) is None
    assert isinstance(prepaid.acquire(KEY, AT), Granted)
    assert prepaid.acquire(KEY, AT) == NotBefore(AT)


def test_a_closed_connection_takes_no_token_and_leaves_no_bucket(cast: Cast) -> None:
    limiter = PostgresLimiter(cast.alices_shop, new_id())
    with as_role("worker"):
        with pytest.raises(ConnectionClosedError):
            limiter.acquire(KEY, AT)
        limiter.observe(KEY, "1.0", throttled=True, at=AT)
        with tenant_scope(cast.alices_shop), databases["default"].cursor() as cursor:
            cursor.execute("select count(*) from ingest_bucket")
            assert cursor.fetchone() == (0,)
