# a replacement of a method takes the same arguments
"""A worker that is killed at any moment, two workers at once, a connection that ends meanwhile.

Nothing is lost, nothing is doubled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections as databases
from tests.cast import Cast
from tests.conftest import as_role
from tests.integration.ingest.sync.conftest import UK, Worker

from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.ingest.sync import stream_state
from theseller.ingest.sync.future_attempts import make_future_attempts_due
from theseller.ingest.sync.stream_runner import run_stream
from theseller.ingest.sync.sync_step import SyncStep
from theseller.ingest.types import Advance
from theseller.lib import clock
from theseller.lib.marketplaces import local_day
from theseller.tenancy.tenant_scope import tenant_scope


class Killed(BaseException):
    """What kill -9 looks like from inside: nothing after it runs, not even the giving back of the lease."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that kills the process at the n-th boundary.

    Before or after a call, before or after a commit.
    """
    ask, download, commit = SyncStep.call, SyncStep.download, SyncStep.commit
    left = [0]

    def boundary() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    def dying(original: Any) -> Any:  # noqa: ANN401
        def around(self: SyncStep, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            boundary()
            answer = original(self, *args, **kwargs)
            boundary()
            return answer

        return around

    monkeypatch.setattr(SyncStep, "call", dying(ask))
    monkeypatch.setattr(SyncStep, "download", dying(download))
    monkeypatch.setattr(SyncStep, "commit", dying(commit))

    def arm(number: int) -> None:
        left[0] = number

    return arm


def _state(worker: Worker, name: str) -> list[tuple[Any, ...]]:
    if name == "traffic":
        return worker.rows(
            "select count(*), sum(sessions), sum(units_ordered), sum(ordered_sales) from"
            " ingest_traffic_day"
        )
    if name == "orders_history":
        return worker.rows(
            "select count(*), count(distinct order_id), sum(quantity), sum(item_price) from"
            " ingest_order_line"
        )
    return worker.rows(
        "select count(*), count(distinct source_key), sum(amount) from ingest_ledger_line"
    )


@pytest.mark.parametrize(
    ("name", "boundaries"),
    [
        ("orders_history", range(2, 40, 9)),
        ("transactions", range(2, 7, 4)),
        ("traffic", range(2, 40, 9)),
        pytest.param("traffic", range(1, 40), marks=pytest.mark.exhaustive),
        pytest.param("orders_history", range(1, 40), marks=pytest.mark.exhaustive),
        pytest.param("transactions", range(1, 7), marks=pytest.mark.exhaustive),
    ],
)
def test_stream_killed_at_any_boundary_ends_with_the_same_rows(
    worker: Worker, name: str, boundaries: range, kill_at: Callable[[int], None]
) -> None:
    store = UK if name == "traffic" else ""
    if store:  # The totals of six days, and the products of one of them.
        today = local_day(UK, clock.now() - timedelta(hours=6))
        days = f"{today - timedelta(days=9)}/{today - timedelta(days=4)}"
        tasks = [days, str(today - timedelta(days=5))]
        worker.set_cursor(name, store, day=str(today), pending=tasks)
    fresh = worker.stream(name, store)["cursor"]
    worker.finish(name, store)
    whole = _state(worker, name)
    reports = worker.requests_of("createReport")
    deaths = 0
    for number in boundaries:
        worker.rows("delete from ingest_order_line")
        worker.rows("delete from ingest_ledger_line")
        worker.rows("delete from ingest_transaction_digest")
        worker.rows("delete from ingest_traffic_day")
        worker.set_cursor(name, store, **fresh)
        kill_at(number)
        try:
            worker.finish(name, store)
        except Killed:
            deaths += 1
            left = worker.stream(name, store)
            # The commit before may have given it back, to wait for Amazon.
            assert left["lease_id"] or datetime.fromisoformat(left["due_at"]) > clock.now(), (
                "a killed worker gives nothing back"
            )
            worker.finish(name, store)
        else:
            break
        assert _state(worker, name) == whole
        assert worker.stream(name, store)["cursor"]["pending"] == []
    assert deaths >= max(1, 6 // boundaries.step)
    # Once per whole run, never again for a report that Amazon was already making or had made.
    assert worker.requests_of("createReport") <= (deaths + 2) * reports


def test_a_lease_is_for_one_worker_at_a_time(worker: Worker) -> None:
    key = worker.key("transactions")
    with tenant_scope(worker.tenant):
        mine = stream_state.take_lease(key, at=clock.now())
    assert mine is not None
    assert worker.run("transactions") == 0
    later = clock.now() + stream_state.LEASE_LENGTH + timedelta(seconds=1)
    with tenant_scope(worker.tenant):
        theirs = stream_state.take_lease(key, at=later)
    assert theirs is not None
    with pytest.raises(stream_state.LeaseLostError), tenant_scope(worker.tenant):
        stream_state.advance(mine, Advance(due_at=later, work_done=7), at=later)
    assert worker.stream("transactions")["work_done"] == 0


def test_streams_that_ran_while_the_clock_was_ahead_are_due_again(worker: Worker) -> None:
    key = worker.key("transactions")
    ahead = clock.now() + timedelta(days=2)
    with tenant_scope(worker.tenant):
        lease = stream_state.take_lease(key, at=ahead)
        assert lease is not None
    with tenant_scope(worker.tenant):
        stream_state.advance(lease, Advance(due_at=ahead + timedelta(hours=1)), at=ahead)
    assert worker.run("transactions") == 0
    assert make_future_attempts_due(at=clock.now()) == 1
    assert make_future_attempts_due(at=clock.now()) == 0
    with tenant_scope(worker.tenant), pytest.raises(stream_state.LeaseLostError):
        stream_state.renew(lease, at=ahead)
    assert worker.run("transactions") > 0


def test_concurrent_workers_share_streams_without_duplicate_rows(worker: Worker) -> None:
    keys = [worker.key("orders_history"), worker.key("transactions"), worker.key("settlements")]
    steps: list[int] = []

    def work() -> None:
        with as_role("worker"):
            steps.extend(run_stream(key, now=clock.now) for key in keys)
            databases["default"].close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in ("orders_history", "transactions", "settlements"):
        worker.finish(name)
    assert sum(steps) > 3
    assert worker.requests_of("createReport") == 1
    [(lines, distinct)] = worker.rows(
        "select count(*), count(distinct (order_id, line_key)) from ingest_order_line"
    )
    assert lines == distinct > 50


def test_page_received_after_disconnection_is_not_stored(
    worker: Worker, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, before = SyncStep.call, worker.requests_of("listTransactions")

    def late(self: SyncStep, operation: str, **request: Any) -> bytes:  # noqa: ANN401
        body = ask(self, operation, **request)
        done = disconnect(
            connection=worker.connection,
            reason=DisconnectReason.SELLER_REQUEST,
            tenant=cast.alices_shop,
            actor=cast.alice.actor,
            at=clock.now(),
        )
        assert done.first
        return body

    monkeypatch.setattr(SyncStep, "call", late)
    assert worker.run("transactions") == 0
    assert worker.requests_of("listTransactions") == before + 1
    assert worker.rows("select count(*) from ingest_ledger_line") == [(0,)]
    assert worker.stream("transactions")["last_success_at"] is None
