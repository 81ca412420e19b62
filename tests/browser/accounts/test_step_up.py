"""Sensitive acts ask for a fresh proof, in a real browser.

The page is accessible in both themes, at every width.

With THESELLER_SCREENSHOTS set to a folder, pictures are left there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client, override_settings
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect
from tests.browser.accessibility import violations_by_scheme
from tests.browser.serving import beside, served
from tests.browser_sessions import chromium
from tests.cast import PASSWORD, create_cast
from tests.integration.buyer_pii.conftest import connect

from theseller.accounts.models import User

PICTURES = os.environ.get("THESELLER_SCREENSHOTS")


@pytest.fixture(scope="module")
def context(database: str) -> Iterator[BrowserContext]:
    del database
    with (
        override_settings(ALLOWED_HOSTS=["127.0.0.1"], CSRF_TRUSTED_ORIGINS=[]),
        served() as address,
        chromium() as browser,
    ):
        yield browser.new_context(base_url=address)


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of Alice, who signed in long ago."""

    def sign_in() -> str:
        people = create_cast()
        connect(people.alices_shop)
        client = Client()
        client.force_login(User.objects.get(pk=people.alice.id))
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    cookie = beside(sign_in)
    context.clear_cookies()
    page = context.new_page()
    page.goto("/healthz")
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": page.url}])
    yield page
    page.close()


def _check(page: Page, name: str) -> None:
    assert violations_by_scheme(page) == {"light": [], "dark": []}
    for scheme in ("dark", "light") if PICTURES else ("light",):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for width in (390, 1280):
            page.set_viewport_size(ViewportSize(width=width, height=900))
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/{name}-{scheme}-{width}.png")


def _prove(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()


@pytest.mark.usefixtures("schemes")
def test_disconnect_and_export_require_a_recent_second_factor_proof(page: Page) -> None:
    page.goto("/data/")
    page.get_by_role("button", name="Export everything").click()
    page.wait_for_url("**/account/second-factor/**")
    expect(page.get_by_text("repeat the action afterwards")).to_be_visible()
    _check(page, "proof-before-export")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    _check(page, "proof-refused")
    _prove(page)
    page.wait_for_url(re.compile("/data/$"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Export everything").click()
    assert download.value.suggested_filename.endswith(".zip")
    # The same proof holds for five minutes.
    page.goto("/connections/")
    page.get_by_role("link", name="Disconnect…").click()
    page.get_by_label("Type DISCONNECT to confirm").fill("DISCONNECT")
    _check(page, "disconnect")
    page.get_by_role("button", name="Disconnect and erase").click()
    page.wait_for_url(re.compile("/erasure/$"))


def test_disconnect_page_is_shown_again_after_the_second_factor_proof(page: Page) -> None:
    page.goto("/connections/")
    page.get_by_role("link", name="Disconnect…").click()
    page.wait_for_url("**/account/second-factor/**")
    expect(page.get_by_text("Nothing has been changed yet.")).to_be_visible()
    _prove(page)
    expect(page.get_by_role("heading", name="Disconnect")).to_be_visible()
