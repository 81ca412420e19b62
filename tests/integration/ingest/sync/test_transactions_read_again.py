"""Transactions that come again unchanged are not read again, and nothing is stored differently.

Two shops get the same answers of Amazon: one by the stream, which recognizes what it has read, and
one whose program reads every answer whole.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
from django.db import connections as databases
from django.db.utils import Error
from tests.conftest import as_role

from theseller.amazon.decoders.transactions import TransactionsPage, decode_transactions
from theseller.amazon.decoders.undecoded_transactions import take_apart
from theseller.analytics.rollups.recompute import recompute_dirty
from theseller.ingest.facts import transaction_digests
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.fact_row_types import ProductRow
from theseller.ingest.facts.product_writer import write_products
from theseller.ingest.facts.store_attribution import reassign_storeless_lines
from theseller.ingest.sync.streams import transactions
from theseller.ingest.sync.sync_step import SyncStep
from theseller.lib.ids import new_id
from theseller.tenancy.operations import create_tenant
from theseller.tenancy.tenant_scope import tenant_scope

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DE, FR = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"
SELLER = "A2ALICEEXAMPLE1"
_LINES = (
    "select local_day, source, source_key, source_line, marketplace_id, posted_at, state, kind,"
    " breakdown, currency, amount, order_id, supersedes, settlement_id, group_id, store_named"
    " from ingest_ledger_line order by source_key, source_line"
)
_DAYS = (
    "select local_day, marketplace_id, currency, net_proceeds, deferred, product_sales, fees"
    " from analytics_day order by 1, 2, 3"
)


class Shop:
    """A shop and the stream of its transactions, without Amazon and without a schedule."""

    def __init__(self, *, recognizes: bool) -> None:
        self.tenant = create_tenant(name="Alice's shop", actor="process:test", at=AT)
        self.connection = new_id()
        self.recognizes = recognizes

    def get(self, body: bytes, *, fail: bool = False) -> None:
        view = SimpleNamespace(selling_partner_id=SELLER, marketplace_ids=(DE, FR))
        step = cast(
            "SyncStep",
            SimpleNamespace(
                tenant=self.tenant, connection=self.connection, view=view, at=AT,
                note_unknown_fields=lambda *_: None,
            ),
        )  # fmt: skip
        with as_role("worker"), tenant_scope(self.tenant):
            if self.recognizes:
                answer = take_apart(body)
                assert answer is not None
                transactions._write_unread(step, answer, is_new_day=False)
            else:
                transactions._write(step, decode_transactions(body), {})
            if fail:
                self.rows("select pg_terminate_backend(pg_backend_pid())")

    def add_store(self, store: str) -> None:
        """Let the seller be known to sell in one more store, as an import of its orders does."""
        with as_role("worker"), tenant_scope(self.tenant):
            write_products(
                [ProductRow(store, "MUG", "B000000001", "A mug", AT)],
                tenant=self.tenant, connection=self.connection,
            )  # fmt: skip
            reassign_storeless_lines(Bulk(self.tenant))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with databases["default"].cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def facts(self) -> list[list[tuple[Any, ...]]]:
        dirty = "select marketplace_id, local_day from ingest_dirty_day order by 1, 2"
        with tenant_scope(self.tenant):
            return [self.rows(_LINES), self.rows(dirty)]

    def figures(self) -> list[tuple[Any, ...]]:
        with as_role("worker"):
            while recompute_dirty(tenant=self.tenant, at=AT).days:
                pass
        with tenant_scope(self.tenant):
            return self.rows(_DAYS)


def text(
    key: str | None,
    status: str = "RELEASED",
    *,
    amount: str = "12.00",
    store: str | None = DE,
    hours: int = 5,
    currency: str = "EUR",
    **names: str,
) -> dict[str, Any]:
    money = {"currencyAmount": float(amount), "currencyCode": currency}
    return {
        "transactionId": key, "transactionType": "Shipment", "transactionStatus": status,
        "postedDate": f"{AT - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}", "totalAmount": money,
        "sellingPartnerMetadata": {"sellingPartnerId": SELLER, "marketplaceId": store},
        "relatedIdentifiers": [
            {"relatedIdentifierName": name, "relatedIdentifierValue": value}
            for name, value in names.items()
        ],
        "breakdowns": [{"breakdownType": "Sales", "breakdownAmount": money}],
    }  # fmt: skip


def answer(*texts: dict[str, Any], **more: Any) -> bytes:  # noqa: ANN401 - any field
    return json.dumps(
        {"payload": {"transactions": list(texts), "nextToken": None, **more}}
    ).encode()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the number of transactions of each decoded answer."""
    seen: list[int] = []

    def counted(body: bytes) -> TransactionsPage:
        page = decode_transactions(body)
        seen.append(len(page.transactions))
        return page

    monkeypatch.setattr(transactions, "decode_transactions", counted)
    return seen


def _random_text(chance: Random) -> dict[str, Any]:
    key = f"T-{chance.randrange(8)}"
    other = f"T-{chance.randrange(8)}"
    names = {"ORDER_ID": f"303-{key[-1]}"} if chance.random() < 0.7 else {}
    status = chance.choice(("RELEASED", "RELEASED", "DEFERRED", "DEFERRED_RELEASED"))
    if status == "DEFERRED_RELEASED" and chance.random() < 0.8:
        names["RELEASE_TRANSACTION_ID"] = other
    elif status == "RELEASED" and chance.random() < 0.3:
        names["DEFERRED_TRANSACTION_ID"] = other
    for name, values in (("SETTLEMENT_ID", "123"), ("FINANCIAL_EVENT_GROUP_ID", "G")):
        if chance.random() < 0.2:
            names[name] = chance.choice(values)
    return text(
        None if chance.random() < 0.05 else key, status, amount=chance.choice(("12", "-3", "0.5")),
        store=chance.choice((DE, DE, FR, None)), hours=chance.randrange(60), **names,
    )  # fmt: skip


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(1, 20))]
)
def test_facts_and_figures_equal_those_of_answers_read_whole(seed: int, decoded: list[int]) -> None:
    chance = Random(seed)  # repeatable, not secret  # noqa: S311
    ours, whole = Shop(recognizes=True), Shop(recognizes=False)
    pool = [_random_text(chance) for _ in range(10)]
    sent = 0
    for turn in range(14):
        if chance.random() < 0.3:
            pool[chance.randrange(len(pool))] = _random_text(chance)
        page = chance.sample(pool, chance.randrange(3, 8))
        sent += len(page)
        for shop in (ours, whole):
            if turn in {5, 9}:
                shop.add_store(DE if turn == 5 else FR)
            shop.get(answer(*page))
        assert ours.facts() == whole.facts(), f"turn {turn}"
    assert sum(decoded) < sent  # some were recognized
    assert ours.figures() == whole.figures()


def test_only_what_changed_is_decoded(decoded: list[int]) -> None:
    shop = Shop(recognizes=True)
    same, other = text("T-1"), text("T-2", hours=6)
    shop.get(answer(same, other))
    shop.get(answer(same, other))
    shop.get(answer(other, text("T-3"), same))
    shop.get(answer(same, text("T-2", amount="13.00", hours=6)))
    shop.get(answer(same, other))  # as it was before: T-2 is stored otherwise
    shop.get(answer(same, other))
    assert decoded == [2, 0, 1, 1, 1, 0]
    with tenant_scope(shop.tenant):
        assert shop.rows("select count(*), sum(amount) from ingest_ledger_line") == [(3, 36)]


def test_a_deferred_sale_is_read_again_after_its_release(decoded: list[int]) -> None:
    shop = Shop(recognizes=True)
    deferred = text("T-1", "DEFERRED")
    shop.get(answer(deferred))
    shop.get(answer(text("T-2", DEFERRED_TRANSACTION_ID="T-1")))
    shop.get(answer(deferred))
    assert decoded == [1, 1, 1]
    with tenant_scope(shop.tenant):
        assert shop.rows("select source_key from ingest_ledger_line") == [("T-2",)]


def test_lines_that_another_store_got_are_read_again(decoded: list[int]) -> None:
    shop = Shop(recognizes=True)
    shop.add_store(DE)
    storeless = text("T-1", store=None)
    shop.get(answer(storeless))
    shop.add_store(FR)  # Now it belongs to no store.
    shop.get(answer(storeless))
    shop.get(answer(storeless))
    assert decoded == [1, 1, 0]
    with tenant_scope(shop.tenant):
        assert shop.rows("select marketplace_id from ingest_ledger_line") == [("",)]


def test_a_changed_program_reads_everything_again(
    monkeypatch: pytest.MonkeyPatch, decoded: list[int]
) -> None:
    shop = Shop(recognizes=True)
    shop.get(answer(text("T-1")))
    monkeypatch.setattr(transaction_digests, "code_version", lambda: "another")
    shop.get(answer(text("T-1")))
    shop.get(answer(text("T-1")))
    assert decoded == [1, 1, 0]


def test_what_a_killed_worker_wrote_is_read_again(decoded: list[int]) -> None:
    shop = Shop(recognizes=True)
    with pytest.raises(Error):
        shop.get(answer(text("T-1")), fail=True)
    shop.get(answer(text("T-1")))
    assert decoded == [1, 1]
    assert [len(rows) for rows in shop.facts()] == [1, 1]


def test_texts_that_contradict_each_other_have_no_digest() -> None:
    one, other = text("T-1"), text("T-1", amount="13.00")
    found = take_apart(answer(one, other, text("T-2"), text("T-2"), text(None)))
    assert found is not None
    digests = transaction_digests.digests_of(found.texts, context="")
    assert list(digests) == ["T-2"]


def test_an_answer_without_some_transactions_keeps_the_rest_of_it() -> None:
    body = answer(text("T-1"), text("T-2"), nextToken="more", novel=[1])
    found = take_apart(body)
    assert found is not None
    assert (found.next_token, found.without(())) == ("more", body)
    left = json.loads(found.without({"T-1"}))
    assert left == json.loads(answer(text("T-2"), nextToken="more", novel=[1]))
    page = decode_transactions(found.without({"T-1", "T-2"}))
    assert (page.transactions, page.next_token, page.drift) == ((), "more", ("payload.novel",))


@pytest.mark.parametrize("body", [b"[]", b"{}", b"<html>", b'{"payload": 3}', b"\xff\xfe{\x00"])
def test_an_unexpected_answer_is_left_to_the_decoder(body: bytes) -> None:
    assert take_apart(body) is None


def test_digests_depend_on_seller_connection_and_stores() -> None:
    texts = [("T-1", b"{}")]
    contexts = [f"{UUID(int=number)}" for number in range(3)]
    found = {transaction_digests.digests_of(texts, context=context)["T-1"] for context in contexts}
    assert len(found) == 3
