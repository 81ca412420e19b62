"""The pages through the web's role: whose figures, exact sums, downloads, invalid addresses.

What is uncertain is said.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from tests.cast import Cast, Person, create_cast
from tests.integration.analytics.facts import DE, FR, UK, Shop

from theseller.accounts.models import User
from theseller.amazon.charge_classifier import ChargeType
from theseller.lib import clock
from theseller.lib.marketplaces import local_day, midnight


@pytest.fixture
def cast() -> Cast:
    return create_cast(at=clock.now() - timedelta(days=100))


def _client(person: Person) -> Client:
    client = Client()
    found = User.objects.filter(pk=person.id).first()
    assert found is not None
    client.force_login(found)
    return client


def _day(back: int, store: str = DE) -> date:
    return local_day(store, clock.now()) - timedelta(days=back)


def _noon(back: int, store: str = DE) -> datetime:
    return midnight(store, _day(back, store)) + timedelta(hours=12)


def _csv(client: Client, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_members_see_the_figures_of_their_own_shop_only(cast: Cast) -> None:
    alices, charlies = Shop(cast.alices_shop), Shop(cast.charlies_shop)
    alices.order(_noon(3), "1234.56")
    charlies.order(_noon(3), "777.77")
    alices.roll_up()
    charlies.roll_up()
    for person, theirs, others in (
        (cast.alice, "1,234.56", "777.77"),
        (cast.bob, "1,234.56", "777.77"),
        (cast.charlie, "777.77", "1,234.56"),
    ):
        client = _client(person)
        for address in (
            "/",
            "/products/",
            f"/days/{_day(3)}/",
            "/?format=csv",
            "/products/?format=csv",
            f"/days/{_day(3)}/?format=csv",
        ):
            text = client.get(address).content.decode()
            assert theirs.replace(",", "" if "csv" in address else ",") in text, address
            assert others not in text, address
            assert others.replace(",", "") not in text, address


@pytest.mark.parametrize(
    "address", ["/?store=UK", "/products/", "/days/2026-11-01/", "/?format=csv"]
)
def test_nothing_is_shown_without_signing_in(address: str) -> None:
    answer = Client().get(address)
    assert answer.status_code == 302
    assert "/sign-in/" in answer["Location"]


def test_csv_downloads_equal_the_base_rows_to_the_cent(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    shop.order(_noon(2), "10.01")
    shop.order(_noon(2), "0.02", sku="=cmd", asin="B000000009")
    shop.order(_noon(30), "4.00")
    shop.money(_noon(2), "-3.33", ChargeType.REFERRAL)
    shop.money(_noon(2), "-39.00", ChargeType.SUBSCRIPTION, sku=None)
    shop.roll_up()
    client = _client(cast.alice)
    days = {row["day"]: row for row in _csv(client, "/?format=csv")}
    assert len(days) == 28
    assert (
        days[str(_day(2))]["ordered_sales"],
        days[str(_day(2))]["fees"],
        days[str(_day(2))]["units"],
    ) == ("10.03", "-42.33", "2")
    assert days[str(_day(2))]["compared_with_day"] == str(_day(30))
    products = {row["sku"]: row for row in _csv(client, "/products/?format=csv")}
    assert set(products) == {"MUG-1", "'=cmd"}
    assert products["MUG-1"]["net_proceeds"] == "-3.33"
    page = client.get("/products/").content.decode()
    assert "\u2212\u20ac39.00" in page
    assert "belong to no product" in page
    rows = _csv(client, f"/days/{_day(2)}/?format=csv")
    assert sum(
        (
            Decimal(row["amount"])
            for row in rows
            if row["book"] == "ledger" and row["counted"] == "counted"
        ),
        Decimal(0),
    ) == Decimal("-42.33")


def test_a_day_without_data_is_blank_in_the_download_and_a_day_without_sales_is_zero(
    cast: Cast,
) -> None:
    shop = Shop(cast.alices_shop)
    shop.order(_noon(6), "10.00")
    shop.money(_noon(4), "5.00")
    shop.cover(midnight(DE, _day(6)), midnight(DE, _day(4)) - timedelta(seconds=1))
    shop.roll_up()
    days = {row["day"]: row for row in _csv(_client(cast.alice), "/?format=csv")}
    found = {
        back: (days[str(_day(back))]["ordered_sales"], days[str(_day(back))]["net_proceeds"])
        for back in (7, 6, 5, 4, 3)
    }
    assert found == {7: ("", ""), 6: ("10", "0"), 5: ("0", "0"), 4: ("", "5"), 3: ("", "")}
    assert {
        days[str(_day(5))][name] for name in ("ordered_sales_before", "net_proceeds_before")
    } == {""}


def test_a_day_shows_its_lines_and_why_others_are_left_out(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    shop.order(_noon(5), "20.00")
    shop.order(_noon(5), "30.00", status="cancelled")
    shop.money(_noon(5), "20.00")
    shop.money(_noon(5), "20.00", source="settlement", state="settled")
    shop.money(_noon(5), "-100.00", ChargeType.TRANSFER)
    shop.roll_up()
    text = _client(cast.alice).get(f"/days/{_day(5)}/").content.decode()
    assert "Product sales" in text
    assert "From settlements" in text
    assert "Duplicate of a settlement line" in text
    assert "neither income nor cost" in text
    assert "not a sale" in text


def test_currencies_are_shown_one_at_a_time(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    for back in (2, 3):
        shop.order(_noon(back), "10.00")
    shop.order(_noon(2, FR), "5.00", store=FR)
    shop.order(_noon(2, UK), "7.00", store=UK)
    shop.roll_up()
    client = _client(cast.alice)
    assert "\u20ac25" in client.get("/").content.decode()
    assert "\u20ac20" in client.get("/?store=DE").content.decode()
    assert "\u00a37" in client.get("/?store=UK").content.decode()
    assert sum(Decimal(row["ordered_sales"] or 0) for row in _csv(client, "/?format=csv")) == 25


def test_pages_state_pending_deferred_and_unclassified_amounts(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    shop.order(_noon(2), None, status="pending", quantity=3)
    shop.money(_noon(2), "20.00", state="deferred")
    shop.money(_noon(2), "-1.23", ChargeType.UNCLASSIFIED)
    shop.roll_up()
    text = " ".join(_client(cast.alice).get("/").content.decode().split())
    assert "order pending" in text
    assert "without a price, excluded from sales" in text
    assert "Deferred transactions:" in text
    assert "of charge types unknown to this version" in text
    assert "No comparable data" in text
    assert "Not settled yet (open balance)" in text


def test_the_download_of_a_day_says_that_it_is_cut_off(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(cast.alices_shop)
    for _ in range(3):
        shop.order(_noon(2))
    shop.roll_up()
    client, address = _client(cast.alice), f"/days/{_day(2)}/?format=csv"
    assert "The file has" not in client.get(address).content.decode()
    monkeypatch.setattr("theseller.analytics.pages.views._LINES_EXPORTED", 2)
    assert "The file has the first 2 lines of each kind" in client.get(address).content.decode()


def test_today_is_compared_with_the_same_hours_of_yesterday(cast: Cast) -> None:
    shop, at = Shop(cast.alices_shop), clock.now()
    begin = midnight(DE, local_day(DE, at))
    yesterday = midnight(DE, local_day(DE, at) - timedelta(days=1))
    shop.order(begin, "30.00")
    shop.order(yesterday, "20.00")
    shop.order(begin - timedelta(seconds=1), "500.00")
    shop.order(_noon(9), "1.00")
    shop.roll_up()
    shop.cover(at - timedelta(days=20), at)
    text = _client(cast.alice).get("/?period=today").content.decode()
    assert "\u20ac30.00 by purchase date, up 50.0% on yesterday to the same hour" in text


def test_search_sort_and_pages_of_products(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    for number in range(60):
        shop.order(
            _noon(2), f"{number + 1}.00", sku=f"SKU_{number:02}", asin=f"B0000000{number:02}"
        )
    shop.roll_up()
    client = _client(cast.alice)

    def skus(address: str) -> list[str]:
        return re.findall(
            r'<div class="product">\s*<span>(SKU_\d\d)</span>', client.get(address).content.decode()
        )

    assert skus("/products/")[:2] == ["SKU_59", "SKU_58"]
    assert skus("/products/?dir=asc")[:2] == ["SKU_00", "SKU_01"]
    assert len(skus("/products/?page=2")) == 10
    assert skus("/products/?page=9") == []
    assert skus("/products/?q=sku_07") == ["SKU_07"]
    assert skus("/products/?q=SKU%2507") == []
    assert skus("/products/?q=_0") == [f"SKU_0{number}" for number in range(9, -1, -1)]


def test_totals_of_products_are_sums_of_every_page_and_count_an_order_once(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    order = ""
    for number in range(55):
        order = shop.order(_noon(2), "10.00", sku=f"SKU_{number:02}", asin=f"B0000000{number:02}")
        shop.money(_noon(2), "10.00", order_id=order, sku=f"SKU_{number:02}")
        shop.money(_noon(2), "-1.10", ChargeType.REFERRAL, order_id=order, sku=f"SKU_{number:02}")
    shop.order(
        _noon(2), "5.00", sku="SKU_01", order_id=order, line_key="2"
    )  # A second product of the last order.
    shop.money(_noon(2), "-39.00", ChargeType.SUBSCRIPTION, sku=None)
    shop.roll_up()
    client = _client(cast.alice)

    def total(address: str) -> list[str]:
        row = re.search(r"<tfoot>(.*?)</tfoot>", client.get(address).content.decode(), re.DOTALL)
        assert row is not None
        return [
            re.sub(r"<[^>]*>", "", cell)
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", row.group(1), re.DOTALL)
        ]

    sales, _, _, units, orders, _, fees, net, *_ = total("/products/")
    assert (sales, units, orders, fees, net) == (
        "\u20ac555.00",
        "56",
        "55",
        "\u2212\u20ac60.50",
        "\u20ac489.50",
    )
    assert total("/products/?page=2") == total("/products/"), "the totals are of all pages"
    found = total("/products/?q=SKU_01")
    assert (found[0], found[3], found[4], found[6]) == ("\u20ac15.00", "2", "", "\u2212\u20ac1.10")


@pytest.mark.parametrize(("address", "labels"), [("/", 7), ("/products/", 11), ("/days/DAY/", 7)])
def test_definitions_of_figures_are_text_of_the_page(cast: Cast, address: str, labels: int) -> None:
    shop = Shop(cast.alices_shop)
    shop.order(_noon(2))
    shop.roll_up()
    text = _client(cast.alice).get(address.replace("DAY", str(_day(2)))).content.decode()
    block = re.search(
        r'<details class="more definitions">\s*<summary>What these .*?</details>', text, re.DOTALL
    )
    assert block is not None
    assert block.group(0).count("<dt>") == labels
    assert "Canceled and replacement orders are excluded" in block.group(0)
    assert re.search(r'id="tile-net"[^>]*\stitle=', text) is None


HOSTILE = (
    "period=custom&from=0001-01-01&to=9999-12-31", "page=99999999999999999999", "page=-1", "q=%00",
    "q=%27%3B--", "sort=tenant_id", "store=XX", "metric=__class__", "period=today&compare=year",
    "from=2026-13-45&to=x&period=custom", "q=" + "x" * 5000, "dir=asc&sort=change", "store=%00",
    "period=custom&from=0001-01-01&to=0001-01-02", "page=" + "9" * 5000, "page=1e9", "page=%D9%A1",
)  # fmt: skip


def test_hostile_query_strings_get_a_page(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    shop.order(_noon(2))
    shop.roll_up()
    client = _client(cast.alice)
    for words in HOSTILE:
        for path in ("/", "/products/", "/products/costs/", "/inventory/", f"/days/{_day(2)}/"):
            for address in (f"{path}?{words}", f"{path}?{words}&format=csv"):
                assert client.get(address).status_code == 200, address


def test_an_invalid_day_is_not_found(cast: Cast) -> None:
    client = _client(cast.alice)
    for day in ("x", "2026-02-30", "0001-01-01", "9999-12-31", "2026-11-1"):
        assert client.get(f"/days/{day}/").status_code == 404, day


def test_htmx_request_gets_a_fragment_and_history_restore_the_whole_page(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    shop.order(_noon(2))
    shop.roll_up()
    client = _client(cast.alice)
    part = client.get("/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'id="page"' in part
    assert 'hx-swap-oob="innerHTML"' in part
    restored = client.get("/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in restored.content.decode()
    assert "HX-Request" in restored["Vary"]
    assert restored["Cache-Control"] == "private, no-store"


def test_a_shop_without_figures_shows_what_to_do_and_the_poll_for_arrival_is_empty(
    cast: Cast,
) -> None:
    client = _client(cast.alice)
    assert "Connect your store" in client.get("/").content.decode()
    assert (
        client.get("/", headers={"HX-Request": "true", "HX-Trigger": "arrival"}).status_code == 204
    )


def test_a_period_without_figures_leads_to_one_that_has_some(cast: Cast) -> None:
    shop = Shop(cast.alices_shop)
    shop.order(_noon(60))
    shop.roll_up()
    text = _client(cast.alice).get("/").content.decode()
    assert "No figures in this period" in text
    assert f"from={_day(60)}" in text


def test_pages_are_compressed_but_not_what_repeats_a_search_or_holds_a_credential(
    cast: Cast,
) -> None:
    shop = Shop(cast.alices_shop)
    shop.order(_noon(3), "1234.56")
    shop.roll_up()
    client = _client(cast.alice)
    day = f"/days/{_day(3)}/"
    for path, compressed in (
        ("/", True), ("/products/", True), (day, True), ("/security/", True),
        ("/products/?q=kit", False), ("/account/security/", False), ("/no/such/page/", False),
    ):  # fmt: skip
        answer = client.get(path, HTTP_ACCEPT_ENCODING="gzip")
        assert (answer.headers.get("Content-Encoding") == "gzip") is compressed, path
    assert client.get("/").headers.get("Content-Encoding") is None


def test_days_without_data_are_gaps_and_compare_with_nothing(cast: Cast) -> None:
    shop, at = Shop(cast.alices_shop), clock.now()
    for back in (2, 12, 40, 50, 60):
        shop.order(_noon(back), "100.00")
        shop.money(_noon(back), "90.00")
    shop.roll_up()
    shop.cover(at - timedelta(days=100), _noon(12))
    client = _client(cast.alice)
    text = client.get("/").content.decode()
    assert "of 28 days missing" in text
    assert "No data of orders for" in text
    assert "No data of money for" in text
    assert "part of the period has no data of money" in text
    assert _without_periods(text).count('<span class="delta') == 0, (
        "nothing is compared with days that have no data"
    )
    assert ", null," in text.replace("&quot;", '"'), "the chart breaks"
    shop.cover(_noon(13), at)
    whole = client.get("/").content.decode()
    assert "days missing" not in whole
    assert "No data of" not in whole
    assert ", null," not in whole.replace("&quot;", '"')
    assert _without_periods(whole).split("Top products")[0].count('<span class="delta') >= 4, (
        "with data everywhere, figures are compared"
    )


def _without_periods(page: str) -> str:
    """Return a page without its periods side by side: theirs depend on the day of the month."""
    return re.sub(r'<ul class="periods".*?</ul>', "", page, flags=re.DOTALL)


def test_product_without_posted_money_shows_not_posted_yet(cast: Cast) -> None:
    shop, at = Shop(cast.alices_shop), clock.now()
    shop.order(_noon(2), "119.00", item_tax=Decimal("19.00"))
    shop.order(_noon(2), "50.00", sku="PAN-1")
    shop.money(_noon(2), "100.00", state="deferred")
    shop.roll_up()
    shop.cover(at - timedelta(days=100), at)
    client = _client(cast.alice)
    page = client.get("/").content.decode()
    assert page.count("not posted yet") >= 5  # three tiles, two products
    assert "Deferred sales" in page
    assert "\u20ac19.00" in page, "the tax inside the prices"
    assert "net proceeds contain the VAT" in page
    shop.money(_noon(2), "40.00", sku="PAN-1")
    shop.roll_up()
    products = client.get("/products/?sort=margin").content.decode()
    assert products.count("not posted yet") == 1
