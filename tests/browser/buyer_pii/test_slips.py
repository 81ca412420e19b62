"""Packing slips in a real browser: turned on, requested, received while the page is open, printed.

Each slip is printed on a page of its own; the pages are accessible in both themes.

With THESELLER_SCREENSHOTS set to a folder, pictures are left there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections as databases
from django.test import Client, override_settings
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.browser.accessibility import violations_by_scheme
from tests.browser.serving import beside, served
from tests.browser_sessions import chromium
from tests.cast import create_cast
from tests.conftest import as_role
from tests.integration.buyer_pii.conftest import US, Shop, connect

from theseller.accounts.models import User
from theseller.amazon.roles import RestrictedRole
from theseller.buyer_pii.store_recipient import store_recipient
from theseller.buyer_pii.types import Gift, Recipient, RequestOutcome
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

PICTURES = os.environ.get("THESELLER_SCREENSHOTS")

BRUSH, SOAP, TOWEL = (
    ("BRUSH-OAK-1", "Dish brush, oiled beech with replaceable head"),
    ("SOAP-OLIVE-3", "Olive oil soap, unscented, set of three"),
    (
        "TOWEL-LINEN-NAT-50x70",
        "Stonewashed linen tea towel, natural, 50 × 70 cm, with hanging loop",
    ),
)
ORDERS = {
    "114-3941689-8772232": ((BRUSH, 1), (SOAP, 2), (TOWEL, 4)),
    "114-9172390-9935435": ((TOWEL, 2),),
    "113-2294881-0071864": ((BRUSH, 1),),
    "112-7718340-5518203": ((SOAP, 1), (BRUSH, 1)),
    "111-5530017-2046651": ((SOAP, 6),),
    "111-0874412-3390117": ((TOWEL, 1),),
}
FIRST, SECOND, *_ = ORDERS
RECIPIENTS = {
    FIRST: Recipient(
        (
            "Rosalind Whitcombe-Abernathy",
            "Harbour & Lark Stationers",
            "2207 North Larchmont Boulevard",
            "Suite 14B",
            "Portland, OR 97212-3344",
        ),
        "US",
        "+1 503-555-0142 ext. 88412",
        (
            Gift(
                f"{FIRST}-1",
                "Happy housewarming, Ros!\nMay the kitchen be small and the table long.\nLove, Tom"
                " & Edith",
            ),
        ),
        clock.now() + timedelta(days=2),
    ),
    SECOND: Recipient(
        ("Ezekiel Brand", "41 Canary Row", "Bangor, ME 04401"),
        "US",
        "",
        (),
        clock.now() + timedelta(days=1),
    ),
}


@pytest.fixture
def shop(database: str) -> Iterator[Shop]:
    """Return Alice's shop in a deployment that holds the role, with orders to ship; nothing is turned on."""
    environment = replace(
        settings.ENVIRONMENT, restricted_roles=(RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING,)
    )
    with override_settings(ENVIRONMENT=environment):
        yield beside(lambda: _make_shop(database))


def _make_shop(database: str) -> Shop:
    cast = create_cast()
    made = Shop(cast, connect(cast.alices_shop), database)
    _sell(made)
    return made


def _sell(shop: Shop) -> None:
    at = clock.now()
    with tenant_scope(shop.tenant), databases["default"].cursor() as cursor:
        for sku, title in (BRUSH, SOAP, TOWEL):
            cursor.execute(
                "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin,"
                " title, updated_at) values (%s, %s, %s, %s, 'B0BRUSH001', %s, %s)",
                [shop.tenant, US, sku, shop.connection, title, at],
            )
        for number, (order, lines) in enumerate(ORDERS.items()):
            bought = at - timedelta(hours=40 - 5 * number)  # the longest waiting comes first
            for place, ((sku, _), quantity) in enumerate(lines):
                cursor.execute(
                    "insert into ingest_order_line (tenant_id, local_day, order_id, line_key,"
                    " connection_id, marketplace_id, purchased_at, last_updated_at, status,"
                    " fulfilment, is_business, is_replacement, sku, asin, quantity, source) values"
                    " (%s, %s, %s, %s, %s, %s, %s, %s, 'unshipped', 'merchant', false, false, %s,"
                    " 'B0BRUSH001', %s, 'orders_api')",
                    [
                        shop.tenant,
                        bought.date(),
                        order,
                        f"{order}-{place}",
                        shop.connection,
                        US,
                        bought,
                        at,
                        sku,
                        quantity,
                    ],
                )


def _arrive(shop: Shop) -> None:
    """Let the worker's run end: two slips are here, one Amazon did not give, the others wait."""
    for order, recipient in RECIPIENTS.items():
        with as_role("worker"):
            store_recipient(
                recipient,
                order=order,
                connection=shop.connection,
                shipped_at=None,
                tenant=shop.tenant,
                actor="process:vault",
                at=clock.now(),
            )
    answers = [
        *((order, RequestOutcome.FETCHED) for order in RECIPIENTS),
        ("113-2294881-0071864", RequestOutcome.NOT_GIVEN),
    ]
    for order, outcome in answers:
        shop.rows("update vault_request set outcome = %s, done_at = now() where tenant_id = %s and"
            " order_id = %s",
                  outcome.value, shop.tenant, order)  # fmt: skip


@pytest.fixture
def cookie(shop: Shop) -> str:
    """Return the session of Alice, who gave her password a moment ago."""

    def sign_in() -> str:
        client = Client()
        client.force_login(User.objects.get(pk=shop.cast.alice.id))
        session = client.session
        session["password_at"] = clock.now().isoformat()
        session.save()
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    return beside(sign_in)


@pytest.fixture(scope="module")
def site(database: str) -> Iterator[str]:
    del database
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


def _opened(
    browser: Browser, site: str, cookie: str, *, script: bool = True
) -> tuple[Page, list[str]]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, java_script_enabled=script, locale="en-GB"
    )
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": site}])
    page, complaints = context.new_page(), list[str]()
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


def _check(page: Page, name: str) -> None:
    """Look at the page in both themes and at several widths, and take its picture."""
    found, wide = violations_by_scheme(page), {}
    for scheme in ("dark", "light") if PICTURES else ("light",):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for width in (320, 390, 1280):
            page.set_viewport_size(ViewportSize(width=width, height=900))
            wide[width] = page.evaluate("document.documentElement.scrollWidth")
            if PICTURES and width != 320:
                high = int(page.evaluate("document.documentElement.scrollHeight"))
                page.set_viewport_size(ViewportSize(width=width, height=max(high, 844)))
                page.screenshot(path=f"{PICTURES}/slips-{name}-{width}-{scheme}.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(ViewportSize(width=1280, height=900))
    assert found == {"light": [], "dark": []}, name
    assert wide == {width: width for width in wide}, name


@pytest.mark.usefixtures("schemes")
def test_packing_slips_are_turned_on_requested_and_printed(
    shop: Shop, site: str, browser: Browser, cookie: str
) -> None:
    page, complaints = _opened(browser, site, cookie)
    page.goto(f"{site}/packing-slips/")
    _check(page, "1-off")
    page.get_by_role("link", name="Review terms").click()
    _check(page, "2-words")
    page.get_by_role("button", name="Turn packing slips on").click()
    expect(page.locator("main [role=alert]")).to_contain_text("nothing has been turned on")
    assert "422" in complaints.pop()  # the browser's own remark on an answer that says no
    page.get_by_label("I have read the terms").check()
    page.get_by_role("button", name="Turn packing slips on").click()
    page.get_by_role("link", name="Select all", exact=True).click()
    expect(page.locator("[data-count]")).to_have_text("6 selected")
    page.locator("[type=checkbox]").last.uncheck()
    _check(page, "3-orders")
    page.get_by_role("button", name="Request packing slips").click()
    expect(page.locator("#strip")).to_contain_text("5 slips on the way")
    _check(page, "4-waiting")
    beside(lambda: _arrive(shop))
    # No reload: the page polls by itself, and what was selected stays so.
    page.locator("[type=checkbox]").first.check()
    expect(page.locator("#strip")).to_contain_text("2 slips ready")
    expect(page.locator(f"#state-{FIRST}")).to_contain_text("Ready")
    expect(page.locator("[type=checkbox]:checked")).to_have_count(1)
    _check(page, "5-ready")
    page.get_by_role("button", name="Print all 2").click()
    page.locator("[data-print]").wait_for()
    assert page.url == f"{site}/packing-slips/print/"
    _check(page, "6-print")
    _printed(page)
    page.get_by_role("link", name="Back to the orders").click()
    page.get_by_role("link", name="Access log of slips").click()
    expect(page.locator("main")).to_contain_text(", ".join(sorted((FIRST, SECOND))))
    _check(page, "10-looks")
    page.get_by_role("link", name="Orders to ship").click()
    page.get_by_role("link", name="Turn off…").click()
    _check(page, "7-end")
    page.get_by_role("button", name="Turn off and destroy").click()
    expect(page.locator("main [role=status]")).to_contain_text(
        "1 key destroyed, 2 recipients erased"
    )
    page.go_back()
    page.go_back()
    assert "Rosalind" not in page.content()
    if PICTURES:
        page.goto(f"{site}/data/")
        _check(page, "8-data")
    assert complaints == []
    page.context.close()


def _printed(page: Page) -> None:
    """Print on both papers, in the dark theme: one slip to a page, black on white, without the machinery."""
    page.emulate_media(media="print", color_scheme="dark")
    for paper in ("A4", "Letter"):
        pdf = page.pdf(format=paper, print_background=True, prefer_css_page_size=False)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 2, paper
    colours = (
        "getComputedStyle(document.querySelector('.paper')).color +"
        " getComputedStyle(document.body).backgroundColor"
    )
    assert page.evaluate(colours) == "rgb(0, 0, 0)rgba(0, 0, 0, 0)"
    assert (
        page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    expect(page.locator(".masthead, .foot, .btn, .page-head")).to_have_count(5)
    for hidden in page.locator(".masthead, .foot, .btn, .page-head").all():
        expect(hidden).to_be_hidden()
    if PICTURES:
        page.set_viewport_size(ViewportSize(width=794, height=1123))
        page.screenshot(path=f"{PICTURES}/slips-6-paper.png", full_page=True)
        page.set_viewport_size(ViewportSize(width=1280, height=900))
    page.emulate_media(media="screen", color_scheme="light")


def test_packing_slips_work_without_javascript(
    shop: Shop, site: str, browser: Browser, cookie: str
) -> None:
    page, _ = _opened(browser, site, cookie, script=False)
    page.goto(f"{site}/packing-slips/{shop.connection}/on/")
    page.get_by_label("I have read the terms").check()
    page.get_by_role("button", name="Turn packing slips on").click()
    page.get_by_role("link", name="Select all", exact=True).click()
    expect(page.locator("[type=checkbox]:checked")).to_have_count(6)
    page.get_by_role("link", name="Clear selection").click()
    expect(page.locator("[type=checkbox]:checked")).to_have_count(0)
    page.get_by_role("button", name="Request packing slips").click()
    expect(page.locator("main [role=alert]")).to_contain_text("Select at least one order")
    page.locator("[type=checkbox]").first.check()
    page.get_by_role("button", name="Request packing slips").click()
    beside(lambda: _arrive(shop))
    page.get_by_role("link", name="Refresh").click()
    page.locator("[type=checkbox]").first.check()
    page.get_by_role("button", name="Print selected").click()
    expect(page.locator(".paper")).to_have_count(1)
    expect(page.locator("address")).to_contain_text("Rosalind Whitcombe-Abernathy")
    page.context.close()


@pytest.mark.usefixtures("schemes")
def test_packing_slips_page_without_the_role_says_why_it_is_unavailable(
    shop: Shop, site: str, browser: Browser, cookie: str
) -> None:
    del shop
    page, complaints = _opened(browser, site, cookie)
    with override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, restricted_roles=())):
        page.goto(f"{site}/packing-slips/")
        expect(page.locator("main")).to_contain_text("not available in this deployment")
        _check(page, "9-no-role")
    assert complaints == []
    page.context.close()
