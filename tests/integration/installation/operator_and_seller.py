"""What the operator and the first seller do on the pages of a new installation."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator

from playwright.sync_api import Browser, Page, expect
from tests.integration.installation.network_and_mail import SITE
from tests.smtp_server import RunningServer

from theseller.accounts.mfa.totp import code_of, step_at
from theseller.lib import clock
from theseller.lib.secret_type import Secret

# `expect` waits five seconds otherwise, which a page on a busy machine may take.
expect.set_options(timeout=300_000)

OPERATOR, OWNER = "ada@shop.example", "anna@shop.example"
_SELLERS_PASSWORD = "four words to be guessed"  # of these tests only
_PATIENCE = 600.0
#: What Chromium is started with: the site's name leads to the host itself.
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", f"--host-resolver-rules=MAP {SITE} 127.0.0.1",
)  # fmt: skip


@contextlib.contextmanager
def page_of(browser: Browser) -> Iterator[Page]:
    """Give a page of a browser without cookies."""
    context = browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(300_000)
    try:
        yield context.new_page()
    finally:
        context.close()


def sign_in(page: Page, email: str, password: str = _SELLERS_PASSWORD) -> None:
    page.goto(f"https://{SITE}/sign-in/")
    page.get_by_label("Email", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/sign-in/" not in url)


def invite_owner(page: Page, password: str) -> None:
    """Sign in as the operator, set up an app, and add a shop."""
    sign_in(page, OPERATOR, password)
    page.goto(f"https://{SITE}/operate/")
    page.get_by_text("Set up an authenticator app").click()
    shown = re.search(r"secret:\s+([A-Z2-7 ]+)\n", page.inner_text("main"))
    assert shown is not None
    secret = Secret(shown[1].replace(" ", ""))
    page.get_by_label("Code", exact=True).fill(code_of(secret, step_at(clock.now())))
    page.get_by_role("button", name="Use this app").click()
    expect(page.get_by_text("Your recovery codes")).to_be_visible()
    page.goto(f"https://{SITE}/operate/shops/")
    page.get_by_text("Add a shop…").click()
    page.get_by_label("Name of the shop").fill("Anna Trading")
    page.get_by_label("Email of the first owner").fill(OWNER)
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_text(f"The invitation is sent to {OWNER}.")).to_be_visible()


def mailed_link(mail: RunningServer) -> str:
    """Return the link of the invitation, when it has arrived."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        for message in mail.messages():
            if OWNER in str(message["To"]):
                body = message.get_body(("plain",))
                assert body is not None
                found = re.search(r"https://\S+/join/\S+", body.get_content())
                assert found is not None, body.get_content()
                return found[0]
        time.sleep(0.5)
    raise AssertionError([str(one["Subject"]) for one in mail.messages()])


def join(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("Your name").fill("Anna")
    page.get_by_label("New password", exact=True).fill(_SELLERS_PASSWORD)
    page.get_by_label("Repeat the new password").fill(_SELLERS_PASSWORD)
    page.get_by_role("button", name="Create the account and join").click()
    expect(page.get_by_text("You are a member of Anna Trading now.")).to_be_visible()
    sign_in(page, OWNER)


def connect(page: Page) -> None:
    """Connect at the emulated Amazon."""
    page.get_by_role("link", name="Connect", exact=True).click()
    page.get_by_label("Your Amazon store").select_option(label="Amazon.com")
    page.get_by_role("button", name="Continue: review permissions").click()
    page.get_by_role("button", name="Continue to Amazon.com").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Connected. Your history is being imported.")).to_be_visible()


def see_figures(page: Page, *names: str) -> None:
    """Wait until the dashboard shows an amount for each of `names`."""
    until = time.monotonic() + _PATIENCE
    shown = ""
    while time.monotonic() < until:
        page.goto(f"https://{SITE}/")
        shown = page.inner_text("main")
        if all(re.search(rf"{name}\s+\$[\d,]+", shown) for name in names):
            return
        time.sleep(2)
    raise AssertionError(shown)
