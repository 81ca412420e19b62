"""The import page in a real browser: files are dropped, inspected and imported, by keyboard too.

It works without script, and is accessible in both themes.

With THESELLER_SCREENSHOTS set to a folder, pictures are left there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect
from tests.browser.accessibility import violations_by_scheme
from tests.browser.serving import beside, served
from tests.browser_sessions import chromium
from tests.cast import Cast, create_cast
from tests.integration.ingest.imports.files import ALICE, CHARLIE, report, settlement_text, zipped
from tests.unit.amazon.report_fixtures.business_reports import by_child

from theseller.accounts.models import User
from theseller.amazon.reports import ReportType

PICTURES = os.environ.get("THESELLER_SCREENSHOTS")
ORDERS = ReportType.ALL_ORDERS_BY_ORDER_DATE


@pytest.fixture
def cookie(database: str) -> str:
    def sign_in() -> str:
        people: Cast = create_cast()
        client = Client()
        client.force_login(User.objects.get(pk=people.alice.id))
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    return beside(sign_in)


@pytest.fixture(scope="module")
def site(database: str) -> Iterator[str]:
    with (
        override_settings(ALLOWED_HOSTS=["127.0.0.1"], CSRF_TRUSTED_ORIGINS=[]),
        served() as address,
    ):
        yield address


@pytest.fixture(scope="module")
def browser(site: str) -> Iterator[Browser]:
    del site
    with chromium() as launched:
        yield launched


class Tab:
    """A signed-in browser that remembers every complaint."""

    def __init__(self, browser: Browser, site: str, cookie: str, *, script: bool = True) -> None:
        self.context: BrowserContext = browser.new_context(
            viewport={"width": 1280, "height": 900}, java_script_enabled=script
        )
        self.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": site}]
        )
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in {"error", "warning"}
                else None
            ),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{site}/imports/")

    def choose(self, *files: FilePayload) -> None:
        self.page.locator("input[type=file]").set_input_files(list(files))

    def check(self, name: str) -> None:
        """Look at the page in both themes and at several widths, and take its picture."""
        found, wide = violations_by_scheme(self.page), {}
        for scheme in ("dark", "light") if PICTURES else ("light",):
            self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            for width in (320, 390, 1280):
                self.page.set_viewport_size({"width": width, "height": 900})
                wide[width] = self.page.evaluate("document.documentElement.scrollWidth")
                if PICTURES and width != 320:
                    self.page.screenshot(
                        path=f"{PICTURES}/import-{name}-{width}-{scheme}.png", full_page=True
                    )
        assert found == {"light": [], "dark": []}
        assert wide == {width: width for width in wide}


def _file(name: str, content: bytes | str) -> FilePayload:
    return {
        "name": name,
        "mimeType": "text/plain",
        "buffer": content.encode() if isinstance(content, str) else content,
    }


def _bad_rows() -> str:
    lines = report(CHARLIE, ORDERS).split("\n")
    names = lines[0].split("\t")
    for number, column in ((3, "quantity"), (7, "item-price"), (11, "purchase-date")):
        cells = lines[number].split("\t")
        cells[names.index(column)] = "12 Elm Street"
        lines[number] = "\t".join(cells)
    return "\n".join(lines)


def test_files_are_inspected_imported_and_listed(browser: Browser, site: str, cookie: str) -> None:
    tab = Tab(browser, site, cookie)
    page = tab.page
    tab.check("empty")
    tab.choose(_file("orders-2026-10.txt", report(ALICE, ORDERS)))
    page.get_by_role("button", name="Check files").click()
    page.get_by_role("button", name="Import").wait_for()
    tab.check("good")
    assert page.get_by_text("No imported reports yet").count() == 1
    page.locator("[data-import]").click()
    expect(page.locator(".import-card .badge")).to_have_text("Imported")
    expect(page.locator("#documents tbody tr")).to_have_count(1)
    assert page.evaluate("document.activeElement.tagName") == "H2"
    tab.choose(
        _file("settlement-22315.txt", settlement_text(ALICE)),
        _file("traffic-october.json.gz", zipped(report(ALICE, ReportType.SALES_AND_TRAFFIC))),
        _file("orders-again.txt", report(ALICE, ORDERS)),
    )
    page.get_by_text("Options").click()
    page.get_by_label("Import without review").check()
    page.locator("#import-send").click()
    expect(page.locator("[data-done]")).to_have_count(3)
    assert page.locator(".import-card .badge").all_inner_texts() == [
        "Imported",
        "Imported",
        "Already imported",
    ]
    expect(page.locator("#documents tbody tr")).to_have_count(3)
    tab.check("imported")
    assert tab.complaints == []


def test_a_business_report_is_imported_after_its_store_and_day_were_chosen(
    browser: Browser, site: str, cookie: str
) -> None:
    tab = Tab(browser, site, cookie)
    page = tab.page
    product = ("B0TESTTEE0", "B0TESTTEE1", "Tee", "1,200", "1,800", "97.50%", "40", "$1,234.56")
    tab.choose(_file("BusinessReport-10-02-26.csv", by_child(product)))
    page.get_by_role("button", name="Check files").click()
    card = page.locator(".import-card")
    check = card.get_by_role("button", name="Check again")
    check.wait_for()
    tab.check("questions")
    check.click()  # Nothing is chosen yet, so nothing is sent.
    card.get_by_label("Store").select_option(label="Amazon.com")
    card.get_by_label("First day").fill("2026-10-01")
    card.get_by_label("Last day").fill("2026-10-02")
    check.click()
    expect(card.get_by_text("the report is by product over several days")).to_have_count(1)
    # What was chosen can be corrected in the same card.
    expect(card.get_by_label("Store")).to_have_value("US")
    card.get_by_label("Last day").fill("2026-10-01")
    card.get_by_role("button", name="Check again").click()
    expect(card.locator(".badge")).to_have_text("Can be imported")
    card.locator("[data-import]").click()
    expect(card.locator(".badge")).to_have_text("Imported")
    expect(page.locator("#documents tbody tr")).to_contain_text("Amazon.com")
    assert tab.complaints == []


def test_bad_files_are_explained_and_readable_rows_can_be_taken(
    browser: Browser, site: str, cookie: str
) -> None:
    tab = Tab(browser, site, cookie)
    page = tab.page
    tab.choose(
        _file("orders-edited.txt", _bad_rows()),
        _file("holiday.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" * 50),
        _file("orders.xlsx", b"PK\x03\x04xl/"),
    )
    page.get_by_role("button", name="Check files").click()
    expect(page.locator("[data-import-result]")).to_have_count(3)
    tab.check("bad")
    assert "12 Elm Street" not in page.content()
    assert page.locator("[data-import]").count() == 1
    page.locator("[data-partly]").click()
    expect(page.locator("[data-done] .badge")).to_have_text("Imported")
    expect(page.get_by_text("3 rows skipped: unreadable.")).to_have_count(1)
    page.locator(".import-card").nth(1).locator("h2").wait_for()
    assert tab.complaints == []


def test_an_ended_session_and_a_stopped_server_are_reported(
    browser: Browser, site: str, cookie: str
) -> None:
    tab = Tab(browser, site, cookie)
    page = tab.page
    tab.choose(_file("orders.txt", report(ALICE, ORDERS)))
    # What the redirect to the sign-in page ends in. The real one would race with this small server,
    # which leaves the body unread.
    page.route(
        "**/imports/",
        lambda route: route.fulfill(status=200, content_type="text/html", body="<h1>Sign in</h1>"),
    )
    page.get_by_role("button", name="Check files").click()
    expect(page.locator(".import-card .notice b")).to_have_text("You have been signed out")
    page.unroute("**/imports/")
    page.route("**/imports/", lambda route: route.abort())
    tab.choose(_file("orders.txt", report(ALICE, ORDERS)))
    page.get_by_role("button", name="Check files").click()
    expect(page.locator(".import-card .notice b")).to_have_text("The server can\u2019t be reached")


def test_import_page_works_without_javascript(browser: Browser, site: str, cookie: str) -> None:
    tab = Tab(browser, site, cookie, script=False)
    page = tab.page
    tab.choose(_file("orders.txt", report(ALICE, ORDERS)))
    page.get_by_role("button", name="Check files").click()
    expect(page.locator(".import-card .badge")).to_have_text("Can be imported")
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/import-noscript-1280-light.png", full_page=True)
    expect(page.locator("[data-import]")).to_be_hidden()
    tab.choose(_file("orders.txt", report(ALICE, ORDERS)))
    page.get_by_text("Options").click()
    page.get_by_label("Import without review").check()
    page.locator("#import-send").click()
    expect(page.locator(".import-card .badge")).to_have_text("Imported")
    expect(page.locator("#documents tbody tr")).to_have_count(1)
