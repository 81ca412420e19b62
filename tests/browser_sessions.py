"""Users in Chromium, with every console complaint, request and response body recorded and judged."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    CDPSession,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)
from playwright.sync_api import Error as BrowserError

# `expect` waits five seconds otherwise, which a page on a busy machine may take.
expect.set_options(timeout=60_000)

_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
_TOKENS = re.compile(rb"Atz[ar]\|[\w-]{8,}")


@dataclass  # without slots: the browser library marks the handlers' owner
class TrafficLog:
    """What happened in one browser session."""

    origins: tuple[str, ...]
    complaints: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    referrers: list[str] = field(default_factory=list)
    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def passed_through(self, name: str) -> set[str]:
        """Return every value that the parameter `name` had in any address."""
        return {
            value
            for address in self.addresses
            for value in parse_qs(urlsplit(address).query).get(name, [])
        }

    def judge(self, secrets: dict[str, str], *, callback: str) -> None:
        """Fail if the browser session had a complaint, a foreign host or a leaked secret.

        A secret leaks in a body, an address or a referrer.

        `callback`: the one address that may carry the authorisation code and the state, for Amazon
        puts them there.
        """
        assert not self.complaints
        assert not [
            address
            for address in self.addresses
            if not address.startswith((*(f"{one}/" for one in self.origins), "blob:", "data:"))
        ]
        assert self.unread == [], "answers that could not be read prove nothing"
        assert self.bodies
        codes = self.passed_through("spapi_oauth_code")
        for address in self.addresses:
            if "spapi_oauth_code" in address:
                assert address.startswith(callback)
        known = {
            **secrets,
            **{f"authorisation code {number}": code for number, code in enumerate(sorted(codes))},
        }
        for place, content in self.bodies:
            assert not _TOKENS.search(content), f"a token of Amazon's in {place}"
            for name, secret in known.items():
                assert secret.encode() not in content, f"{name} in {place}"
        for text in [
            *self.referrers,
            *(address for address in self.addresses if not address.startswith(callback)),
        ]:
            assert "spapi_oauth_code" not in text
            assert not [name for name, secret in known.items() if secret in text], (
                "a secret in an address"
            )

    def watch(self, page: Page) -> None:
        page.on(
            "console",
            lambda said: (
                self.complaints.append(f"{said.type}: {said.text}")
                if said.type in {"error", "warning"}
                else None
            ),
        )
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        # Every answer is held back until its body has been read: once a page is left, its bodies
        # are lost.
        wire = page.context.new_cdp_session(page)
        wire.on("Fetch.requestPaused", lambda event: self._answered(wire, event))
        wire.send(
            "Fetch.enable", {"patterns": [{"urlPattern": "http*", "requestStage": "Response"}]}
        )

    def _request(self, request: Request) -> None:
        self.addresses.append(request.url)
        referrer = request.headers.get("referer")
        if referrer:
            self.referrers.append(referrer)

    def _answered(self, wire: CDPSession, event: dict[str, Any]) -> None:
        address, status = str(event["request"]["url"]), int(event.get("responseStatusCode", 0))
        headers = "\n".join(
            f"{one['name']}: {one['value']}"
            for one in event.get("responseHeaders", [])
            if one["name"].lower() != "set-cookie"
        )
        try:
            if status and not 300 <= status < 400:
                body = wire.send("Fetch.getResponseBody", {"requestId": event["requestId"]})
                content = (
                    base64.b64decode(body["body"])
                    if body["base64Encoded"]
                    else str(body["body"]).encode()
                )
                self.bodies.append((address, headers.encode() + b"\n\n" + content))
            wire.send("Fetch.continueRequest", {"requestId": event["requestId"]})
        except BrowserError as error:
            # The page, and with it the request, was closed in the meantime: no one got this answer.
            if not any(
                word in str(error) for word in ("Invalid InterceptionId", "closed", "Invalid state")
            ):
                self.unread.append(f"{address}: {str(error)[:160]}")

    def _failed(self, request: Request) -> None:
        # A page that is left stops what it was loading; that is no fault.
        if request.failure and "ERR_ABORTED" not in request.failure:
            self.complaints.append(f"failed: {request.url}: {request.failure}")


@dataclass(slots=True)
class BrowserSession:
    """One person's browser session."""

    context: BrowserContext
    page: Page
    traffic: TrafficLog
    web: str

    def go(self, path: str) -> None:
        self.page.goto(self.web + path)

    def sign_in(self, email: str, password: str) -> None:
        self.go("/sign-in/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/sign-in/" not in url)

    def step_up_if_required(self, password: str) -> None:
        """Give the password once more, if the page asks for a fresh proof."""
        if "/account/second-factor/" in self.page.url:
            self.page.get_by_label("Password").fill(password)
            self.page.get_by_role("button", name="Continue").click()
            self.page.wait_for_url(lambda url: "/account/second-factor/" not in url)

    def text(self) -> str:
        """Return what the page says, as it is shown."""
        return self.page.locator("body").inner_text()

    def session(self) -> str:
        """Return the cookie of this session: anyone who has it is this person."""
        return next(
            str(cookie["value"])
            for cookie in self.context.cookies()
            if cookie.get("name") == "theseller_session"
        )


def _program() -> str:
    """Return the path of the browser: $CHROMIUM, which bin/test sets, else one on the search path.

    Raises:
        RuntimeError: there is none, and without one these tests would show nothing.
    """
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise RuntimeError(
            "No Chromium was found. bin/chromium installs it, or says how;"
            " then CHROMIUM=$(bin/chromium) names it."
        )
    return found


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium for the length of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_program(), args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def browser_session(
    browser: Browser,
    web: str,
    emulator: str,
    *,
    viewport: ViewportSize = WIDE,
    scheme: str = "light",
) -> Iterator[BrowserSession]:
    """Open a browser session of its own, as on another person's machine."""
    context = browser.new_context(
        viewport=viewport,
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(60_000)
    traffic = TrafficLog((web, emulator))
    context.on("page", traffic.watch)
    try:
        yield BrowserSession(context, context.new_page(), traffic, web)
    finally:
        context.close()
