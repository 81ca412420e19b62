"""Settlements: from the opening balance to the payout, to the cent, and what is in none of them."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from tests.cast import Cast, create_cast
from tests.expected_figures import ALICE, ExpectedFigures
from tests.integration.analytics.facts import DE, FR, Shop

from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.models import User
from theseller.amazon.charge_classifier import ProfitLine
from theseller.amazon.reports import Options
from theseller.analytics.pages.settlement_queries import (
    settled_lines,
    settled_orders,
    settlement,
    settlement_before,
    settlements,
)
from theseller.ingest.imports.operations import import_report
from theseller.ingest.imports.types import ImportStatus
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import OtherMarketplaceError, limited_to

AT = clock.now()
_TAXES = {"Tax", "ShippingTax", "GiftWrapTax"}
_CASH = {"Current Reserve Amount", "Previous Reserve Amount Balance"}


def _client(cast: Cast, name: str = "alice") -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=getattr(cast, name).id))
    return client


def _text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def _import(shop: Shop, text: str) -> ImportStatus:
    done = import_report(
        [text.encode()], Options(), tenant=shop.tenant, actor="process:test", at=AT
    )
    return done.status


@pytest.fixture(scope="module")
def files() -> list[str]:
    """Three settlements of a store, the newest first."""
    found = ExpectedFigures(ALICE, "CA").settlement_files(AT - timedelta(days=45), AT)
    assert len(found) >= 3
    return sorted(found, key=lambda text: _rows(text)[0]["settlement-end-date"])[::-1][:3]


@pytest.fixture(scope="module")
def cast(database: str, files: list[str]) -> Cast:
    made = create_cast(at=AT - timedelta(days=100))
    shop = Shop(made.alices_shop)
    for text in files:
        assert _import(shop, text) is ImportStatus.IMPORTED
    shop.roll_up()
    return made


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def _number(text: str) -> str:
    return _rows(text)[0]["settlement-id"]


def _is_tax(row: dict[str, str]) -> bool:
    return row["amount-type"] == "ItemWithheldTax" or row["amount-description"] in _TAXES


def test_sums_of_a_settlement_are_those_of_its_file(cast: Cast, files: list[str]) -> None:
    """The file is read here by the test itself."""
    with tenant_scope(cast.alices_shop):
        for text in files:
            head, *rows = _rows(text)
            found = settlement(head["settlement-id"])
            assert found is not None
            amounts = [Decimal(row["amount"]) for row in rows]
            by_name: dict[str, Decimal] = defaultdict(Decimal)
            for row in rows:
                by_name[row["amount-description"]] += Decimal(row["amount"])
            taxes = sum((Decimal(row["amount"]) for row in rows if _is_tax(row)), Decimal(0))
            cash = sum((by_name[name] for name in _CASH), Decimal(0))
            assert found.total == Decimal(head["total-amount"]) == sum(amounts)
            assert found.sums.total == sum(amounts)
            assert found.difference == 0
            assert found.sums.opening == by_name["Previous Reserve Amount Balance"]
            assert found.sums.reserve == by_name["Current Reserve Amount"]
            assert found.sums.of(ProfitLine.TAX) == taxes
            assert found.sums.net_proceeds == sum(amounts) - taxes - cash
            assert found.sums.lines == len(rows)
            assert found.deposited_at is not None
            assert str(found.deposited_at.date()) == head["deposit-date"][:10]


def test_every_order_of_a_settlement_is_on_one_of_its_pages(cast: Cast, files: list[str]) -> None:
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for row in _rows(files[0])[1:]:
        expected[row["order-id"]] += Decimal(row["amount"])
    without = expected.pop("")
    found: dict[str, Decimal] = {}
    with tenant_scope(cast.alices_shop):
        whole = settlement(_number(files[0]))
        assert whole is not None
        after = ""
        while page := settled_orders(whole, after=after, most=7):
            assert not found.keys() & {one.order_id for one in page}
            found |= {one.order_id: one.total for one in page}
            after = page[-1].order_id
        others = settled_lines(whole, without_order=True, most=999)
    assert found == expected
    assert sum(line.amount for line in others) == without
    assert sum(found.values()) + without == whole.total


def test_the_opening_balance_is_the_reserve_of_the_settlement_before(
    cast: Cast, files: list[str]
) -> None:
    with tenant_scope(cast.alices_shop):
        newest = settlement(_number(files[0]))
        assert newest is not None
        before = settlement_before(newest)
        assert before is not None
        assert before.number == _number(files[1])
        assert newest.sums.opening == -before.sums.reserve
    text = _text(_client(cast), f"/settlements/{_number(files[0])}/")
    assert f"equals the reserve of settlement {_number(files[1])}" in text


def test_the_last_payout_is_two_clicks_from_the_dashboard(cast: Cast, files: list[str]) -> None:
    client = _client(cast)
    dashboard = client.get("/?period=12m").content.decode()
    assert 'href="/settlements/"' in dashboard
    page = client.get("/settlements/").content.decode()
    first = re.search(r'href="(/settlements/[0-9]+/)"', page)
    assert first is not None
    assert first[1] == f"/settlements/{_number(files[0])}/"
    assert page.count("Adds up") == 3
    text = _text(client, first[1])
    total = Decimal(_rows(files[0])[0]["total-amount"])
    assert f"{total:,}" in text
    assert "Adds up" in text
    rows = csv.DictReader(
        io.StringIO(client.get(f"{first[1]}?format=csv").content.decode("utf-8-sig"), newline="")
    )
    assert sum(Decimal(row["Amount"]) for row in rows) == total
    listed = list(
        csv.DictReader(
            io.StringIO(client.get("/settlements/?format=csv").content.decode("utf-8-sig"))
        )
    )
    assert [row["Settlement"] for row in listed] == [_number(text) for text in files]
    for row in listed:
        parts = [Decimal(row[name]) for name in list(row)[6:16]]
        assert sum(parts) == Decimal(row["Sum of the lines"]) == Decimal(row["Payout"])


def test_a_difference_is_named_and_an_unknown_payout_is_stored_by_importing_again(
    files: list[str],
) -> None:
    made = create_cast(at=AT - timedelta(days=100))
    shop, client, number = Shop(made.alices_shop), _client(made), _number(files[0])
    assert _import(shop, files[0]) is ImportStatus.IMPORTED
    assert _import(shop, files[0]) is ImportStatus.ALREADY
    shop.roll_up()
    shop.run(
        "delete from ingest_ledger_line where source_line = (select max(source_line) from"
        " ingest_ledger_line)"
    )
    text = _text(client, f"/settlements/{number}/")
    assert "Differs by" in text
    assert "Not explained" in text
    shop.run("update ingest_document set covers_from = covers_from - interval '3 years'")
    assert "older than 18 months" in _text(client, f"/settlements/{number}/")
    shop.run("delete from ingest_settlement")
    shop.run("delete from ingest_ledger_line")
    assert "Payout not known" in _text(client, f"/settlements/{number}/")
    assert _import(shop, files[0]) is ImportStatus.IMPORTED
    shop.run("delete from ingest_settlement")
    assert "Payout not known" in _text(client, "/settlements/")
    assert _import(shop, files[0]) is ImportStatus.IMPORTED, "only the payout was missing"
    assert "Adds up" in _text(client, f"/settlements/{number}/")


def test_pages_of_settlements_go_on_where_the_last_ended(
    cast: Cast, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theseller.analytics.pages.settlement_views.PAGE_SIZE", 1)
    client, found, address = _client(cast), [], "/settlements/"
    while address:
        page = client.get(address).content.decode()
        found += re.findall(r'class="num" href="/settlements/([0-9]+)/"', page)
        following = re.search(r'id="page-next" href="([^"]+)"', page)
        address = f"/settlements/{following[1]}" if following else ""
    assert found == [_number(text) for text in files]
    for odd in ("?after=x", "?after=99999999999999_1", "?store=XX", "?after=999999999999_1"):
        assert client.get(f"/settlements/{odd}").status_code == 200, odd


def test_settlements_of_others_are_not_found(cast: Cast, files: list[str]) -> None:
    number = _number(files[0])
    charlie = _client(cast, "charlie")
    assert charlie.get(f"/settlements/{number}/").status_code == 404
    assert number not in charlie.get("/settlements/").content.decode()
    for odd in ("..", "a b", "x" * 41, "%00"):
        assert _client(cast).get(f"/settlements/{odd}/").status_code == 404, odd


def test_a_limited_member_sees_settlements_of_their_marketplaces_only() -> None:
    made = create_cast(at=AT - timedelta(days=100))
    shop, noon = Shop(made.alices_shop), AT - timedelta(days=9)
    for number, stores in (("111", (DE,)), ("222", (FR,)), ("333", (DE, FR))):
        shop.settlement_document(noon - timedelta(days=9), noon, stores, number)
        for line, store in enumerate(stores):
            shop.money(noon, "77.77", store=store, source="settlement", state="settled",
                       source_key=number, source_line=line)  # fmt: skip
    # Named as one of Germany, with a line of France.
    shop.settlement_document(noon - timedelta(days=9), noon, (DE,), "444")
    shop.money(noon, "88.88", store=FR, source="settlement", state="settled", source_key="444")
    shop.order(noon, store=DE)
    shop.roll_up()
    limit_member(person=made.bob.id, marketplaces=(DE,), tenant=made.alices_shop,
                 owner=made.alice.id, at=AT)  # fmt: skip
    bob, alice = _client(made, "bob"), _client(made)
    for number, seen in (("111", 200), ("222", 404), ("333", 404), ("444", 404)):
        assert alice.get(f"/settlements/{number}/").status_code == 200
        assert bob.get(f"/settlements/{number}/").status_code == seen
        assert bob.get(f"/settlements/{number}/?format=csv").status_code == seen
    for address in ("/settlements/", "/settlements/?store=FR", "/settlements/?format=csv"):
        page = bob.get(address).content.decode()
        assert "111" in page
        assert not [number for number in ("222", "333", "444") if f"/{number}/" in page]
        assert "Amazon.fr" not in page
    with tenant_scope(made.alices_shop):
        hidden = settlement("333")
    assert hidden is not None
    with limited_to(frozenset({DE})), tenant_scope(made.alices_shop):
        assert [one.number for one in settlements(most=9)] == ["111"]
        for read in (
            lambda: settled_orders(hidden, most=9),
            lambda: settled_lines(hidden, without_order=False, most=9),
        ):
            with pytest.raises(OtherMarketplaceError):
                read()


def test_files_are_whole_or_say_that_they_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    made = create_cast(at=AT - timedelta(days=100))
    shop, client, noon = Shop(made.alices_shop), _client(made), AT - timedelta(days=9)
    for number in range(121):
        at = noon - timedelta(days=number)
        shop.settlement_document(at - timedelta(days=1), at, (DE,), f"5{number:03}")
    for line in range(5):
        shop.money(noon, "1.00", source="settlement", state="settled", source_key="5000",
                   source_line=line)  # fmt: skip
    shop.roll_up()
    assert client.get("/settlements/?format=csv").content.count(b"\r\n") == 122
    assert b"The CSV" not in client.get("/settlements/5000/?format=csv").content
    monkeypatch.setattr("theseller.analytics.pages.settlement_views.LINES_SHOWN", 5)
    assert "There are more than are shown" not in _text(client, "/settlements/5000/")
    monkeypatch.setattr("theseller.analytics.pages.settlement_views.LINES_SHOWN", 4)
    assert "The CSV has all of them." in _text(client, "/settlements/5000/")
    monkeypatch.setattr("theseller.analytics.pages.settlement_csv_rows._MOST_LINES", 3)
    text = "The CSV has the first 3 of 5 lines."
    assert text in client.get("/settlements/5000/?format=csv").content.decode()
    assert f"There are more than are shown. {text}" in _text(client, "/settlements/5000/")
