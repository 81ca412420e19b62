"""What the import page and `theseller import` ask about a Business Report, and what they then store."""

from __future__ import annotations

import json
import re
from io import BytesIO
from itertools import count
from pathlib import Path

import pytest
from django.test import Client
from tests.cast import Cast, Person
from tests.integration.ingest.imports.files import ALICE, picture, report
from tests.unit.amazon.report_fixtures.business_reports import by_child, by_date

from theseller.accounts.models import User
from theseller.amazon.reports import ReportType
from theseller.cli.main import main

DAYS = tuple(
    (f"10/{day:02}/26", "1,200", "1,800", "97.50%", "40", "$1,234.56") for day in (1, 2, 3)
)
PRODUCT = ("B0TESTTEE0", "B0TESTTEE1", "Quix", "1,200", "1,800", "97.50%", "40", "$1,234.56")
ONE_DAY = {"first_day": "2026-10-01", "last_day": "2026-10-01"}
_NUMBERS = count(1)


def _browser(person: Person) -> Client:
    # An address of its own, or the tests would share one allowance of uploads.
    client = Client(REMOTE_ADDR=f"198.51.100.{100 + next(_NUMBERS)}")
    client.force_login(User.objects.get(pk=person.id))
    return client


def _post(
    client: Client, content: bytes, fields: dict[str, str] | None = None, *, fragment: bool = True
) -> tuple[int, str]:
    file = BytesIO(content)
    file.name = "BusinessReport.csv"
    headers = {"X-Fragment": "cards"} if fragment else {}
    response = client.post("/imports/", {"files": [file], **(fields or {})}, headers=headers)
    return response.status_code, response.content.decode()


def _chosen(page: str) -> list[str]:
    return re.findall(r'<option value="(\w+)" selected>', page)


def test_the_page_asks_for_the_store_then_imports(cast: Cast) -> None:
    alice = _browser(cast.alice)
    before = picture()
    status, page = _post(alice, by_date(*DAYS))
    assert status == 200
    assert "The file does not say of which store it is" in page
    assert page.count("data-stated") == 1  # By date, the file itself says its days.
    assert "Amazon.com.au" in page
    assert "Amazon.de" in page  # A shop without data may have any store of Amazon's.
    assert _chosen(page) == []
    assert "data-import>" not in page
    status, page = _post(alice, by_date(*DAYS), {"store": "US"})
    assert "Can be imported" in page
    assert "data-import" in page
    assert "data-stated" not in page
    assert picture() == before
    status, page = _post(alice, by_date(*DAYS), {"store": "US", "confirm": "1"})
    assert status == 200
    assert "data-done" in page
    assert picture()["ingest_traffic_day"][0] == before["ingest_traffic_day"][0] + 3
    status, page = _post(alice, by_date(*DAYS), {"store": "US", "confirm": "1"})
    assert "Already imported" in page


def test_only_stores_of_the_shop_are_offered_and_the_only_fitting_one_is_preselected(
    cast: Cast,
) -> None:
    alice = _browser(cast.alice)
    orders = report(ALICE, ReportType.ALL_ORDERS_BY_ORDER_DATE).encode()
    _post(alice, orders, {"confirm": "1"})
    _, page = _post(alice, by_child(PRODUCT))
    assert page.count("data-stated") == 3
    offered = set(re.findall(r'<option value="(\w+)"', page))
    assert offered == {"US", "CA", "MX"}
    assert _chosen(page) == []  # All three write their money with the sign of a dollar.
    pounds = by_child((*PRODUCT[:7], "CA$5.00"))
    _, page = _post(alice, pounds)
    assert _chosen(page) == ["CA"]
    before = picture()
    status, page = _post(alice, by_child(PRODUCT), {"store": "DE", "confirm": "1", **ONE_DAY})
    assert status == 422
    assert "Choose one of the stores in the list." in page
    assert picture() == before


def test_products_need_one_day_and_what_was_said_stays_in_the_card(cast: Cast) -> None:
    alice = _browser(cast.alice)
    _, page = _post(alice, by_child(PRODUCT), {"store": "US"})
    assert "The file does not say of which days it is" in page
    assert 'name="first_day"' in page
    month = {"first_day": "2026-10-01", "last_day": "2026-10-31"}
    status, page = _post(alice, by_child(PRODUCT), {"store": "US", "confirm": "1", **month})
    assert status == 422
    assert "the report is by product over several days" in page
    assert "Download it once for each day" in page
    _, page = _post(alice, by_child(PRODUCT), {**ONE_DAY})
    assert "The file does not say of which store it is" in page
    status, page = _post(alice, by_child(PRODUCT), {"store": "US", "confirm": "1", **ONE_DAY})
    assert status == 200
    assert "Stored 1 line." in page
    assert "Quix" not in page
    status, page = _post(alice, by_child(PRODUCT), {"store": "US", "first_day": "31.12.2026"})
    assert status == 422
    assert "Enter a date, such as 2026-11-20." in page


def test_without_javascript_the_options_say_it(cast: Cast) -> None:
    alice = _browser(cast.alice)
    form = alice.get("/imports/").content.decode()
    for name in ("store", "first_day", "last_day"):
        assert f'name="{name}"' in form
    _, page = _post(alice, by_child(PRODUCT), fragment=False)
    assert "state its store and days under" in page
    status, page = _post(
        alice, by_child(PRODUCT), {"store": "US", "confirm": "1", **ONE_DAY}, fragment=False
    )
    assert status == 200
    assert "data-done" in page


def test_days_are_stated_of_one_file_only(cast: Cast) -> None:
    alice = _browser(cast.alice)
    before = picture()
    files = [BytesIO(by_child(PRODUCT)), BytesIO(by_child(PRODUCT))]
    response = alice.post("/imports/", {"files": files, "store": "US", "confirm": "1", **ONE_DAY})
    assert response.status_code == 422
    assert "The days are those of one file" in response.content.decode()
    assert picture() == before


def test_a_member_of_another_shop_is_offered_nothing_of_this_one(cast: Cast) -> None:
    _post(
        _browser(cast.alice),
        report(ALICE, ReportType.ALL_ORDERS_BY_ORDER_DATE).encode(),
        {"confirm": "1"},
    )
    _, page = _post(_browser(cast.charlie), by_date(*DAYS))
    assert len(set(re.findall(r'<option value="(\w+)"', page))) > 20


def test_the_command_takes_store_and_days(
    cast: Cast,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Settings are read already; this only says that no embedded database needs to run.
    monkeypatch.setenv("DATABASE_URL", "postgresql:///unused?host=/unused")
    file = tmp_path / "BusinessReport.csv"
    file.write_bytes(by_child(PRODUCT))
    shop = ["--shop", str(cast.alices_shop)]
    assert main(["import", str(file), *shop, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["files"][0]
    assert found["inspection"]["asks"] == ["store", "days"]
    assert found["advice"].startswith("Choose what was chosen in Seller Central")
    assert main(["inspect", str(file)]) == 1
    assert "Say it with --store, --from and --to." in capsys.readouterr().out
    assert main(["import", str(file), *shop]) == 1
    assert "Say it with --store, --from and --to." in capsys.readouterr().out
    stated = ["--store", "us", "--from", "2026-10-01", "--to", "2026-10-01"]
    assert main(["inspect", str(file), *stated]) == 0
    assert "1 Oct 2026 in Amazon.com" in capsys.readouterr().out
    assert main(["import", str(file), *shop, *stated]) == 0
    assert "imported" in capsys.readouterr().out
    assert main(["import", str(file), *shop, *stated]) == 0
    assert "already there" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["import", str(file), str(file), *shop, *stated])
    assert "--from and --to are of one file" in capsys.readouterr().err
    for wrong in (["--store", "XX"], ["--from", "1.10.2026"]):
        with pytest.raises(SystemExit):
            main(["import", str(file), *shop, *wrong])
        assert f"argument {wrong[0]}" in capsys.readouterr().err
