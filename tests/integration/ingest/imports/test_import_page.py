"""The import page: who may use it, what it returns, and what is refused before it is read.

Nothing is kept between inspecting and storing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.test.utils import override_settings
from tests.cast import NOON, Cast, Person
from tests.integration.ingest.imports.files import (
    ALICE,
    picture,
    report,
    settlement_text,
    text_of_everything,
    zipped,
)
from tests.unit.amazon.report_fixtures.builders import as_json, traffic

from theseller.accounts.models import User
from theseller.accounts.operations import add_member, create_user
from theseller.accounts.types import MemberRole
from theseller.amazon.reports import ReportType
from theseller.emulator.canary_texts import PREFIX
from theseller.ingest.imports.concurrent_import_limits import MAX_CONCURRENT, import_slot
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

ORDERS, SETTLEMENT, TRAFFIC = (
    ReportType.ALL_ORDERS_BY_ORDER_DATE,
    ReportType.SETTLEMENT_V2,
    ReportType.SALES_AND_TRAFFIC,
)


_NUMBERS = count(1)


def _browser(person: Person, *, enforce_csrf_checks: bool = False) -> Client:
    # An address of its own, or the tests would share one allowance of uploads.
    client = Client(
        enforce_csrf_checks=enforce_csrf_checks,
        REMOTE_ADDR=f"198.51.100.{next(_NUMBERS)}",
    )
    client.force_login(User.objects.get(pk=person.id))
    return client


def _upload(content: bytes | str, name: str = "report.txt") -> BytesIO:
    file = BytesIO(content.encode() if isinstance(content, str) else content)
    file.name = name
    return file


def _post(client: Client, *files: BytesIO, fragment: bool = True, **fields: str) -> tuple[int, str]:
    headers = {"X-Fragment": "cards"} if fragment else {}
    response = client.post("/imports/", {"files": list(files), **fields}, headers=headers)
    return response.status_code, response.content.decode()


FILES = {
    "orders": (report(ALICE, ORDERS).encode(), "All Orders, by order date", "ingest_order_line"),
    "settlement": (
        settlement_text(ALICE).encode(),
        "Settlement, flat file V2",
        "ingest_ledger_line",
    ),
    "traffic": (zipped(report(ALICE, TRAFFIC)), "Sales and traffic", "ingest_traffic_day"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_inspected_then_stored_then_listed(cast: Cast, kind: str) -> None:
    content, title, table = FILES[kind]
    bob = _browser(cast.bob)
    before = picture()
    status, page = _post(bob, _upload(content, "from <b>Amazon.txt"))
    assert status == 200
    assert title in page
    assert "Can be imported" in page
    assert "from &lt;b&gt;Amazon.txt" in page
    assert picture() == before
    status, page = _post(bob, _upload(content), confirm="1")
    assert status == 200
    assert "data-done" in page
    assert picture()[table][0] > before[table][0]
    documents = bob.get("/imports/", headers={"X-Fragment": "documents"}).content.decode()
    assert title in documents
    assert "<html" not in documents
    status, page = _post(bob, _upload(content), confirm="1")
    assert status == 200
    assert "Already imported" in page
    assert PREFIX not in text_of_everything()


def test_import_without_javascript_returns_the_whole_page(cast: Cast) -> None:
    alice = _browser(cast.alice)
    status, page = _post(
        alice,
        _upload(report(ALICE, ORDERS), "a.txt"),
        _upload(settlement_text(ALICE), "b.txt"),
        fragment=False,
    )
    assert status == 200
    assert page.count("data-import-result") == 2
    assert "<!doctype html>" in page
    assert "Import without review" in page
    assert "Product sales" in page  # The sums of a settlement have the names of the day page.
    status, page = _post(
        alice,
        _upload(report(ALICE, ORDERS), "a.txt"),
        _upload(b"junk", "b.txt"),
        fragment=False,
        confirm="1",
    )
    assert status == 422
    assert "data-done" in page
    assert "we don&#x27;t support this report" in page


def test_a_shop_sees_its_own_imports_only(cast: Cast) -> None:
    _post(_browser(cast.alice), _upload(report(ALICE, ORDERS)), confirm="1")
    assert (
        "All Orders"
        in _browser(cast.bob).get("/imports/").content.decode().split('id="documents"')[1]
    )
    page = _browser(cast.charlie).get("/imports/").content.decode()
    assert "No imported reports yet" in page
    assert "All Orders" not in page.split('id="documents"')[1]


def test_a_viewer_and_a_stranger_cannot_import(cast: Cast) -> None:
    person = create_user(
        email=f"{new_id().hex}@example.com", name="Vera", password=Secret("x" * 20), at=NOON
    )
    add_member(
        person=person,
        role=MemberRole.VIEWER,
        tenant=cast.alices_shop,
        actor="process:test",
        at=NOON,
    )
    vera = _browser(Person(person, "Vera", "", cast.alices_shop))
    before = picture()
    assert vera.get("/imports/").status_code == 403
    assert _post(vera, _upload(report(ALICE, ORDERS)), confirm="1")[0] == 403
    assert _post(Client(), _upload(report(ALICE, ORDERS)), confirm="1")[0] == 302
    assert picture() == before


def test_import_form_without_csrf_token_is_403_and_changes_nothing(cast: Cast) -> None:
    browser = _browser(cast.alice, enforce_csrf_checks=True)
    before = picture()
    assert _post(browser, _upload(report(ALICE, ORDERS)), confirm="1")[0] == 403
    assert picture() == before
    page = browser.get("/imports/").content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    assert (
        _post(browser, _upload(report(ALICE, ORDERS)), confirm="1", csrfmiddlewaretoken=token)[0]
        == 200
    )


@pytest.mark.parametrize("fragment", [True, False])
def test_upload_of_too_many_or_too_large_files_is_413_with_a_message(
    cast: Cast, *, fragment: bool
) -> None:
    alice = _browser(cast.alice)
    with override_settings(UPLOAD_BYTES_MAX=1 << 20, FILE_UPLOAD_MAX_MEMORY_SIZE=1 << 20):
        status, page = _post(alice, _upload(b"x" * (2 << 20)), fragment=fragment)
        assert (status, "At most 1 MB can be sent at once" in page) == (413, True)
    status, page = _post(
        alice,
        *(_upload(b"x", f"{n}.txt") for n in range(settings.DATA_UPLOAD_MAX_NUMBER_FILES + 1)),
        fragment=fragment,
    )
    assert (status, "Choose at most 20 files at a time" in page) == (413, True)
    status, page = _post(alice, fragment=fragment)
    assert (status, "Choose the report files" in page) == (422, True)


def test_a_file_of_more_lines_than_the_page_reads_is_refused(cast: Cast) -> None:
    content = report(ALICE, ORDERS).split("\n", 1)[0] + "\n" * 400_002
    assert (
        "the file has more than 400,000 lines" in _post(_browser(cast.alice), _upload(content))[1]
    )


def test_upload_just_below_the_size_limit_is_read(cast: Cast) -> None:
    """Between our limit and Django's there must be no size at which files vanish without a word."""
    assert settings.FILE_UPLOAD_MAX_MEMORY_SIZE >= settings.UPLOAD_BYTES_MAX
    header, rows = report(ALICE, ORDERS).split("\n", 1)
    status, page = _post(
        _browser(cast.alice), _upload(f"{header}\n{rows * (1 + (8 << 20) // len(rows))}")
    )
    assert (status, "Can be imported" in page) == (200, True)


def test_an_upload_without_permission_is_not_read(cast: Cast) -> None:
    """A body that fails when it is parsed shows that it was parsed."""
    body = "not a form at all"
    kind = "multipart/form-data; boundary=" + "x" * 300
    assert Client().post("/imports/", body, content_type=kind).status_code == 302
    assert _browser(cast.alice).post("/imports/", body, content_type=kind).status_code == 400


def test_too_many_uploads_in_a_row_wait(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, at = _browser(cast.alice), clock.now()
    monkeypatch.setattr(
        clock, "now", lambda: at
    )  # On a slow machine the first uploads would be forgiven before the last.
    answers = [alice.post("/imports/", {}, headers={"X-Fragment": "cards"}) for _ in range(61)]
    assert {answer.status_code for answer in answers[:60]} == {422}
    assert answers[-1].status_code == 429
    assert int(answers[-1]["Retry-After"]) > 0


def test_no_canary_of_a_file_is_in_a_response(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    header, first, *rest = report(ALICE, ORDERS).split("\n")
    names, cells = header.split("\t"), first.split("\t")
    cells[names.index("item-price")] = f"{PREFIX}INTHEWRONGCELL"
    shifted = "\n".join([header, "\t".join(cells), *rest])
    alice = _browser(cast.alice)
    said = "".join(
        _post(alice, _upload(content), fragment=fragment, **fields)[1]
        for content in (
            shifted,
            shifted[:-40],
            shifted.replace("\t", ";"),
            first,
            report(ALICE, ORDERS),
        )
        for fragment in (True, False)
        for fields in (
            {},
            {"confirm": "1"},
            {"confirm": "1", "allow_refused_rows": "1"},
            {"encoding": "utf-16"},
        )
    )
    assert "not an amount such as 1234.56" in said
    assert PREFIX not in said + caplog.text + text_of_everything()


class _Writes:
    """Notes every file that this process opens for writing while it watches.

    An audit hook can't be removed, only turned off.
    """

    def __init__(self) -> None:
        self.watching = False
        self.seen: list[str] = []
        sys.addaudithook(self._record)

    def _record(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.watching:
            return
        if (
            event == "open"
            and isinstance(arguments[2], int)
            and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        ):
            self.seen.append(str(arguments[0]))
        elif event.startswith(("tempfile.", "os.rename", "os.mkdir", "shutil.")):
            self.seen.append(event)


def test_an_upload_touches_no_disk(cast: Cast, tmp_path: Path) -> None:
    alice = _browser(cast.alice)
    header, *rows = report(ALICE, ORDERS).splitlines()
    filler = "x" * min(60_000, (5 << 20) // len(rows))
    # Beyond the size at which Django would use a temporary file.
    content = "\n".join([f"{header}\tfiller", *(f"{row}\t{filler}" for row in rows), ""])
    assert len(content) > 4 << 20
    _post(alice, _upload(content))  # Templates and modules are loaded by now.
    writes = _Writes()
    writes.watching = True
    looked = _post(alice, _upload(content))[0]
    stored = _post(alice, _upload(content), confirm="1")[0]
    seen = list(writes.seen)
    (tmp_path / "planted").write_text("x")
    writes.watching = False
    assert (looked, stored) == (200, 200)
    assert seen == []
    assert writes.seen == [str(tmp_path / "planted")]


def test_one_account_and_one_shop_read_one_file_at_a_time(cast: Cast) -> None:
    alice, bob, charlie = _browser(cast.alice), _browser(cast.bob), _browser(cast.charlie)
    content = report(ALICE, ORDERS)
    with import_slot(person=cast.alice.id, tenant=cast.alices_shop):
        for browser, reason in (
            (alice, "Another of your files"),
            (bob, "Another file for this shop"),
        ):
            for confirm in ("", "1"):
                status, page = _post(browser, _upload(content), confirm=confirm)
                assert (status, reason in page, "not checked" in page) == (409, True, True)
        assert _post(charlie, _upload(content))[0] == 200
    # The browser still has the file, and sends it again.
    assert _post(alice, _upload(content), confirm="1")[0] == 200


def test_a_process_reads_a_few_files_at_a_time_and_gives_each_slot_back(cast: Cast) -> None:
    charlie = _browser(cast.charlie)
    content = report(ALICE, ORDERS)
    with contextlib.ExitStack() as slots:
        for _ in range(MAX_CONCURRENT):
            slots.enter_context(import_slot(person=new_id(), tenant=new_id()))
        status, page = _post(charlie, _upload(content))
        assert (status, "the maximum number of files" in page) == (409, True)
    for _ in range(MAX_CONCURRENT + 1):
        with pytest.raises(LookupError), import_slot(person=cast.alice.id, tenant=cast.alices_shop):
            raise LookupError
    assert _post(charlie, _upload(content))[0] == 200


@pytest.mark.parametrize("text", ["9" * 60_000, "1e999999999", "1e-999999999", "NaN", "9" * 4_000])
def test_a_number_that_no_ledger_holds_is_refused_with_its_reason(cast: Cast, text: str) -> None:
    for field in ("238.44", "10.54", "1658"):
        document = as_json(traffic("2026-11-01")).replace(field.encode(), text.encode())
        for confirm in ("", "1"):
            status, page = _post(_browser(cast.alice), _upload(document.decode()), confirm=confirm)
            # To a script, an inspection that finds a file bad is one that worked.
            assert status == (422 if confirm else 200), (field, text[:20])
            assert "be read" in page or "damaged" in page, (field, text[:20])
