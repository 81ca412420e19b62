"""Second factors in a real browser, with Chromium's virtual authenticator for passkeys.

A new operator's whole way, and every page of it.

With THESELLER_SCREENSHOTS set to a folder, pictures of every page are left there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import override_settings
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.browser.accessibility import violations_by_scheme
from tests.browser.serving import beside, served
from tests.browser_sessions import chromium
from tests.cast import PASSWORD
from tests.operators import OperatorUser, create_operator

from theseller.accounts.mfa.operations import make_recovery_codes
from theseller.accounts.mfa.queries import own_factors
from theseller.lib import clock

PICTURES = os.environ.get("THESELLER_SCREENSHOTS")


@pytest.fixture(scope="module")
def operator(database: str) -> OperatorUser:
    made = create_operator(at=clock.now() - timedelta(days=40))
    make_recovery_codes(person=made.id, at=clock.now() - timedelta(days=40))
    return made


@pytest.fixture(scope="module")
def newcomers(database: str) -> list[OperatorUser]:
    """Return operators without a second factor, one for each test that takes one."""
    return [
        create_operator(name=name, with_app=False) for name in ("Oskar", "Ophelia", "Otto", "Oda")
    ]


@pytest.fixture(scope="module")
def site(operator: OperatorUser, newcomers: list[OperatorUser]) -> Iterator[str]:
    del (
        operator,
        newcomers,
    )  # made before the browser starts, whose loop Django's database refuses to work beside
    # A name, not a number: browsers allow passkeys at names only.
    with (
        override_settings(ALLOWED_HOSTS=["localhost"], CSRF_TRUSTED_ORIGINS=[]),
        served("localhost") as address,
    ):
        yield address


@pytest.fixture(scope="module")
def browser(site: str) -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


class _Person:
    """A browser session with an authenticator of its own; `complaints` is what the browser objected to."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.page = context.new_page()
        self.site = site
        self.complaints: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        wire = context.new_cdp_session(self.page)
        wire.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasUserVerification": True,
            "isUserVerified": True,
        }
        wire.send(
            "WebAuthn.addVirtualAuthenticator",
            {"options": {**options, "automaticPresenceSimulation": True}},
        )

    def _said(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        # A form that comes back with its errors is a 422, which Chromium calls an error of the
        # network.
        if kind in {"error", "warning"} and "422" not in text:
            self.complaints.append(text)

    def go(self, path: str) -> None:
        self.page.goto(self.site + path)

    def sign_in(self, who: OperatorUser, path: str = "/operate/") -> None:
        self.go(path)
        self.page.get_by_label("Email").fill(who.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    return context


@pytest.fixture
def person(context: BrowserContext, site: str) -> Iterator[_Person]:
    """Return a person in the browser of the test before, which has loaded the files, signed out."""
    context.clear_cookies()
    person = _Person(context, site)
    yield person
    person.page.close()


def test_a_new_operator_registers_a_passkey_and_signs_in_with_it(
    person: _Person, newcomers: list[OperatorUser]
) -> None:
    page, oskar = person.page, newcomers.pop()
    person.sign_in(oskar)
    expect(page.get_by_text("to open the operator area")).to_be_visible()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Laptop")
    person.press("Create passkey")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have saved them, continue").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert page.url == f"{person.site}/operate/"
    person.press("Sign out")
    person.sign_in(oskar)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    person.press("Use a passkey")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    # A step-up: the same key again, for a new question.
    person.go("/account/second-factor/?next=/account/security/")
    person.press("Use a passkey")
    expect(page.get_by_role("heading", name="Account security")).to_be_visible()
    assert person.complaints == []
    (factor,) = beside(lambda: own_factors(oskar.id))
    assert factor.name == "Laptop"


def test_passkey_of_another_user_is_refused_with_a_message(
    browser: Browser, person: _Person, newcomers: list[OperatorUser], site: str
) -> None:
    """Sign in with the password and another person's authenticator: refused, with what to do."""
    page, victim = person.page, newcomers.pop()
    person.sign_in(victim)
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Laptop")
    person.press("Create passkey")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    context = browser.new_context()
    context.set_default_timeout(60_000)
    thief = _Person(context, site)
    thief.sign_in(victim)
    thief.press("Use a passkey")
    expect(thief.page.get_by_text("The passkey request was canceled or timed out")).to_be_visible()
    thief.go("/operate/")
    assert "/sign-in/" in thief.page.url
    context.close()


def test_user_without_passkey_signs_in_with_an_app_code(
    person: _Person, operator: OperatorUser
) -> None:
    page = person.page
    person.sign_in(operator)
    page.get_by_label("Code", exact=True).fill("000000")
    person.press("Continue")
    expect(page.get_by_text("This code is wrong, expired, or already used.")).to_be_visible()
    page.get_by_label("Code", exact=True).fill(operator.code())
    person.press("Continue")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert person.complaints == []


def _judge(page: Page, name: str) -> tuple[dict[str, list[object]], list[int]]:
    """Return what axe finds in either scheme, and at which widths the page is wider than its window."""
    found = violations_by_scheme(page)
    wide = []
    for width in (320, 390, 768, 860, 1024, 1140):
        page.set_viewport_size({"width": width, "height": 900})
        wide += [width] if page.evaluate("document.documentElement.scrollWidth") > width else []
    for size, width in (("wide", 1280), ("phone", 390)) if PICTURES else ():
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.screenshot(
                path=Path(PICTURES or "") / f"{name}-{size}-{scheme}.png", full_page=True
            )
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    return found, wide


@pytest.mark.usefixtures("schemes")
def test_every_page_is_accessible_within_the_policy_and_within_its_window(
    person: _Person, newcomers: list[OperatorUser]
) -> None:
    page, otto = person.page, newcomers.pop()
    judged = {}
    person.sign_in(otto)
    judged["1-no-factor"] = _judge(page, "1-no-factor")
    person.press("Set up an authenticator app")
    judged["2-app"] = _judge(page, "2-app")
    secret = page.locator(".copyable").inner_text()
    assert re.fullmatch(r"([A-Z2-7]{4} ){7}[A-Z2-7]{4}", secret)
    page.get_by_label("Code", exact=True).fill("111111")
    person.press("Use this app")
    judged["3-app-refused"] = _judge(page, "3-app-refused")
    from theseller.lib.secret_type import Secret

    holder = OperatorUser(otto.id, otto.email, Secret(secret.replace(" ", "")))
    page.get_by_label("Code", exact=True).fill(holder.code())
    person.press("Use this app")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    judged["4-codes"] = _judge(page, "4-codes")
    page.get_by_role("link", name="I have saved them, continue").click()
    judged["5-overview"] = _judge(page, "5-overview")
    person.go("/account/security/passkey/")
    judged["6-passkey"] = _judge(page, "6-passkey")
    page.get_by_label("Name").fill("Laptop")
    person.press("Create passkey")
    expect(page.get_by_text("Passkey is set up")).to_be_visible()
    judged["7-factors"] = _judge(page, "7-factors")
    person.go("/account/second-factor/?next=/operate/&why=stale")
    judged["8-proof"] = _judge(page, "8-proof")
    person.go("/account/security/")
    person.press("Sign out")
    person.sign_in(otto)
    expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    judged["9-signing-in"] = _judge(page, "9-signing-in")
    assert judged == {name: ({"light": [], "dark": []}, []) for name in judged}
    assert person.complaints == []
