"""From the request for a slip to the sealed recipient, at the emulated Amazon.

What may be requested, what is stored, and every failure.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.test import override_settings
from tests.cast import Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.emulated_amazon import ROLES, EmulatedAmazon, emulated_amazon
from tests.integration.ingest.sync.conftest import Worker, connect

from theseller.amazon.decoders.recipients import SlipData, decode_slip_data
from theseller.amazon.spapi_client import SPAPIClient
from theseller.buyer_pii import recipient_fetch
from theseller.buyer_pii.operations import (
    disable_packing_slips,
    enable_packing_slips,
    open_slips,
    request_slips,
)
from theseller.buyer_pii.queries import orders_to_ship, outcomes
from theseller.buyer_pii.recipient_fetch import MAX_FAILURES_PER_RUN, RETRY_WINDOW, fetch_requested
from theseller.buyer_pii.types import RequestOutcome, ShippableOrder, Slip
from theseller.emulator.canary_texts import PATTERN
from theseller.ingest.sync.stream_creation_and_due_streams import plan
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

GRANTED = (*ROLES, "Direct to Consumer Shipping (Restricted)")


class Desk(Worker):
    """A shop's packing table: what there is to ship, and a worker driven by hand."""

    def waiting(self) -> list[ShippableOrder]:
        with tenant_scope(self.tenant):
            return list(orders_to_ship([self.connection], at=clock.now()))

    def ask(self, count: int = 1) -> list[str]:
        ids = [order.id for order in self.waiting()[:count]]
        assert len(ids) == count, "the emulated shop has too little to ship"
        with as_role("web"):
            wanted = request_slips(ids=ids, tenant=self.tenant, actor="user:bob", at=clock.now())
        assert sorted(wanted[self.connection]) == sorted(ids)
        return ids

    def fetch(self, now: Callable[[], object] = clock.now) -> object:
        return fetch_requested(
            tenant=self.tenant,
            connection=self.connection,
            now=now,  # type: ignore[arg-type]
        )

    def outcomes(self, ids: list[str]) -> list[RequestOutcome | None]:
        with tenant_scope(self.tenant):
            known = outcomes(ids)
        return [known[one] for one in ids]

    def slips(self, ids: list[str]) -> list[Slip]:
        with as_role("web"):
            return list(open_slips(ids=ids, tenant=self.tenant, actor="user:bob", at=clock.now()))

    def get_order_calls(self) -> int:
        return self.requests_of("getOrder")


def _desk(cast: Cast, amazon: EmulatedAmazon, database: str) -> Desk:
    connection = connect(cast, amazon, ["sales"])
    with as_role("worker"):
        plan(cast.alices_shop, connection, at=clock.now())
        desk = Desk(cast.alices_shop, connection, amazon)
        desk.set_cursor("orders_history", pending=[0])
        desk.finish("orders_history")
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        # How many orders wait today is chance; here the last three weeks' do. Amazon knows that
        # they have left.
        superuser.execute(
            "update ingest_order_line set status = 'unshipped' where connection_id = %s and"
            " fulfilment = 'merchant' and status = 'shipped' and local_day > current_date - 20",
            [connection],
        )
    enable_packing_slips(
        connection=connection, tenant=cast.alices_shop, actor=cast.alice.actor, at=clock.now()
    )
    return desk


@pytest.fixture
def desk(role: None, cast: Cast, database: str, tmp_path: Path) -> Iterator[Desk]:
    with emulated_amazon(tmp_path / "amazon", roles=GRANTED) as amazon:
        made = _desk(cast, amazon, database)
        with as_role("worker"):
            yield made


def test_fetch_sends_one_call_per_order_and_seals_each_recipient(desk: Desk, database: str) -> None:
    ids = desk.ask(3)
    assert desk.fetch() is None
    assert desk.outcomes(ids) == [RequestOutcome.FETCHED] * 3
    assert desk.get_order_calls() == 3
    found = desk.slips(ids)
    assert len(found) == 3
    for slip in found:
        printed = "\n".join(slip.recipient.lines)
        assert len(re.findall(PATTERN, printed)) >= 7, (
            "a name, a company, three lines, a district, a town"
        )
        assert slip.recipient.gifts
        assert slip.recipient.ship_by is not None
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        for table in (
            "public.vault_request",
            "public.audit_event",
            "public.ingest_order_line",
            "pii.recipient",
        ):
            rows = superuser.execute(
                f"select t::text from {table} t where tenant_id = %s".encode(), [desk.tenant]
            ).fetchall()
            assert rows
            assert not re.search(PATTERN, str(rows)), f"{table} holds something of a buyer"


def test_a_repeated_request_sends_no_call_and_keeps_the_expiry_date(desk: Desk) -> None:
    ids = desk.ask()
    desk.fetch()
    [before] = desk.slips(ids)
    desk.ask()
    desk.fetch()
    assert desk.outcomes(ids) == [RequestOutcome.FETCHED]
    assert desk.get_order_calls() == 1
    [after] = desk.slips(ids)
    assert (after.recipient, after.expires_on) == (before.recipient, before.expires_on)


def test_a_seller_who_has_not_granted_the_role_gets_no_half_address(
    role: None, cast: Cast, database: str, tmp_path: Path
) -> None:
    """Amazon answers 200 and leaves the name out: a town alone is no address, and is dropped."""
    with emulated_amazon(tmp_path / "amazon") as amazon:
        desk = _desk(cast, amazon, database)
        with as_role("worker"):
            ids = desk.ask()
            desk.fetch()
            assert desk.outcomes(ids) == [RequestOutcome.NOT_GIVEN]
            assert desk.slips(ids) == []


def test_fetch_without_the_restricted_role_sends_no_call(desk: Desk) -> None:
    ids = desk.ask()
    with override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, restricted_roles=())):
        assert desk.fetch() is None
        with as_role("web"):
            assert (
                request_slips(ids=ids, tenant=desk.tenant, actor="user:bob", at=clock.now()) == {}
            )
    assert desk.outcomes(ids) == [RequestOutcome.ROLE_MISSING]
    assert desk.get_order_calls() == 0


def test_fetch_after_packing_slips_were_disabled_sends_no_call(desk: Desk) -> None:
    ids = desk.ask()
    with as_role("web"):
        disable_packing_slips(
            connection=desk.connection, tenant=desk.tenant, actor="user:alice", at=clock.now()
        )
    assert desk.fetch() is None
    assert desk.outcomes(ids) == [RequestOutcome.SWITCHED_OFF]
    assert desk.get_order_calls() == 0


def test_disabling_packing_slips_waits_for_a_running_call_and_discards_its_result(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = desk.ask()
    begun, go_on, real = threading.Event(), threading.Event(), SPAPIClient.call

    # whatever the call takes and gives
    def delayed_call(client: SPAPIClient, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        begun.set()
        assert go_on.wait(60)
        return real(client, *arguments, **named)

    monkeypatch.setattr(SPAPIClient, "call", delayed_call)
    under_way = _beside("worker", desk.fetch)
    assert begun.wait(60)
    turning = _beside(
        "web",
        lambda: disable_packing_slips(
            connection=desk.connection, tenant=desk.tenant, actor="user:alice", at=clock.now()
        ),
    )
    turning.join(0.5)
    assert turning.is_alive(), "it is off, and a call is under way"
    go_on.set()
    for one in (under_way, turning):
        one.join(60)
    assert desk.slips(ids) == []
    assert desk.get_order_calls() == 1
    assert desk.outcomes(ids) == [RequestOutcome.SWITCHED_OFF]


def _beside(role: str, work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        with as_role(role):
            work()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_an_order_that_was_cancelled_meanwhile_brings_no_recipient_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(body: bytes) -> tuple[SlipData, tuple[str, ...]]:
        data, drift = decode_slip_data(body)
        return replace(data, cancelled=True), drift

    monkeypatch.setattr(recipient_fetch, "decode_slip_data", cancelled)
    ids = desk.ask()
    desk.fetch()
    assert desk.outcomes(ids) == [RequestOutcome.NOT_YOURS]
    assert desk.slips(ids) == []


def test_failed_order_is_retried_without_delaying_other_orders(desk: Desk) -> None:
    ids = desk.ask(3)
    desk.amazon.control("faults", operation="orders.getOrder", kind="error503", times=1)
    assert desk.fetch() is not None
    assert sorted(map(str, desk.outcomes(ids))) == ["None", "fetched", "fetched"]
    assert desk.fetch() is None
    assert desk.outcomes(ids) == [RequestOutcome.FETCHED] * 3


def test_an_outage_of_amazon_ends_the_run_before_all_orders_are_requested(desk: Desk) -> None:
    ids = desk.ask(5)
    desk.amazon.control("faults", operation="orders.getOrder", kind="error503")
    assert desk.fetch() is not None
    assert desk.get_order_calls() == MAX_FAILURES_PER_RUN
    assert desk.outcomes(ids) == [None] * 5


def test_a_throttled_request_waits_and_is_not_lost(desk: Desk) -> None:
    ids = desk.ask()
    desk.amazon.control("faults", operation="orders.getOrder", kind="throttle", times=1)
    again = desk.fetch()
    assert again is not None
    assert desk.outcomes(ids) == [None]
    desk.rows("update ingest_bucket set tokens = burst")
    assert desk.fetch() is None
    assert desk.outcomes(ids) == [RequestOutcome.FETCHED]


@pytest.mark.parametrize("kind", ["error503", "html_error", "truncate", "malformed_json"])
def test_an_unreadable_response_is_retried_until_the_limit(desk: Desk, kind: str) -> None:
    ids = desk.ask()
    desk.amazon.control("faults", operation="orders.getOrder", kind=kind, times=2)
    assert desk.fetch() is not None
    assert desk.outcomes(ids) == [None]
    assert desk.fetch(lambda: clock.now() + RETRY_WINDOW + timedelta(seconds=1)) is None
    assert desk.outcomes(ids) == [RequestOutcome.AMAZON_FAILED]
    desk.ask()  # who still wants it says so
    assert desk.fetch() is None
    assert desk.outcomes(ids) == [RequestOutcome.FETCHED]


def test_unknown_order_is_not_found_and_fba_order_is_not_yours(desk: Desk, database: str) -> None:
    ids = desk.ask(2)
    with psycopg.connect(test_server().superuser_dsn(database)) as superuser:
        for table in ("vault_request", "ingest_order_line"):
            superuser.execute(
                f"update {table} set order_id = '902-0000000-0000000' where order_id = %s".encode(),
                [ids[0]],
            )
        superuser.execute(
            "update ingest_order_line set fulfilment = 'amazon' where order_id = %s", [ids[1]]
        )
    assert desk.fetch() is None
    assert desk.outcomes(["902-0000000-0000000", ids[1]]) == [
        RequestOutcome.NOT_FOUND,
        RequestOutcome.NOT_YOURS,
    ]
    assert desk.get_order_calls() == 1
