"""Orders that the next pass reads again are merged once.

Nothing is stored differently for it. Two shops get the same answers of Amazon: one by the stream,
which recognizes the orders of its last pass, and one whose stream recognizes none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import connections as databases
from tests.conftest import as_role

from theseller.amazon.decoders.orders import Order
from theseller.ingest.facts import write_orders as writing
from theseller.ingest.sync.streams import order_updates
from theseller.ingest.sync.sync_step import SyncStep
from theseller.ingest.types import Advance
from theseller.lib.ids import new_id
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DE = "A1PA6795UKMFR9"
_LINES = (
    "select local_day, order_id, line_key, status, quantity, item_price, last_updated_at, source"
    " from ingest_order_line order by order_id, line_key"
)
_DAYS = "select marketplace_id, local_day from ingest_dirty_day order by 1, 2"
_PRODUCTS = "select sku, asin, title from ingest_product order by 1"


class Shop:
    """A shop and its stream of orders, without Amazon and without a schedule."""

    def __init__(self, *, recognizes: bool) -> None:
        self.tenant = create_tenant(name="Alice's shop", actor="process:test", at=AT)
        self.connection = new_id()
        self.recognizes = recognizes
        self.cursor = order_updates.start(AT)[0]

    def get(self, body: dict[str, Any]) -> None:
        """Let the stream read one page."""

        def commit(later: Advance, write: Callable[[], object]) -> None:
            with tenant_scope(self.tenant):
                write()
            self.cursor = json.loads(json.dumps(later.cursor))

        if not self.recognizes:
            self.cursor |= {"read": []}
        step = SimpleNamespace(
            tenant=self.tenant, connection=self.connection, at=AT,
            lease=SimpleNamespace(cursor=self.cursor), commit=commit,
            call=lambda *_, **__: json.dumps(body).encode(), note_unknown_fields=lambda *_: None,
        )  # fmt: skip
        self.cursor["after"] = "2026-11-20T10:00:00Z"
        with as_role("worker"):
            order_updates.run_step(cast("SyncStep", step))

    def facts(self) -> list[list[tuple[Any, ...]]]:
        with tenant_scope(self.tenant), databases["default"].cursor() as cursor:
            found = []
            for sql in (_LINES, _DAYS, _PRODUCTS):
                cursor.execute(sql)
                found.append(list(cursor.fetchall()))
            return found


@pytest.fixture
def merged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the number of orders of each write."""
    seen: list[int] = []

    def counted(orders: list[Order], **known: Any) -> object:  # noqa: ANN401 - as it is called
        seen.append(len(orders))
        return writing.write_api_orders(orders, **known)

    monkeypatch.setattr(order_updates, "write_api_orders", counted)
    return seen


def order(
    number: int, hours: int = 1, status: str = "SHIPPED", quantity: int = 1
) -> dict[str, Any]:
    bought = AT - timedelta(days=number)
    return {
        "orderId": f"303-000000{number}-0000001",
        "createdTime": f"{bought:%Y-%m-%dT%H:%M:%SZ}",
        "lastUpdatedTime": f"{bought + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": DE},
        "fulfillment": {"fulfillmentStatus": status, "fulfilledBy": "AMAZON"},
        "orderItems": [
            {
                "orderItemId": "1",
                "quantityOrdered": quantity,
                "product": {"asin": "B000000001", "sellerSku": f"MUG-{number % 2}", "title": "Mug"},
            }
        ],
    }


def page(*orders: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"orders": orders, "pagination": {"nextToken": "more"} if more else {}}


def test_an_order_is_merged_once_and_again_when_it_changes(merged: list[int]) -> None:
    shop = Shop(recognizes=True)
    shop.get(page(order(1), order(2)))
    shop.get(page(order(1), order(2), order(3)))
    shop.get(page(order(3), order(1, hours=2, status="CANCELLED")))
    shop.get(page(order(3)))
    assert merged == [2, 1, 1]
    assert [row[3] for row in shop.facts()[0]] == ["cancelled", "shipped", "shipped"]


def test_all_pages_of_the_last_pass_are_recognized(merged: list[int]) -> None:
    shop = Shop(recognizes=True)
    shop.get(page(order(1), more=True))
    shop.get(page(order(2)))
    assert shop.cursor["token"] is None
    shop.get(page(order(1), order(2)))
    assert merged == [1, 1]


def test_facts_equal_those_of_orders_that_are_merged_each_time(merged: list[int]) -> None:
    chance = Random(7)  # repeatable, not secret  # noqa: S311
    ours, whole = Shop(recognizes=True), Shop(recognizes=False)
    sent = 0
    pool = [order(number) for number in range(5)]
    for turn in range(14):
        number = chance.randrange(5)
        if chance.random() < 0.6:
            pool[number] = order(
                number, chance.randrange(1, 4), chance.choice(("SHIPPED", "PENDING", "CANCELLED")),
                chance.randrange(3),
            )  # fmt: skip
        answer = page(*chance.sample(pool, 3), more=chance.random() < 0.3)
        sent += 6
        for shop in (ours, whole):
            shop.get(answer)
        assert ours.facts() == whole.facts(), f"turn {turn}"
    assert sum(merged) < sent
