"""Pictures of the main pages, on a wide screen and a phone, light and dark.

Run `python -m tests.screenshots FOLDER [README-PICTURE] [ADDRESS…]`: with addresses (`/products/`)
of pages only those, as the owner of a shop sees them once Amazon's data has arrived. With
`PAGES_LANGUAGE=de` the pages are in that language.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.browser_sessions import PHONE, WIDE, BrowserSession, browser_session, chromium
from tests.demo_deployment import Demo, running_demo
from tests.expected_figures import ALICE

from theseller.accounts.mfa.totp import code_of, step_at
from theseller.emulator.cli import main as emulator
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.postgres.os_processes import wait_until

SIZES = {"wide": WIDE, "phone": PHONE}
SCHEMES = ("light", "dark")
#: Pages whose lower end is of no interest in a picture are cut there: pixels.
_LONGEST = 4000
_README = ViewportSize(width=1280, height=1000)


class Pictures:
    """Takes each picture four times: two sizes, two schemes.

    The page stays as it is, so that a moment can be captured. `only`: names of pictures; others are
    left out. `language`: the pictures are of the same address in this language, in a tab of its
    own; what only a form's answer shows is not among them.
    """

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], object],
        only: Collection[str] = (),
        language: str = "",
    ) -> None:
        self.folder, self._only, self._language = folder, only, language
        self._say = say
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str, page: Page) -> None:
        if self._only and name not in self._only:
            return
        if not self._language:
            self._take(name, page)
            return
        tab = page.context.new_page()
        tab.set_extra_http_headers({"Accept-Language": self._language})
        answer = tab.goto(page.url)
        if answer is not None and answer.status != 405:  # only forms are sent to it
            tab.wait_for_load_state("load")
            self._take(name, tab)
        tab.close()

    def _take(self, name: str, page: Page) -> None:
        for size, viewport in SIZES.items():
            page.set_viewport_size(viewport)
            for scheme in SCHEMES:
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                page.wait_for_timeout(250)  # the chart draws itself again
                # A window as high as the page: a bar that keeps to the window's foot would
                # otherwise be in the middle of the picture.
                height = min(int(page.evaluate("document.documentElement.scrollHeight")), _LONGEST)
                page.set_viewport_size(
                    {"width": viewport["width"], "height": max(height, viewport["height"])}
                )
                page.screenshot(path=self.folder / f"{name}-{size}-{scheme}.png")
                page.set_viewport_size(viewport)
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")
        self._say(f"{name}\n")


def main(folder: Path, readme: Path | None, addresses: Collection[str] = ()) -> None:
    named = {one.strip("/").replace("/", "-") or "start": one for one in addresses}
    pictures = Pictures(folder, sys.stdout.write, named, os.environ.get("PAGES_LANGUAGE", ""))
    with (
        running_demo() as demo,
        chromium() as browser,
        browser_session(browser, demo.web, demo.emulator) as alice,
    ):
        _connect(alice, demo, pictures)
        if addresses:
            _until_arrived(demo)
            for name, address in named.items():
                alice.go(address)
                pictures.take(name, alice.page)
            return
        _read(alice, demo, pictures, readme)
        _import(browser, demo, pictures)
        _end(alice, pictures, demo.password)
        _people(browser, alice, demo, pictures)
        _operate(browser, demo, pictures)
        _leave(browser, alice, demo, pictures)


def _connect(alice: BrowserSession, demo: Demo, pictures: Pictures) -> None:
    page = alice.page
    alice.go("/sign-in/")
    pictures.take("01-sign-in", page)
    alice.sign_in("alice@example.com", demo.password)
    pictures.take("02-welcome", page)
    alice.go("/connections/new/")
    pictures.take("03-choose", page)
    page.get_by_role("button", name="Continue: review permissions").click()
    pictures.take("04-review", page)
    page.get_by_role("button", name="Continue to Amazon").click()
    page.wait_for_url(f"{demo.emulator}/**")
    pictures.take("05-consent", page)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(f"{demo.web}/connections/")
    expect(page.locator("progress").first).to_be_visible(timeout=30_000)
    pictures.take("06-progress", page)


def _until_arrived(demo: Demo) -> None:
    waiting = (
        "select count(*) from ingest_stream where name <> 'traffic' and work_done <"
        " work_total and last_outcome <> 'role_missing'"
    )
    wait_until(
        lambda: (
            demo.rows(waiting) == [(0,)]
            and demo.rows("select count(*) from ingest_dirty_day") == [(0,)]
        ),
        240.0,
        step=0.5,
    )


def _read(alice: BrowserSession, demo: Demo, pictures: Pictures, readme: Path | None) -> None:
    page = alice.page
    while_it_arrives = (
        "select work_done from ingest_stream where name = 'transactions' and work_done > 2"
    )
    wait_until(lambda: bool(demo.rows(while_it_arrives)), 120.0, step=0.5)
    alice.go("/")
    pictures.take("07-dashboard-arriving", page)
    _until_arrived(demo)
    alice.go("/")
    page.locator(".plot canvas").wait_for()
    pictures.take("08-dashboard", page)
    if readme:
        page.set_viewport_size(_README)
        page.wait_for_timeout(250)
        page.screenshot(path=readme)
    alice.go("/?period=12m&compare=year&metric=net")
    pictures.take("09-dashboard-year", page)
    alice.go("/products/")
    pictures.take("10-products", page)
    alice.go("/products/costs/")
    pictures.take("10-costs", page)
    alice.go(f"/days/{clock.now().date() - timedelta(days=9)}/")
    pictures.take("11-day", page)
    alice.go("/profit-and-loss/")
    pictures.take("25-profit-and-loss", page)
    alice.go("/security/")
    pictures.take("12-security", page)
    alice.go("/security/net-tenant-isolation/")
    pictures.take("13-clause", page)
    alice.go("/no/such/page/")
    pictures.take("14-not-found", page)
    alice.go("/data/")
    pictures.take("24-your-data", page)


def _import(browser: Browser, demo: Demo, pictures: Pictures) -> None:
    """Charlie imports files, a good one and one that is none."""
    day = clock.now().date()
    report = demo.root / "settlement.txt"
    orders = demo.root / "orders.txt"
    broken = demo.root / "notes.txt"
    start, end = str(day - timedelta(days=40)), str(day - timedelta(days=2))
    emulator(
        [
            "report",
            "--seller",
            ALICE,
            "--type",
            "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2",
            "--from",
            start,
            "--to",
            end,
            "--out",
            str(report),
        ]
    )
    orders_type = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
    emulator(
        [
            "report",
            "--seller",
            ALICE,
            "--type",
            orders_type,
            "--from",
            str(day - timedelta(days=29)),
            "--to",
            end,
            "--out",
            str(orders),
        ]
    )
    broken.write_text("these are only notes\n")
    with browser_session(browser, demo.web, demo.emulator) as charlie:
        page = charlie.page
        charlie.sign_in("charlie@example.com", demo.password)
        charlie.go("/imports/")
        pictures.take("15-import", page)
        page.locator("input[type=file]").set_input_files([report, orders, broken])
        page.get_by_role("button", name="Check files").click()
        page.get_by_text("Can be imported", exact=True).first.wait_for()
        pictures.take("16-import-report", page)


def _end(alice: BrowserSession, pictures: Pictures, password: str) -> None:
    page = alice.page
    alice.go("/connections/")
    page.get_by_text("up to date", exact=False).first.wait_for()
    pictures.take("17-connection", page)
    page.get_by_role("link", name="Disconnect…").click()
    page.wait_for_url(re.compile("/(disconnection|second-factor)/"))
    if "second-factor" in page.url:
        pictures.take("37-proof-before-disconnecting", page)
    alice.step_up_if_required(password)
    pictures.take("18-disconnect", page)
    page.get_by_label("Type DISCONNECT to confirm").fill("DISCONNECT")
    page.get_by_role("button", name="Disconnect and erase").click()
    page.wait_for_url("**/erasure/")
    pictures.take("19-erasure", page)
    expect(page.get_by_role("heading", name="Certificate of deletion")).to_be_visible(
        timeout=60_000
    )
    pictures.take("20-certificate", page)
    alice.go("/data/")
    pictures.take("25-your-data-erased", page)


def _leave(browser: Browser, alice: BrowserSession, demo: Demo, pictures: Pictures) -> None:
    """Take pictures of deletions.

    Alice changes nothing and opens what she may do with her account; Bob deletes his, and Alice the
    shop.
    """
    page = alice.page
    alice.go("/account/security/")
    pictures.take("27-your-security", page)
    _proven(alice, "/account/security/password/", demo.password)
    page.get_by_role("button", name="Change it").click()
    pictures.take("28-password", page)
    _proven(alice, "/account/security/deletion/", demo.password)
    pictures.take("29-account-end-owner", page)
    with browser_session(browser, demo.web, demo.emulator) as bob:
        bob.sign_in("bob@example.com", demo.password)
        _proven(bob, "/account/security/deletion/", demo.password)
        pictures.take("30-account-end", bob.page)
        bob.page.get_by_label("Type DELETE to confirm").fill("DELETE")
        bob.page.get_by_label("Your password").fill(demo.password)
        bob.page.get_by_role("button", name="Delete my account").click()
        pictures.take("31-account-ending", bob.page)
        bob.page.locator("#proof-link a").click()
        pictures.take("32-end-under-way", bob.page)
        wait_until(
            lambda: (
                demo.rows("select count(*) from erasure_certificate where kind = 'person'")
                == [(1,)]
            ),
            400.0,
            step=1,
        )
        bob.page.reload()
        pictures.take("33-end-certificate", bob.page)
    _proven(alice, "/data/deletion/", demo.password)
    pictures.take("34-shop-end", page)
    page.get_by_label("Type DELETE to confirm").fill("DELETE")
    page.get_by_label("Your password").fill(demo.password)
    page.get_by_role("button", name="Delete the shop").click()
    pictures.take("35-shop-ending", page)
    page.locator("#proof-link a").click()
    pictures.take("36-shop-end-under-way", page)


def _people(browser: Browser, alice: BrowserSession, demo: Demo, pictures: Pictures) -> None:
    """Alice invites someone; the links of an invitation and of a new password are opened."""
    page = alice.page
    _proven(alice, "/account/security/password/", demo.password)
    alice.go("/members/")
    page.get_by_label("Email").fill("dora@example.com")
    page.get_by_label("Only these:").check()
    page.get_by_label("Amazon.de").check()
    page.get_by_role("button", name="Invite").click()
    pictures.take("38-members", page)
    page.get_by_role("link", name="Marketplaces Bob").click()
    page.get_by_label("Only these:").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Choose at least one marketplace, or all.")).to_be_visible()
    pictures.take("46-member-marketplaces", page)
    alice.go("/demo-mail/")
    pictures.take("39-demo-mail", page)
    made = {
        "40-join": ("person", "invite", "emil@example.com", "--role", "viewer"),
        "41-new-password": ("person", "reset-password", "charlie@example.com"),
    }
    shop = str(demo.rows("select tenant_id from accounts_membership limit 1")[0][0])
    for name, command in made.items():
        shown = demo.theseller(*command, *(("--shop", shop) if name == "40-join" else ())).stdout
        # The command does not know the port of this demo.
        found = re.search(r"https?://[^/]+(/\S+)", shown)
        assert found is not None, shown
        with browser_session(browser, demo.web, demo.emulator) as guest:
            guest.go(found[1])
            pictures.take(name, guest.page)
    with browser_session(browser, demo.web, demo.emulator) as guest:
        guest.go("/password-reset/")
        pictures.take("45-password-reset", guest.page)


def _proven(who: BrowserSession, path: str, password: str) -> None:
    """Go to a page that asks for a fresh proof, and give the password if it does."""
    who.go(path)
    if "second-factor" in who.page.url:
        who.page.get_by_label("Password").fill(password)
        who.page.get_by_role("button", name="Continue").click()
        who.page.wait_for_url(f"**{path}")


def _operate(browser: Browser, demo: Demo, pictures: Pictures) -> None:
    """Olga comes into the operator's area by the code of her app."""
    with browser_session(browser, demo.web, demo.emulator) as operator:
        page, app = operator.page, Secret(demo.secret("demo-authenticator-secret"))
        operator.go("/operate/")
        page.get_by_label("Email").fill("olga@example.com")
        page.get_by_label("Password").fill(demo.password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Code", exact=True).wait_for()
        pictures.take("21-second-factor", page)
        page.get_by_label("Code", exact=True).fill(code_of(app, step_at(clock.now())))
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(f"{demo.web}/operate/")
        pictures.take("22-operate", page)
        operator.go("/operate/status/")
        pictures.take("46-status", page)
        operator.go("/operate/mail/")
        pictures.take("47-mail", page)
        operator.go("/operate/deletion-requests/")
        pictures.take("26-deletion-requests", page)
        operator.go("/account/security/")
        pictures.take("23-account-security", page)
        _proven(operator, "/operate/shops/new/", demo.password)
        pictures.take("42-new-shop", page)
        page.get_by_label("Name").fill("Acme Trading")
        page.get_by_label("Owner", exact=False).fill("ann@example.com")
        page.get_by_role("button", name="Send the invitation").click()
        pictures.take("43-shop-added", page)
        operator.go("/operate/shops/")
        pictures.take("44-shops", page)


if __name__ == "__main__":
    picture = next((one for one in sys.argv[2:] if one.endswith(".png")), None)
    main(
        Path(sys.argv[1]),
        Path(picture) if picture else None,
        [one for one in sys.argv[2:] if one.startswith("/")],
    )
