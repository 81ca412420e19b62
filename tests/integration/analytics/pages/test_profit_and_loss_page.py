"""The statement by month as page, CSV and Excel file: the same exact figures."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from tests.cast import PASSWORD, Cast, create_cast
from tests.integration.analytics.facts import DE, FR, Shop

from theseller.accounts.models import User
from theseller.accounts.operations import add_member, create_user
from theseller.accounts.types import MemberRole
from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages.periods import add_months
from theseller.analytics.profit.operations import delete_cost, set_costs
from theseller.analytics.profit.types import CostChange, CostKey
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.marketplaces import local_day, midnight
from theseller.lib.secret_type import Secret

VIEWER = f"vera.{new_id().hex[-12:]}@example.com"
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def _month(back: int) -> date:
    return add_months(local_day(DE, clock.now()).replace(day=1), -back)


def _month_is_new() -> bool:
    """Return whether the month's first day is so young that nothing of it counts as missing."""
    return clock.now() - midnight(DE, _month(0)) < timedelta(hours=6)


@pytest.fixture(scope="module")
def cast(database: str) -> Cast:
    """Two months of Alice's with sales, fees and a refund; a third store's month before them."""
    made = create_cast(at=clock.now() - timedelta(days=200))
    shop = Shop(made.alices_shop)
    for back, sales in ((2, "100.10"), (1, "50.05")):
        noon = midnight(DE, _month(back)) + timedelta(hours=12)
        shop.order(noon, sales)
        shop.money(noon, sales, order_id=f"303-0000000-000000{back}", quantity=2)
        shop.money(noon, "-7.01", ChargeType.REFERRAL)
        shop.money(noon, "-0.02", ChargeType.SUBSCRIPTION, sku=None)
    shop.money(midnight(DE, _month(1)) + timedelta(hours=13), "-20.00", ChargeType.REFUND_PRINCIPAL)
    shop.cover(midnight(DE, _month(2)), midnight(DE, _month(0)) - timedelta(seconds=1))
    shop.order(midnight(FR, _month(3)) + timedelta(hours=12), "9.00", store=FR, sku="=1+1")
    shop.roll_up()
    viewer = create_user(email=VIEWER, name="Vera", password=Secret(PASSWORD), at=clock.now())
    add_member(
        person=viewer,
        role=MemberRole.VIEWER,
        tenant=made.alices_shop,
        actor="process:test",
        at=clock.now(),
    )
    return made


def _client(email: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(email=email))
    return client


def _get(cast: Cast, address: str) -> bytes:
    answer = _client(cast.alice.email).get(address)
    assert answer.status_code == 200, address
    return answer.content


def _csv(content: bytes) -> dict[str, list[str]]:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return {f"{row[0]}, {row[1]}": row[2:] for row in rows}


def _sheet(content: bytes) -> dict[str, list[str]]:
    """Return the cells of the sheet as texts, by the first of each row."""
    book = zipfile.ZipFile(io.BytesIO(content))
    texts = [
        "".join(part.text or "" for part in item.iter(f"{_SHEET}t"))
        for item in ET.fromstring(book.read("xl/sharedStrings.xml"))  # noqa: S314 - our own file
    ]
    rows: dict[str, list[str]] = {}
    sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own file
    assert sheet.find(f".//{_SHEET}f") is None, "a cell is a formula"
    for row in sheet.iter(f"{_SHEET}row"):
        cells = [
            texts[int(cell.findtext(f"{_SHEET}v") or 0)]
            if cell.get("t") == "s"
            else cell.findtext(f"{_SHEET}v") or ""
            for cell in row
        ]
        rows[f"{cells[0]}, {cells[1]}"] = cells[2:]
    return rows


def test_the_file_has_each_month_and_their_total(cast: Cast) -> None:
    found = _csv(_get(cast, "/profit-and-loss/?store=DE&format=csv"))
    months = [f"{_month(back):%Y-%m}" for back in (2, 1, 0)]
    assert found["Line, Basis"] == ["Currency", *months, "Total"]
    days = "0" if _month_is_new() else str((local_day(DE, clock.now()) - _month(0)).days + 1)
    empty = "0" if _month_is_new() else ""
    purchased, posted = (
        {line: found[f"{line}, {basis} date"] for line in lines}
        for basis, lines in (
            ("Purchase", ("Ordered sales", "Days without data")),
            (
                "Posted",
                (
                    "Refunds",
                    "Amazon fees",
                    "Other fees",
                    "Net proceeds",
                    "Margin",
                    "Days without data",
                ),
            ),
        )
    )
    assert purchased == {
        "Ordered sales": ["EUR", "100.1", "50.05", empty, "150.15"],
        "Days without data": ["", "0", "0", days, days],
    }
    assert posted == {
        "Refunds": ["EUR", "0", "-20", empty, "-20"],
        "Amazon fees": ["EUR", "-7.03", "-7.03", empty, "-14.06"],
        "Other fees": ["EUR", "-0.02", "-0.02", empty, "-0.04"],
        "Net proceeds": ["EUR", "93.07", "23.02", empty, "116.09"],
        "Margin": ["", "0.9298", "0.4599", "", "0.7732"],
        "Days without data": ["", "0", "0", days, days],
    }


def test_page_and_files_have_the_cost_of_goods_and_profit(cast: Cast) -> None:
    address = "/profit-and-loss/?store=DE"
    assert _csv(_get(cast, f"{address}&format=csv"))["Profit, Posted date"] == ["EUR", *[""] * 4]
    key = CostKey("MUG-1", "", "EUR", _month(1))
    who: dict[str, Any] = {
        "tenant": cast.alices_shop, "actor": cast.alice.actor, "at": clock.now(),
    }  # fmt: skip
    set_costs([CostChange(key, Decimal("10.00"))], **who)
    try:
        found = _csv(_get(cast, f"{address}&format=csv"))
        book = _sheet(_get(cast, f"{address}&format=xlsx"))
        page = re.sub(r"<[^>]+>", "", _get(cast, address).decode())
    finally:
        delete_cost(key, **who)
    empty = "0" if _month_is_new() else ""
    # In the first month the cost of all that was sold is missing.
    wanted = {
        "Products without a cost": ["EUR", "", "0", empty, "-93.09"],
        "Cost of goods": ["EUR", "", "-20", empty, "-20"],
        "Profit": ["EUR", "", "3.02", empty, "3"],
        "Share of sales whose cost is known": ["", "0", "1", "", "0.3333"],
    }
    assert {line: found[f"{line}, Posted date"] for line in wanted} == wanted
    for line, cells in wanted.items():
        assert [Decimal(cell) for cell in book[f"{line}, Posted date"] if _is_number(cell)] == [
            Decimal(cell) for cell in cells[1:] if cell
        ]
        assert line in page
    assert "\u20ac3.02" in page
    assert "before your own costs" not in page
    assert "enter costs" in page


def test_the_workbook_has_the_same_numbers_as_numbers(cast: Cast) -> None:
    address = "/profit-and-loss/?store=DE&format="
    texts, numbers = _csv(_get(cast, f"{address}csv")), _sheet(_get(cast, f"{address}xlsx"))
    assert list(numbers) == list(texts)
    for line, cells in texts.items():
        if line != "Line, Basis":
            wanted = [Decimal(cell) for cell in cells[1:] if cell]
            assert [Decimal(cell) for cell in numbers[line] if _is_number(cell)] == wanted


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9.]+(E-?[0-9]+)?", text) is not None


def test_the_page_shows_the_months_of_the_url_and_links_each_to_its_dashboard(cast: Cast) -> None:
    page = _get(cast, f"/profit-and-loss/?store=DE&months=3&until={_month(1):%Y-%m}").decode()
    assert "\u20ac93.07" in page
    assert "\u20ac116.09" in page
    last = _month(0) - timedelta(days=1)
    assert f"from={_month(1)}&amp;to={last}" in page
    assert f"{_month(0):%b %Y}" not in page.partition("<table")[2]
    # The month before is the store's first; the one after is this month, the default.
    assert f'href="?store=DE&amp;months=3&amp;until={_month(2):%Y-%m}"' in page
    assert 'href="?store=DE&amp;months=3"' in page


@pytest.mark.parametrize(
    "words", ["months=7&until=2026-13", "months=&until=1999-01", "until=9999-12", "store=nowhere"]
)
def test_unknown_values_of_the_url_fall_back_to_the_default(cast: Cast, words: str) -> None:
    assert f"{_month(0):%b %Y}" in _get(cast, f"/profit-and-loss/?{words}").decode()


@pytest.mark.usefixtures("cast")
def test_a_role_without_the_right_to_export_downloads_nothing() -> None:
    client = _client(VIEWER)
    assert b"format=" not in client.get("/profit-and-loss/").content
    for kind in ("csv", "xlsx"):
        assert client.get(f"/profit-and-loss/?format={kind}").status_code == 403
