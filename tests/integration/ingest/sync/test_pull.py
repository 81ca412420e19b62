"""Pulling from Amazon: the way of the data, and every bad day it must survive."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from tests.cast import Cast
from tests.database import test_server
from tests.integration.ingest.sync.conftest import DE, SMALL_SELLER, UK, Worker

from theseller.amazon import seller_id_lookup
from theseller.connections.types import DisconnectReason
from theseller.ingest.sync.queries import progress
from theseller.ingest.sync.stream_creation_and_due_streams import due_streams
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

IRELAND = "A28R8C7NBKEWEA"


def test_a_small_seller_is_fetched_completely(worker: Worker) -> None:
    for name in ("orders_history", "orders", "transactions", "settlements"):
        worker.finish(name)
    for store in (UK, DE):
        assert worker.run("inventory", store) == 1
    [(lines, orders, stores)] = worker.rows(
        "select count(*), count(distinct order_id), count(distinct marketplace_id) from"
        " ingest_order_line"
    )
    assert lines > orders > 50
    assert stores == 2
    assert (
        worker.rows(
            "select count(*) from ingest_order_line where status <> 'cancelled' and item_price > 0"
        )[0][0]
        > 50
    )
    assert {
        source for (source,) in worker.rows("select distinct source from ingest_ledger_line")
    } == {"finances", "settlement"}
    assert worker.rows("select count(*) from ingest_inventory")[0][0] > 10
    assert worker.rows("select count(*) from ingest_product where title <> ''")[0][0] > 10
    assert worker.rows("select count(*) from ingest_dirty_day")[0][0] > 20
    [(documents, kept)] = worker.rows("select count(*), sum(rows_kept) from ingest_document")
    assert documents > 1
    assert kept >= lines
    assert worker.rows("select count(*) from ingest_drift")[0][0] == 0
    assert worker.requests_of("createReport") == 1


def test_data_that_arrives_twice_is_stored_once(worker: Worker) -> None:
    worker.finish("orders_history")
    worker.finish("transactions")
    before = (
        worker.rows("select count(*), sum(quantity) from ingest_order_line"),
        worker.rows("select count(*), sum(amount) from ingest_ledger_line"),
    )
    worker.rows("delete from ingest_dirty_day")
    worker.set_cursor("orders_history", pending=[0])
    worker.set_cursor("transactions", pending=[0])
    worker.finish("orders_history")
    worker.finish("transactions")
    after = (
        worker.rows("select count(*), sum(quantity) from ingest_order_line"),
        worker.rows("select count(*), sum(amount) from ingest_ledger_line"),
    )
    assert before == after
    assert worker.rows("select count(*) from ingest_dirty_day") == [(0,)], (
        "what did not change makes no work"
    )


def test_a_store_without_an_account_is_not_named_to_amazon_again(worker: Worker) -> None:
    worker.set_cursor(
        "orders_history", store=4
    )  # behind the store that the seller chose come the region's others
    worker.finish("orders_history")
    assert (
        worker.requests_of("createReport") == 3
    )  # Belgium and the Netherlands are denied, Germany is not
    assert worker.stream("orders_history")["cursor"]["store"] == 6
    assert worker.run("inventory", IRELAND) == 0
    assert worker.stream("inventory", IRELAND)["last_outcome"] == "role_missing"


def test_many_throttled_calls_slow_one_stream_and_lose_nothing(worker: Worker) -> None:
    worker.amazon.control("faults", operation="finances.*", kind="throttle", times=3)
    worker.run("transactions")
    stream = worker.stream("transactions")
    assert (stream["last_outcome"], stream["failures_in_row"]) == ("throttled", 0)
    assert worker.rows(
        "select tokens <= 0 from ingest_bucket where key like %s", "%listTransactions"
    ) == [(True,)]
    assert "transactions" not in {
        key.name for key in due_streams(at=clock.now()) if key.connection == worker.connection
    }
    worker.finish("transactions")


@pytest.mark.parametrize("kind", ["error503", "html_error", "truncate", "malformed_json"])
def test_an_unreadable_response_is_requested_again(worker: Worker, kind: str) -> None:
    worker.amazon.control("faults", operation="finances.*", kind=kind, times=1)
    worker.run("transactions")
    stream = worker.stream("transactions")
    assert (stream["last_outcome"], stream["failures_in_row"]) == ("unavailable", 1)
    assert worker.rows("select count(*) from ingest_ledger_line") == [(0,)]
    worker.finish("transactions")
    assert worker.stream("transactions")["failures_in_row"] == 0


def test_failures_wait_longer_each_time(worker: Worker) -> None:
    worker.amazon.control("faults", operation="finances.*", kind="error500")
    waits = []
    for _ in range(4):
        worker.pass_time("transactions")
        worker.run("transactions")
        [(wait,)] = worker.rows(
            "select due_at - last_attempt_at from ingest_stream where name = 'transactions'"
        )
        waits.append(round(wait.total_seconds()))
    # Never less than Amazon asks for; a loaded machine may add a moment.
    assert all(
        0 <= wait - requested <= 5 for wait, requested in zip(waits, [30, 30, 60, 120], strict=True)
    ), waits
    worker.finish("settlements")  # the others go on


def test_a_new_field_is_noted_by_path_and_nothing_stops(worker: Worker) -> None:
    worker.amazon.control("faults", operation="finances.*", kind="unknown_field")
    worker.finish("transactions")
    paths = [
        path
        for (path,) in worker.rows(
            "select path from ingest_drift where operation = 'listTransactions'"
        )
    ]
    assert "payload.transactions[].recentlyIntroducedField" in paths
    assert all("note" not in path.split(".")[-1] for path in paths)
    assert worker.rows("select count(*) > 0 from ingest_ledger_line") == [(True,)]


def test_an_expired_document_address_is_requested_again(worker: Worker) -> None:
    worker.amazon.control(
        "faults", operation="reports.getReportDocument", kind="expired_document", times=1
    )
    worker.finish("orders_history")
    assert worker.requests_of("getReportDocument") == 2
    assert worker.requests_of("createReport") == 1


def test_a_truncated_document_is_not_stored(worker: Worker) -> None:
    worker.amazon.control("faults", operation="documents.download", kind="truncate", times=1)
    worker.run("orders_history")
    worker.pass_time("orders_history")
    worker.run("orders_history")
    assert worker.rows("select count(*) from ingest_order_line") == [(0,)]
    worker.finish("orders_history")
    assert worker.rows("select count(*) > 50 from ingest_order_line") == [(True,)]
    assert worker.requests_of("createReport") == 1


def test_a_failed_report_waits_and_is_requested_again(worker: Worker) -> None:
    worker.set_cursor("orders_history", pending=[0, 1])
    worker.amazon.control("faults", operation="reports.createReport", kind="fatal_report", times=1)
    cursor = worker.stream("orders_history")["cursor"]
    for _ in range(20):  # which of the two reports Amazon has ready first is its own affair
        worker.run("orders_history")
        worker.rows(
            "update ingest_stream set due_at = now() where name = 'orders_history' and due_at <"
            " now() + interval '40 seconds'"
        )
        cursor = worker.stream("orders_history")["cursor"]
        if cursor["pending"] == [0] and cursor["parked"]:
            break
        _look_now(worker)
    assert cursor["pending"] == [0], "the other window did not wait"
    assert cursor["parked"]["0"]["why"] == "fatal"
    worker.finish("orders_history")
    assert worker.requests_of("createReport") == 3


def test_a_cancelled_report_means_no_data_only_after_a_second_request(worker: Worker) -> None:
    # Three years back the seller had no shop yet: nothing to report.
    worker.set_cursor("orders_history", pending=[40])
    worker.run("orders_history")
    stream = worker.stream("orders_history")
    for _ in range(6):  # the emulated report may still be in its queue
        _look_now(worker)
        worker.run("orders_history")
        stream = worker.stream("orders_history")
        if stream["cursor"]["parked"]:
            break
    assert stream["cursor"]["parked"]["40"]["why"] == "cancelled"
    assert stream["cursor"]["pending"] == [40]
    worker.run("orders_history")
    assert worker.requests_of("createReport") == 1, "not before the cool-down is over"
    worker.finish("orders_history")
    assert worker.requests_of("createReport") == 2


def _look_now(worker: Worker) -> None:
    cursor = worker.stream("orders_history")["cursor"]
    past = (clock.now() - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    worker.set_cursor(
        "orders_history",
        open={key: value | {"look": past} for key, value in cursor["open"].items()},
    )
    worker.rows(
        "update ingest_stream set due_at = now() where name = 'orders_history' and cursor -> 'open'"
        " <> '{}'"
    )


def test_a_revocation_at_amazon_disconnects_the_connection(worker: Worker, cast: Cast) -> None:
    worker.run("transactions")
    worker.amazon.control("revoke", selling_partner_id=SMALL_SELLER)
    worker.pass_time("settlements")
    worker.run("settlements")
    [(reason, actor)] = worker.rows("select reason, actor from connections_disconnection")
    assert (reason, actor) == (DisconnectReason.REVOKED_AT_AMAZON.value, "amazon:invalid_grant")
    requested = worker.requests_of("listTransactions")
    worker.pass_time("transactions")
    assert worker.run("transactions") == 0
    assert worker.requests_of("listTransactions") == requested
    assert worker.connection not in {
        key.connection for key in due_streams(at=clock.now(), most=1000)
    }


def _claims(worker: Worker, database: str, seller: str) -> None:
    """Record that the connection is `seller`'s.

    As if Amazon had not been able to name the seller when it was authorized.
    """
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        superuser.execute(
            "update connections_connection set selling_partner_id = %s, seller_check = null,"
            " seller_checked_at = null where id = %s",
            [seller, worker.connection],
        )


def _seller_check(worker: Worker) -> str | None:
    [(check,)] = worker.rows(
        "select seller_check from connections_connection where id = %s", worker.connection
    )
    return None if check is None else str(check)


@pytest.mark.parametrize("first", ["transactions", "orders_history", "settlements"])
def test_the_first_stream_that_runs_has_amazon_confirm_whose_connection_it_is(
    worker: Worker, database: str, first: str
) -> None:
    _claims(worker, database, SMALL_SELLER)
    worker.pass_time(first)
    worker.run(first)
    assert _seller_check(worker) == "confirmed"
    assert worker.stream(first)["last_outcome"] in {"ok", "waiting"}


def test_no_stream_sends_requests_before_amazon_confirmed_the_seller(
    worker: Worker, database: str
) -> None:
    _claims(worker, database, SMALL_SELLER)
    streams = ("orders_history", "orders", "settlements", "transactions")
    worker.amazon.control(
        "faults", operation="finances.listTransactions", kind="error503", times=len(streams)
    )
    for name in streams:
        worker.pass_time(name)
        assert worker.run(name) == 0
        assert worker.stream(name)["last_outcome"] == "unavailable"
    assert _seller_check(worker) is None
    assert [
        worker.requests_of(operation)
        for operation in ("createReport", "getReports", "searchOrders")
    ] == [0, 0, 0]
    assert worker.rows("select count(*) from ingest_ledger_line") == [(0,)]


def test_where_amazon_names_no_seller_all_streams_wait_and_begin_together_once_it_does(
    worker: Worker, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _claims(worker, database, SMALL_SELLER)
    with monkeypatch.context() as patched:
        # An account whose newest transaction is older than Amazon's longest window: its answers are
        # empty pages.
        patched.setattr(seller_id_lookup, "_WINDOWS", (timedelta(seconds=1),))
        for name in ("orders_history", "orders", "transactions"):
            worker.pass_time(name)
            assert worker.run(name) == 0
            assert worker.stream(name)["last_outcome"] == "seller_unconfirmed"
    assert [
        worker.requests_of(operation)
        for operation in ("createReport", "getReports", "searchOrders")
    ] == [0, 0, 0]
    with tenant_scope(worker.tenant):
        notes = [
            one.note
            for one in progress()
            if one.name in {"orders_history", "orders", "transactions"}
        ]
    assert len(notes) == 3
    assert all("not confirmed the seller" in note for note in notes)
    due_at = worker.stream("orders")["due_at"]
    worker.pass_time("transactions")
    worker.run("transactions")
    assert _seller_check(worker) == "confirmed"
    assert worker.stream("orders")["due_at"] < due_at


def test_a_transaction_of_another_seller_stops_the_connection_and_nothing_of_it_is_stored(
    worker: Worker, database: str
) -> None:
    _claims(worker, database, "A2SOMEBODYELSE")
    for _ in range(2):
        worker.pass_time("transactions")
        worker.run("transactions")
    assert _seller_check(worker) == "mismatch"
    assert worker.stream("transactions")["last_outcome"] == "other_seller"
    for name in ("orders_history", "orders", "settlements"):
        worker.pass_time(name)
        worker.run(name)
        assert worker.stream(name)["last_outcome"] == "other_seller"
    assert worker.rows("select count(*) from ingest_ledger_line") == [(0,)]
    assert worker.rows("select count(*) from ingest_order_line") == [(0,)]
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        lines = superuser.execute(
            "select subject from audit_event where tag = 'connections:seller:mismatch' and"
            " tenant_id = %s",
            [worker.tenant],
        )
        assert lines.fetchall() == [(f"connection:{worker.connection}",)]
