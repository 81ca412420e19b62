"""From `theseller shop add` to a member's dashboard, in a real browser.

With THESELLER_SCREENSHOTS set to a folder, pictures are left there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.test import override_settings
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.browser.accessibility import violations_by_scheme
from tests.browser.serving import served
from tests.browser_sessions import chromium
from tests.one_time_links import new_sign_up_link

from theseller.accounts.sign_up.types import SignUpMode
from theseller.cli.commands import shop
from theseller.cli.main import main
from theseller.lib.ids import new_id
from theseller.mail.types import MailSettings

PICTURES = os.environ.get("THESELLER_SCREENSHOTS")
PASSWORD = "seven-lamps-under-a-green-bridge"  # of people of this test


@pytest.fixture
def owner() -> str:
    return f"anna.{new_id().hex[-12:]}@example.com"


@pytest.fixture
def link(
    owner: str, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Return the link that the command prints; it runs before the browser's event loop."""
    del database
    monkeypatch.setattr(shop, "setup_django", lambda _role: None)
    assert main(["shop", "add", "Acme", "--owner", owner, "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["link"])


@pytest.fixture
def sign_up_path(database: str) -> str:
    """Return the path of a link to open a shop; it is made before the event loop too."""
    del database
    return f"/sign-up/{new_sign_up_link()}/"


@pytest.fixture
def browser(link: str, sign_up_path: str) -> Iterator[tuple[Browser, str]]:
    del link, sign_up_path
    with (
        override_settings(
            ALLOWED_HOSTS=["127.0.0.1"],
            CSRF_TRUSTED_ORIGINS=[],
            MAIL=MailSettings(),
            SIGN_UP=SignUpMode.VERIFIED,
        ),
        served() as address,
        chromium() as browser,
    ):
        yield browser, address


def _check(page: Page, name: str) -> None:
    assert violations_by_scheme(page) == {"light": [], "dark": []}
    for scheme in ("dark", "light") if PICTURES else ("light",):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for width in (390, 1280):
            page.set_viewport_size(ViewportSize(width=width, height=900))
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/{name}-{scheme}-{width}.png", full_page=True)


def _join_and_sign_in(page: Page, link: str, name: str, email: str, picture: str) -> None:
    """Use a link in a browser of its own, and sign in with the new password."""
    page.goto(urlsplit(link).path)
    expect(page.get_by_text(email)).to_be_visible()
    _check(page, picture)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("Repeat the new password").fill(PASSWORD)
    page.get_by_role("button", name="Create the account and join").click()
    page.wait_for_url("**/sign-in/")
    expect(page.get_by_text("Sign in with")).to_be_visible()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Dashboard")).to_be_visible()


@pytest.mark.usefixtures("schemes")
def test_an_owner_joins_and_invites_an_analyst_who_sees_the_dashboard(
    browser: tuple[Browser, str], owner: str, link: str, sign_up_path: str
) -> None:
    started, address = browser
    analyst = f"ben.{new_id().hex[-12:]}@example.com"

    anna = started.new_context(base_url=address).new_page()
    _join_and_sign_in(anna, link, "Anna", owner, "join")
    anna.goto("/members/")
    anna.get_by_label("Email").fill(analyst)
    anna.get_by_label("Role", exact=True).select_option("analyst")
    anna.get_by_role("button", name="Invite").click()
    invited = anna.locator("#one-time-link").inner_text()
    _check(anna, "members-with-link")

    ben = started.new_context(base_url=address).new_page()
    _join_and_sign_in(ben, invited, "Ben", analyst, "join-analyst")
    expect(ben.get_by_role("link", name="Members")).to_have_count(0)
    for path in ("/members/", "/activity/", "/connections/new/"):
        answer = ben.goto(path)
        assert answer is not None
        assert answer.status == 403
    answer = ben.goto(urlsplit(invited).path)
    assert answer is not None
    assert answer.status == 404
    _check(ben, "link-used")

    anna.goto("/members/")
    expect(anna.get_by_text(analyst)).to_be_visible()
    _check(anna, "members")
    anna.get_by_role("button", name="Remove Ben").click()
    expect(anna.get_by_text("The member was removed")).to_be_visible()
    ben.goto("/")
    expect(ben.get_by_role("link", name="Dashboard")).to_have_count(0)
    ben.goto("/password-reset/")
    _check(ben, "password-reset")
    ben.context.clear_cookies()
    for path, picture in (("/", "start"), ("/sign-up/", "sign-up"), (sign_up_path, "open-shop")):
        ben.goto(path)
        _check(ben, picture)
