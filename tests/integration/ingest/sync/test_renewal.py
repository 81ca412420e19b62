"""A connection that is authorized again, and one that takes over from another not yet erased."""

from __future__ import annotations

import pytest
from tests.cast import Cast
from tests.conftest import as_role
from tests.emulated_amazon import EmulatedAmazon
from tests.integration.ingest.sync.conftest import Worker, connect

from theseller.amazon.feature_requirements import FEATURES
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.ingest.sync.stream_creation_and_due_streams import plan_new_connections
from theseller.ingest.sync.streams import registry
from theseller.lib import clock

UK = "A1F83G8C2ARO7P"


def _streams(worker: Worker) -> set[str]:
    return {
        name
        for (name,) in worker.rows(
            "select distinct name from ingest_stream where connection_id = %s", worker.connection
        )
    }


def test_reauthorization_with_fewer_features_stops_their_streams(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    connection = connect(cast, amazon, ["sales", "finances", "stock"])
    worker = Worker(cast.alices_shop, connection, amazon)
    with as_role("worker"):
        plan_new_connections(at=clock.now())
        assert {"orders_history", "transactions"} <= _streams(worker)
    assert connect(cast, amazon, ["finances"]) == connection
    with as_role("worker"):
        plan_new_connections(at=clock.now())
        assert "transactions" in _streams(worker)
        assert "orders_history" not in _streams(worker)
    connect(cast, amazon, ["finances", "sales"])
    with as_role("worker"):
        plan_new_connections(at=clock.now())
        assert "orders_history" in _streams(worker)


def test_a_feature_that_is_not_offered_is_not_collected_and_its_rows_stay(
    cast: Cast, amazon: EmulatedAmazon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renew a connection for which an earlier version offered inventory.

    Its streams end at their next turn; what they stored is not deleted by that.
    """
    connection = connect(cast, amazon, ["sales", "stock"])
    worker = Worker(cast.alices_shop, connection, amazon)
    stored = "select count(*) from ingest_inventory where connection_id = %s"
    with as_role("worker"):
        plan_new_connections(at=clock.now())
        done = worker.run("inventory", UK)
        assert done == 1, worker.stream("inventory", UK)
        before = worker.rows(stored, connection)
    assert before != [(0,)]
    offered = {key: feature for key, feature in FEATURES.items() if key != "stock"}
    monkeypatch.setattr(registry, "OFFERED", offered)
    with as_role("worker"):
        assert worker.run("inventory", UK) == 0
        assert "inventory" not in _streams(worker)
        assert "orders" in _streams(worker)
        assert worker.rows(stored, connection) == before
    connect(cast, amazon, ["sales", "stock"])
    with as_role("worker"):
        plan_new_connections(at=clock.now())
        assert "inventory" not in _streams(worker)


def test_rows_of_an_ended_connection_pass_to_the_new_one(
    cast: Cast, amazon: EmulatedAmazon
) -> None:
    """Else the purge that is still to come would erase what the new connection holds to be there already."""
    owners = []
    connection = None
    for _ in range(2):
        connection = connect(cast, amazon, ["sales", "finances"])
        worker = Worker(cast.alices_shop, connection, amazon)
        with as_role("worker"):
            plan_new_connections(at=clock.now())
            for stream in ("orders_history", "transactions"):
                worker.set_cursor(stream, pending=[0])
                worker.finish(stream)
            owners.append(
                {
                    table: worker.rows(f"select connection_id, count(*) from {table} group by 1")
                    for table in ("ingest_order_line", "ingest_ledger_line")
                }
            )
        if len(owners) == 1:
            disconnect(
                connection=connection,
                reason=DisconnectReason.SELLER_REQUEST,
                tenant=cast.alices_shop,
                actor=cast.alice.actor,
                at=clock.now(),
            )
    for table, [(_, rows)] in owners[0].items():
        assert rows > 0
        assert owners[1][table] == [(connection, rows)], table
