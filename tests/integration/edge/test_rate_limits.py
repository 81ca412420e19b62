"""The limiter against PostgreSQL, as the web role."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from theseller.edge.rate_limits import (
    Allowed,
    Rate,
    RetryAfter,
    allow,
    by_account,
    by_ip,
    delete_idle,
    limited,
)
from theseller.lib.ids import new_id

AT = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)


@pytest.fixture
def take() -> Callable[[datetime], Allowed | RetryAfter]:
    """Take a token from one fresh bucket: three at once, then one in ten seconds."""
    key = str(new_id())

    def take_at(at: datetime) -> Allowed | RetryAfter:
        with connections["auth"].cursor() as cursor:
            return allow(cursor, key, 0.1, 3, at)

    return take_at


def test_a_burst_is_allowed_then_one_must_wait_for_exactly_one_token(
    take: Callable[[datetime], Allowed | RetryAfter],
) -> None:
    assert [take(AT) for _ in range(4)] == [Allowed(2), Allowed(1), Allowed(0), RetryAfter(10)]
    assert take(AT + timedelta(seconds=4)) == RetryAfter(6)
    assert take(AT + timedelta(seconds=9.5)) == RetryAfter(1)
    assert take(AT + timedelta(seconds=10)) == Allowed(0)


def test_a_bucket_never_holds_more_than_its_burst(
    take: Callable[[datetime], Allowed | RetryAfter],
) -> None:
    take(AT)
    later = AT + timedelta(days=1)
    assert [take(later) for _ in range(4)] == [Allowed(2), Allowed(1), Allowed(0), RetryAfter(10)]


def test_rate_limit_ignores_a_clock_that_runs_behind(
    take: Callable[[datetime], Allowed | RetryAfter],
) -> None:
    for _ in range(3):
        take(AT)
    assert take(AT - timedelta(seconds=50)) == RetryAfter(10)
    assert take(AT + timedelta(seconds=10)) == Allowed(0)


def test_rate_limit_begins_again_when_the_clock_was_ahead(
    take: Callable[[datetime], Allowed | RetryAfter],
) -> None:
    ahead = AT + timedelta(hours=1)
    assert [take(ahead) for _ in range(4)] == [Allowed(2), Allowed(1), Allowed(0), RetryAfter(10)]
    assert [take(AT), take(AT)] == [Allowed(0), RetryAfter(10)]
    assert take(AT + timedelta(seconds=10)) == Allowed(0)


def test_no_two_processes_take_the_same_token(database: str) -> None:
    del database
    key = str(new_id())

    def attempt(_: int) -> bool:
        try:
            with connections["auth"].cursor() as cursor:
                return isinstance(allow(cursor, key, 0.001, 20, AT), Allowed)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(60))) == 20


def test_rate_limit_table_is_unlogged() -> None:
    with connections["auth"].cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'edge_ratebucket'")
        assert cursor.fetchone() == ("u",)


def test_idle_buckets_are_deleted() -> None:
    old, fresh = str(new_id()), str(new_id())
    with connections["auth"].cursor() as cursor:
        allow(cursor, old, 1, 1, AT - timedelta(days=2))
        allow(cursor, fresh, 1, 1, AT)
        delete_idle(cursor, AT)
        cursor.execute("SELECT key FROM edge_ratebucket WHERE key IN (%s, %s)", [old, fresh])
        assert cursor.fetchall() == [(fresh,)]


def test_limited_view_returns_429_and_does_not_count_get_requests() -> None:
    name = str(new_id())

    @limited(name, {by_ip: Rate.per_minute(1, burst=1), by_account: Rate.per_minute(1, burst=1)})
    def view(request: HttpRequest) -> HttpResponse:
        del request
        return HttpResponse("done")

    def ask(method: str, address: str = "2001:db8::1") -> HttpResponse:
        request = RequestFactory().generic(method, "/", REMOTE_ADDR=address)
        request.user = AnonymousUser()
        answer = view(request)
        assert isinstance(answer, HttpResponse)
        return answer

    assert [ask("GET").status_code for _ in range(3)] == [200, 200, 200]
    assert ask("POST").status_code == 200
    refused = ask("POST", "2001:db8::2")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert ask("POST", "203.0.113.9").status_code == 200
