"""The list of orders and the page of one order: exact sums, what counts and why not, addresses."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from tests.cast import Cast, create_cast
from tests.integration.analytics.facts import DE, FR, Shop

from theseller.accounts.models import User
from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages import order_queries
from theseller.lib import clock
from theseller.lib.marketplaces import local_day, midnight

ORDER = re.compile(r'href="/orders/([0-9-]+)/"')
NUMBERS = [f"303-0000000-000000{number}" for number in range(7)]


def _day(back: int) -> date:
    return local_day(DE, clock.now()) - timedelta(days=back)


def _noon(back: int) -> datetime:
    return midnight(DE, _day(back)) + timedelta(hours=12)


@pytest.fixture(scope="module")
def cast(database: str) -> Cast:
    """Seven orders of Alice's: settled, deferred, posted, refunded, canceled, replacement, pending."""
    made = create_cast(at=clock.now() - timedelta(days=100))
    shop = Shop(made.alices_shop)
    orders: tuple[tuple[str | None, dict[str, Any]], ...] = (
        ("20.00", {}),
        ("30.00", {}),
        ("40.00", {"quantity": 2}),
        ("50.00", {}),
        ("60.00", {"status": "cancelled"}),
        ("0.00", {"is_replacement": True}),
        (None, {"status": "pending", "quantity": 3}),
    )
    for number, (price, more) in enumerate(orders):
        shop.order(_noon(9 - number), price, order_id=NUMBERS[number], **more)
    _post(shop)
    shop.order(_noon(3), "7.00", order_id="303-9999999-9999999", store=FR, sku="FRENCH-1")
    shop.roll_up()
    return made


def _post(shop: Shop) -> None:
    at = _noon(8)
    settled: dict[str, Any] = {"source": "settlement", "state": "settled", "source_key": "1234567"}
    # The first order: in Finances, and in a settlement with other amounts.
    for line, (kind, amount) in enumerate(
        (
            (ChargeType.PRINCIPAL, "20.00"),
            (ChargeType.REFERRAL, "-3.00"),
            (ChargeType.ITEM_TAX, "3.80"),
        )
    ):
        shop.money(at, amount, kind, order_id=NUMBERS[0], source_key="T0", source_line=line)
        shop.money(at, amount, kind, order_id=NUMBERS[0], source_line=line, **settled)
    # The second: deferred.
    shop.money(at, "30.00", order_id=NUMBERS[1], source_key="T1", state="deferred")
    shop.money(at, "5.70", ChargeType.ITEM_TAX, order_id=NUMBERS[1], source_key="T1",
               source_line=2, state="deferred")  # fmt: skip
    # The third: posted, and its fee is in a settlement.
    shop.money(at, "40.00", order_id=NUMBERS[2])
    shop.money(
        _noon(1), "-6.00", ChargeType.REFERRAL, order_id=NUMBERS[2], source_line=9, **settled
    )
    # The fourth: posted and refunded on a later day.
    shop.money(_noon(6), "50.00", order_id=NUMBERS[3])
    shop.money(_noon(2), "-12.34", ChargeType.REFUND_PRINCIPAL, order_id=NUMBERS[3])
    shop.money(_noon(2), "-99.00", ChargeType.SUBSCRIPTION, sku=None)


def _client(cast: Cast, name: str = "alice") -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=getattr(cast, name).id))
    return client


def _text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def _orders(client: Client, address: str) -> list[int]:
    """Return the numbers of the orders that the list shows, in its order."""
    found = ORDER.findall(client.get(address).content.decode())
    return [int(order[-1]) for order in found]


def _csv(client: Client, address: str) -> list[dict[str, str]]:
    # Files are in English, whatever language the page has.
    answer = client.get(address, headers={"accept-language": "de"})
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_the_download_has_what_was_posted_for_each_order_on_any_day(cast: Cast) -> None:
    rows = {row["Order"]: row for row in _csv(_client(cast), "/orders/?store=DE&format=csv")}
    names = ("Ordered sales", "Units", "Fees", "Refunds", "Net proceeds", "Deferred", "Payment")
    assert [tuple(rows[number][name] for name in names) for number in NUMBERS] == [
        ("20", "1", "-3", "0", "17", "", "Settled"),
        ("30", "1", "", "", "", "35.7", "Deferred"),
        ("40", "2", "-6", "0", "34", "", "Partly settled"),
        ("50", "1", "0", "-12.34", "37.66", "", "Posted"),
        ("0", "0", "", "", "", "", ""),
        ("0", "0", "", "", "", "", ""),
        ("", "3", "", "", "", "", "Not posted yet"),  # Amazon states no price yet.
    ]
    assert set(rows) == set(NUMBERS)
    total = re.search(
        r"<tfoot>(.*?)</tfoot>", _client(cast).get("/orders/?store=DE").content.decode(), re.DOTALL
    )
    assert total is not None
    assert "140.00" in total[1]
    assert "7 orders" in total[1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", [6, 5, 4, 3, 2, 1, 0]),
        ("dir=asc", [0, 1, 2, 3, 4, 5, 6]),
        ("sort=sales", [3, 2, 1, 0, 6, 5, 4]),
        ("sort=units", [6, 2, 3, 1, 0, 5, 4]),
        ("sort=net", [3, 2, 0, 6, 5, 4, 1]),
        ("sort=net&dir=asc", [0, 2, 3, 1, 4, 5, 6]),
        ("sort=fees", [2, 0, 3, 6, 5, 4, 1]),
        ("sort=refunds", [3, 2, 0, 6, 5, 4, 1]),
    ],
)
def test_every_order_of_the_list_pages_forth_and_back(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, words: str, expected: list[int]
) -> None:
    monkeypatch.setattr("theseller.analytics.pages.order_list.PAGE_SIZE", 3)
    client = _client(cast)
    pages = list(_pages(client, f"/orders/?store=DE&{words}", "page-next"))
    assert [shown for _, shown in pages] == [expected[:3], expected[3:6], expected[6:]]
    back = list(_pages(client, pages[-1][0], "page-previous"))
    assert [shown for _, shown in back] == [expected[6:], expected[3:6], expected[:3]]


def _pages(client: Client, address: str, link: str) -> Iterator[tuple[str, list[int]]]:
    while address:
        yield address, _orders(client, address)
        page = client.get(address).content.decode()
        found = re.search(rf'id="{link}" href="([^"]+)"', page)
        address = f"/orders/{found[1].replace('&amp;', '&')}" if found else ""


def test_too_many_orders_are_sorted_by_date_and_the_page_says_so(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_queries, "MOST_SORTED_BY_MONEY", 6)
    client = _client(cast)
    assert _orders(client, "/orders/?store=DE&sort=net") == [6, 5, 4, 3, 2, 1, 0]
    assert "They are sorted by date" in _text(client, "/orders/?store=DE&sort=net")


def test_search_by_part_of_a_number_by_product_and_by_a_whole_number(cast: Cast) -> None:
    client = _client(cast)
    assert _orders(client, "/orders/?q=0000003") == [3]
    assert _orders(client, "/orders/?sku=FRENCH-1") == [9]
    assert _orders(client, "/orders/?sku=MUG-1&store=EUR") == [6, 5, 4, 3, 2, 1, 0]
    whole = client.get(f"/orders/?q={NUMBERS[1]}&period=today")
    assert (whole.status_code, whole["Location"]) == (302, f"/orders/{NUMBERS[1]}/")
    assert "No order matches" in _text(client, "/orders/?q=303-7777777-7777777")
    assert "MUG-1" in client.get("/products/?store=DE").content.decode()
    assert (
        'href="/orders/?store=DE&amp;sku=MUG-1"'
        in client.get("/products/?store=DE").content.decode()
    )


@pytest.mark.parametrize(
    "words",
    [
        "after=1_%00", "after=x_303-1", "after=99999999999999999999_303-1", "before=_", "sort=nothing",
        "sort=sales&after=NaN_1", "sort=units&after=1e5_1", "q=%27%20or%201=1", "sku=%00%27", "after=",
        "sort=sales&after=9e9999999_123", "sort=sales&after=-9e-9999999_123", "sort=sales&after=1e29_1",
        "sort=sales&after=Infinity_1", "sort=sales&after=sNaN1_1", "sort=sales&before=1_000_1",
        "sort=sales&after=" + "9" * 30 + "_1", "sort=sales&after=%00_1", "sort=sales&after=%D9%A1_1",
        "sort=units&after=" + "9" * 5000 + "_1", "sort=units&after=999999999999999999_1",
        "after=-999999999999999999_1", "after=999999999999999999_1", "sort=net&after=NaN_1",
        "period=custom&from=0001-01-01&to=0001-01-02", "period=custom&from=0001-01-01&to=0001-01-31",
        "period=custom&from=1999-12-31&to=0001-01-01&compare=year",
    ],
)  # fmt: skip
def test_a_hostile_address_gets_a_page(cast: Cast, words: str) -> None:
    assert _client(cast).get(f"/orders/?{words}").status_code == 200


def test_the_page_of_an_order_says_what_counts_and_why_the_rest_does_not(cast: Cast) -> None:
    client = _client(cast)
    text = _text(client, f"/orders/{NUMBERS[0]}/")
    assert "Net proceeds €17.00" in text
    assert "Not in profit: Counted in settlement 1234567" in text
    assert "neither income nor cost" in text
    assert "Settlement 1234567 contains €20.80 of it, with taxes." in text
    assert f"sellercentral-europe.amazon.com/orders-v3/order/{NUMBERS[0]}" in (
        client.get(f"/orders/{NUMBERS[0]}/").content.decode()
    )
    deferred = _text(client, f"/orders/{NUMBERS[1]}/")
    assert "Deferred €35.70" in deferred
    assert "Amazon has posted no income or cost for this order." in deferred
    rows = _csv(client, f"/orders/{NUMBERS[0]}/?format=csv")
    assert [row["Counts or why not"] for row in rows if row["Part"] == "Ledger"].count(
        "Counts"
    ) == 2
    assert sum(
        Decimal(row["Amount"]) for row in rows if row["Counts or why not"] == "Counts"
    ) == Decimal(17)


def test_files_and_figures_of_orders_are_whole_or_say_that_they_are_cut_off(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = _client(cast)
    assert "The file has" not in client.get("/orders/?store=DE&format=csv").content.decode()
    monkeypatch.setattr("theseller.analytics.pages.order_csv_rows.MOST_EXPORTED", 3)
    for words in ("", "&sort=net", "&sort=units&after=2_1"):
        rows = _csv(client, f"/orders/?store=DE&format=csv{words}")
        assert len(rows) == 4
        assert rows[-1]["Order"].startswith("The file has the first 3 of 7 orders"), words
    whole = _text(client, f"/orders/{NUMBERS[0]}/")
    for most, cut_off in ((6, False), (5, True), (1, True)):
        monkeypatch.setattr("theseller.analytics.pages.order_views._MOST_LINES", most)
        text = _text(client, f"/orders/{NUMBERS[0]}/")
        assert ("more lines than are shown" in text) is cut_off
        figures = re.compile("Product sales posted .*? Settled")
        assert figures.findall(text) == figures.findall(whole) != []
        last = _csv(client, f"/orders/{NUMBERS[0]}/?format=csv")[-1]
        assert (last["Part"] == "The order has more lines than the file.") is cut_off


@pytest.mark.parametrize("name", ["charlie"])
def test_an_order_of_another_shop_is_not_found(cast: Cast, name: str) -> None:
    client = _client(cast, name)
    for address in (f"/orders/{NUMBERS[0]}/", f"/orders/{NUMBERS[0]}/?format=csv"):
        assert client.get(address).status_code == 404
    assert client.get(f"/orders/?q={NUMBERS[0]}").status_code == 200
    for odd in ("..", "a b", "x" * 41, "%00"):
        assert _client(cast).get(f"/orders/{odd}/").status_code == 404, odd


def test_each_page_with_an_order_leads_to_it(cast: Cast) -> None:
    page = _client(cast).get(f"/days/{_day(8)}/?store=DE").content.decode()
    assert {NUMBERS[0], NUMBERS[1], NUMBERS[2]} <= set(ORDER.findall(page))
