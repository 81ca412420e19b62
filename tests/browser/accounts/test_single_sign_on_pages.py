"""Pages of single sign-on in a real browser, from the sign-in page to a linked account.

With THESELLER_SCREENSHOTS set to a folder, pictures are left there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.browser.accessibility import violations_by_scheme
from tests.browser.serving import served
from tests.browser_sessions import chromium
from tests.oidc_provider import OidcProvider, SecretsWithClient, running_provider
from tests.operators import create_operator, operator_client

from theseller.accounts.oidc import provider_client
from theseller.lib.ids import new_id

PICTURES = os.environ.get("THESELLER_SCREENSHOTS")
BACK, LINK = "/sign-in/single-sign-on/return/", "/account/security/single-sign-on/"


@dataclass(frozen=True, slots=True)
class Site:
    browser: Browser
    address: str
    cookies: dict[str, str]  # of an operator who has just proven a second factor
    provider: OidcProvider


@pytest.fixture
def site(database: str, tmp_path: Path) -> Iterator[Site]:
    del database
    provider_client.expire_provider()
    # The browser starts last and ends first: Django's database refuses to work beside its loop.
    with (
        running_provider(tmp_path) as provider,
        override_settings(
            ALLOWED_HOSTS=["127.0.0.1"],
            OIDC=provider.settings,
            SECRETS=SecretsWithClient(settings.SECRETS),
        ),
    ):
        client = operator_client(create_operator())
        cookies = {name: one.value for name, one in client.cookies.items()}
        with served() as address, chromium() as browser:
            yield Site(browser, address, cookies, provider)


def _check(page: Page, name: str) -> None:
    """Judge a page in both color schemes and at two widths."""
    assert violations_by_scheme(page) == {"light": [], "dark": []}
    for scheme in ("dark", "light") if PICTURES else ("light",):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for width in (390, 1280):
            page.set_viewport_size(ViewportSize(width=width, height=900))
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/{name}-{scheme}-{width}.png", full_page=True)


def test_pages_of_single_sign_on_are_accessible_and_fit_their_window(site: Site) -> None:
    visitor = site.browser.new_context(base_url=site.address).new_page()
    visitor.goto("/sign-in/")
    expect(visitor.get_by_role("link", name="Sign in with Acme login")).to_be_visible()
    _check(visitor, "single-sign-on-sign-in")
    visitor.goto(f"{BACK}?state=unknown&code=unknown")
    expect(visitor.get_by_role("heading")).to_have_count(1)
    _check(visitor, "single-sign-on-refused")

    context = site.browser.new_context(base_url=site.address)
    context.add_cookies(
        [
            {"name": name, "value": value, "url": site.address}
            for name, value in site.cookies.items()
        ]
    )
    operator, subject = context.new_page(), f"person-{new_id()}"
    operator.goto("/account/security/")
    _check(operator, "single-sign-on-security")
    location = context.request.get(LINK, max_redirects=0).headers["location"]
    operator.goto(site.provider.sign_in(location, sub=subject))
    expect(operator.get_by_text(subject)).to_be_visible()
    _check(operator, "single-sign-on-link")
    operator.locator("main form button[type=submit]").click()
    expect(operator.get_by_text("Your account is linked.")).to_be_visible()
    _check(operator, "single-sign-on-linked")
