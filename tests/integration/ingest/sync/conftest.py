"""A small European seller at the emulated Amazon, connected to Alice's shop.

And a worker that can be driven by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connections as databases
from tests.cast import Cast
from tests.conftest import as_role
from tests.emulated_amazon import EmulatedAmazon, emulated_amazon

from theseller.connections.operations import complete_authorization, start_authorization
from theseller.connections.types import Authorized
from theseller.ingest.sync.stream_creation_and_due_streams import plan
from theseller.ingest.sync.stream_runner import run_stream
from theseller.ingest.types import StreamKey
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

SMALL_SELLER, UK, DE = "A2ALICEEUROPE1", "A1F83G8C2ARO7P", "A1PA6795UKMFR9"
SESSION = Secret("alices-browser-session")


@pytest.fixture
def amazon(tmp_path: Path) -> Iterator[EmulatedAmazon]:
    with emulated_amazon(tmp_path / "amazon") as running:
        yield running


def connect(cast: Cast, amazon: EmulatedAmazon, features: Sequence[str]) -> UUID:
    """Authorise the small seller for Alice's shop; return the connection."""
    begun = start_authorization(
        features=features,
        marketplace_id=UK,
        session_key=SESSION,
        person=cast.alice.id,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )
    back = amazon.consent(begun.consent_url, seller=SMALL_SELLER)
    done = complete_authorization(
        state=back.state,
        code=back.code,
        selling_partner_id=back.selling_partner_id,
        session_key=SESSION,
        tenant=cast.alices_shop,
        actor=cast.alice.actor,
        at=clock.now(),
    )
    assert isinstance(done, Authorized)
    return done.connection


@dataclass
class Worker:
    """A worker driven by hand: planned streams, run one by one, time made to pass."""

    tenant: UUID
    connection: UUID
    amazon: EmulatedAmazon

    def key(self, name: str, store: str = "") -> StreamKey:
        return StreamKey(self.tenant, self.connection, name, store)

    # whatever the statement binds
    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        with tenant_scope(self.tenant), databases["default"].cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def stream(self, name: str, store: str = "") -> dict[str, Any]:
        [row] = self.rows(
            "select to_jsonb(s) from ingest_stream s where connection_id = %s and name = %s and"
            " marketplace_id = %s",
            self.connection, name, store,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(row[0]) if isinstance(row[0], str) else row[0]
        return found

    def set_cursor(self, name: str, of_store: str = "", /, **changes: object) -> None:
        cursor = self.stream(name, of_store)["cursor"] | changes
        self.rows(
            "update ingest_stream set cursor = %s where connection_id = %s and name = %s and"
            " marketplace_id = %s",
            json.dumps(cursor), self.connection, name, of_store,
        )  # fmt: skip

    def pass_time(self, name: str, store: str = "") -> None:
        """End every wait of the stream.

        Its due time, its lease, the next check of a report, the parking of a window, Amazon's
        patience.
        """
        past = clock.now() - timedelta(seconds=1)
        self.rows(
            "update ingest_stream set due_at = least(due_at, %s), lease_expires_at = %s where"
            " connection_id = %s and name = %s and marketplace_id = %s",
            past, past if self.stream(name, store)["lease_id"] else None, self.connection, name,
            store,
        )  # fmt: skip
        self.rows("update ingest_bucket set tokens = burst")
        cursor = self.stream(name, store)["cursor"]
        over = past.strftime("%Y-%m-%dT%H:%M:%SZ")
        for kind, field in (("open", "look"), ("parked", "until")):
            cursor[kind] = {
                key: value | {field: over} for key, value in cursor.get(kind, {}).items()
            }
        if cursor.get("next"):
            cursor["next"] = over
        if "open" in self.stream(name, store)["cursor"]:
            self.set_cursor(name, store, **cursor)

    def run(self, name: str, store: str = "") -> int:
        return run_stream(self.key(name, store), now=clock.now)

    def finish(self, name: str, store: str = "", turns: int = 30) -> None:
        """Run a stream, time passing between its turns, until its work is done."""
        for _ in range(turns):
            now = self.stream(name, store)
            if (
                now["last_success_at"]
                and now["work_done"] >= now["work_total"]
                and not now["cursor"].get("pending")
                and not now["cursor"].get("fresh")
            ):
                return
            self.pass_time(name, store)
            self.run(name, store)
        raise AssertionError(f"{name} did not finish: {self.stream(name, store)}")

    def requests_of(self, operation: str) -> int:
        calls: Any = self.amazon.calls()
        return sum(call["count"] for call in calls if call["operation"].endswith(f".{operation}"))


@pytest.fixture
def worker(cast: Cast, amazon: EmulatedAmazon) -> Iterator[Worker]:
    """Give a worker with everything authorised and streams planned.

    Histories are narrowed to their newest window, and this process is in the worker's role.
    """
    connection = connect(cast, amazon, ["sales", "finances", "stock", "traffic"])
    with as_role("worker"):
        plan(cast.alices_shop, connection, at=clock.now())
        driven = Worker(cast.alices_shop, connection, amazon)
        driven.set_cursor("orders_history", pending=[0])
        driven.set_cursor("transactions", pending=[0])
        yield driven
