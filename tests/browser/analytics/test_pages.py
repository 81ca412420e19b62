"""The pages in a real browser, with a lifelike shop.

They do nothing that the content security policy refuses, axe finds nothing, and they work by
keyboard.

With THESELLER_SCREENSHOTS set to a folder, pictures of every page are left there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections as databases
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.browser.accessibility import ABOUT_COLORS, WCAG, violations
from tests.browser.serving import served
from tests.browser_sessions import chromium
from tests.cast import Cast, Person, create_cast
from tests.integration.analytics.facts import DE, FR, UK, Shop
from tests.integration.analytics.lifelike import Year, fill

from theseller.accounts.models import User
from theseller.analytics.inventory.operations import set_replenishment
from theseller.analytics.inventory.types import Replenishment
from theseller.lib import clock
from theseller.lib.marketplaces import local_day, midnight

PICTURES = os.environ.get("THESELLER_SCREENSHOTS")


@pytest.fixture(scope="module")
def cast(database: str) -> Cast:
    at = clock.now()
    people = create_cast(at=at - timedelta(days=500))
    fill(
        Shop(people.alices_shop), at, days=420 if PICTURES else 70, per_day=40, stores=(DE, FR, UK)
    )
    for store in (DE, UK):
        for number in range(12):
            Shop(people.alices_shop).stock(
                9 * number, store=store, sku=f"KIT-{2210 + number * 7}", inbound=5, as_of=at
            )
    for back in range(1, 35):
        day, shop = local_day(UK, at) - timedelta(days=back), Shop(people.alices_shop)
        shop.traffic(day, 300 + back, 450, 31, "91.5", store=UK)
        shop.traffic(day, 200 + back, 250, 21, "88", store=UK, asin="B0C00X7QLM")
        shop.returned(
            midnight(UK, day), ("SELLABLE", "CUSTOMER_DAMAGED")[back % 2],
            ("DEFECTIVE", "UNWANTED_ITEM", "SWITCHEROO")[back % 3],
            store=UK, sku=f"KIT-{2210 + back % 5 * 7}", occurrence=back,
        )  # fmt: skip
    set_replenishment(
        sku="",
        inputs=Replenishment(30, 7, 45),
        tenant=people.alices_shop,
        actor=people.alice.actor,
        at=at,
    )
    return people


@pytest.fixture(scope="module")
def newcomer(database: str) -> Person:
    """Return a user whose shop stays empty, whatever the other tests do to Charlie's."""
    return create_cast(at=clock.now()).charlie


@pytest.fixture(scope="module")
def site(cast: Cast, newcomer: Person) -> Iterator[str]:
    del (
        cast,
        newcomer,
    )  # made before the browser starts, whose loop Django's database refuses to work beside
    with (
        override_settings(ALLOWED_HOSTS=["127.0.0.1"], CSRF_TRUSTED_ORIGINS=[]),
        served() as address,
    ):
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


def _cookie(person: User | None) -> str:
    client = Client()
    assert person is not None
    client.force_login(person)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


#: Each refusal of the content security policy becomes a line of the console, whatever the browser
#: itself says of it.
_WATCH_POLICY = (
    "document.addEventListener('securitypolicyviolation', (event) => console.error('policy: ' +"
    " event.violatedDirective + ' ' + event.blockedURI))"
)


def _new_context(browser: Browser, site: str, cookie: str) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": site}])
    context.add_init_script(_WATCH_POLICY)
    return context


class Tab:
    """A page of a signed-in browser, which remembers every complaint."""

    def __init__(self, context: BrowserContext, site: str, width: int) -> None:
        self.site, self.context = site, context
        self.page: Page = context.new_page()
        self.resize(width, "light")
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

    def go(self, path: str) -> Page:
        self.page.goto(self.site + path)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def close(self) -> None:
        self.page.close()

    def resize(self, width: int, scheme: str) -> None:
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        self.page.set_viewport_size({"width": width, "height": 900})

    def overflow(self, width: int) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth")) - width


def _settled(page: Page) -> None:
    """Wait until htmx has processed its new elements.

    A click before that is an ordinary one, which loads a page.
    """
    expect(page.locator(".htmx-added, .htmx-settling, .htmx-request")).to_have_count(0)


@pytest.fixture(scope="module")
def cookies(cast: Cast, newcomer: Person, browser: Browser) -> dict[str, str]:
    people = {"alice": cast.alice.id, "charlie": cast.charlie.id, "newcomer": newcomer.id}

    def sign_in() -> dict[
        str, str
    ]:  # Playwright's loop runs in this thread; Django's database refuses to work beside one.
        try:
            return {
                name: _cookie(User.objects.filter(pk=person).first())
                for name, person in people.items()
            }
        finally:
            databases.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(sign_in).result()


@pytest.fixture(scope="module")
def people(
    site: str, browser: Browser, cookies: dict[str, str]
) -> Iterator[dict[str, BrowserContext]]:
    """Return a browser for each person, which the tests share: files are loaded once."""
    contexts = {name: _new_context(browser, site, cookie) for name, cookie in cookies.items()}
    yield contexts
    for context in contexts.values():
        context.close()


_EVERY_PAGE = {
    "dashboard": "/", "dashboard-one-store": "/?store=UK&metric=fees&compare=year",
    "dashboard-today": "/?period=today&store=UK", "dashboard-year": "/?period=12m&metric=net",
    "dashboard-month": "/?period=month&metric=refunds", "products": "/products/",
    "costs": "/products/costs/", "inventory": "/inventory/?edit=KIT-2217",
    "traffic": "/traffic/?store=UK", "returns": "/returns/?store=UK",
    "products-none": "/products/?q=nothing-like-this", "day": "/days/DAY/?store=UK",
    "orders": "/orders/?store=UK", "order": "/orders/ORDER/",
    "settlements": "/settlements/", "reconciliation": "/reconciliation/?store=UK",
    "custom": "/?period=custom&from=2026-08-01&to=2026-09-15",
    "empty-period": "/?period=custom&from=2020-01-01&to=2020-01-31",
}  # fmt: skip
#: Pictures are taken of all; without a folder for them, of each kind of page one is enough.
PAGES = {
    name: path
    for name, path in _EVERY_PAGE.items()
    if PICTURES
    or name
    in {
        "dashboard-one-store",
        "dashboard-today",
        "products",
        "costs",
        "inventory",
        "traffic",
        "returns",
        "day",
        "orders",
        "order",
        "settlements",
        "reconciliation",
    }
}
_SECOND_OF_ITS_KIND = {"dashboard-today", "order", "settlements", "reconciliation"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.exhaustive] * (name in _SECOND_OF_ITS_KIND))
        for name in PAGES
    ],
)
def test_page_has_no_csp_axe_or_overflow_errors(
    site: str, people: dict[str, BrowserContext], name: str
) -> None:
    """Load the page wide in the light scheme and on a phone in the dark one; switch in between."""
    path = PAGES[name].replace("DAY", (clock.now() - timedelta(days=9)).date().isoformat())
    tab = Tab(people["alice"], site, 1280)
    if "ORDER" in path:
        page = tab.go("/orders/?store=UK&sort=sales")
        path = str(page.locator(".orders tbody th a").first.get_attribute("href"))
    found: dict[str, object] = {}
    for width, scheme, load in (
        (1280, "light", True),
        (1440, "dark", False),
        (390, "dark", True),
        (390, "light", False),
    ):
        tab.resize(width, scheme)
        if load:
            tab.go(path)
        if PICTURES:
            tab.page.screenshot(path=f"{PICTURES}/{name}-{width}-{scheme}.png", full_page=True)
        rules = () if width == 390 else WCAG if scheme == "light" else ABOUT_COLORS
        found[f"{width} {scheme}"] = (
            violations(tab.page, rules) if rules else [],
            tab.overflow(width),
        )
    assert found == {key: ([], 0) for key in found}
    assert tab.complaints == []
    tab.close()


def test_dashboard_without_figures_says_connect_your_store(
    site: str, people: dict[str, BrowserContext]
) -> None:
    tab = Tab(people["newcomer"], site, 1280)
    page = tab.go("/")
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/welcome-1280-light.png", full_page=True)
    assert page.get_by_role("heading", level=1).inner_text() == "Connect your store"
    assert violations(page) == []
    assert tab.complaints == []
    tab.close()


def test_the_dashboard_works_by_keyboard_without_loading_pages(
    site: str, people: dict[str, BrowserContext]
) -> None:
    tab = Tab(people["alice"], site, 1280)
    page = tab.go("/")
    page.evaluate("window.stayed = true")
    page.locator("#tile-fees").click()
    expect(page.locator(".chart figcaption strong")).to_have_text("Amazon fees")
    expect(page.locator(".chart canvas")).to_be_visible()
    assert page.url.endswith("/?metric=fees")
    assert page.evaluate("document.activeElement.id") == "tile-fees"
    page.keyboard.press("[")
    expect(page.locator("#period-later")).to_be_visible()
    page.wait_for_url("**period=custom**")
    _settled(page)
    shown = page.locator(".toolbar-range").inner_text()
    page.keyboard.press("]")
    expect(page.locator(".toolbar-range")).not_to_have_text(shown)
    _settled(page)
    page.keyboard.press("c")
    assert page.evaluate("document.activeElement.id") == "compare"
    page.select_option("#compare", "none")
    page.wait_for_url("**compare=none**")
    expect(page.locator(".legend .is-before")).to_have_count(0)
    _settled(page)
    page.locator("body").click(position={"x": 2, "y": 2})
    page.keyboard.press("?")
    expect(page.locator("dialog[data-keys]")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("window.stayed") is True
    page.go_back()
    expect(page.locator(".chart canvas")).to_be_visible()
    page.locator(".plot").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_url("**/days/**")
    assert tab.complaints == []
    tab.close()


def test_dashboard_replaces_progress_with_figures_when_data_arrives(
    site: str, cast: Cast, people: dict[str, BrowserContext]
) -> None:
    shop, at = Shop(cast.charlies_shop), clock.now()
    year = Year(shop, at, days=40, per_day=10, stores=(DE,))
    year.make()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(year.connect, arriving=True).result()
        tab = Tab(people["charlie"], site, 1280)
        tab.page.goto(f"{site}/")
        expect(tab.page.get_by_role("heading", level=1)).to_have_text("Syncing your history")
        expect(tab.page.locator("#progress progress").first).to_be_visible()
        if PICTURES:
            tab.page.screenshot(path=f"{PICTURES}/arriving-1280-light.png", full_page=True)
        pool.submit(_arrive, year).result()
        pool.submit(databases.close_all).result()
    expect(tab.page.locator(".chart canvas")).to_be_visible()
    expect(tab.page.locator(".toolbar .segments")).to_be_visible()
    line = tab.page.locator("#page .sync summary")
    expect(line).to_contain_text("Syncing with Amazon")
    assert line.evaluate("(one) => one.offsetHeight") < 60
    if PICTURES:
        tab.page.screenshot(path=f"{PICTURES}/arrived-1280-light.png", full_page=True)
    tab.page.set_viewport_size({"width": 390, "height": 800})
    page = tab.go("/imports/progress/")
    expect(page.locator(".steps .step.is-now").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390, (
        "a phone shows how far each stream is"
    )
    assert tab.complaints == []
    tab.close()


def _arrive(year: Year) -> None:
    year.write()
    year.shop.roll_up()


def _leave_inline_styles(page: Page, *, picture: bool = False) -> None:
    """Give elements with an id a style attribute.

    Password managers, extensions and Playwright's screenshots do so.

    htmx copies the attributes of such elements to those that take their place. A copied `style` is
    an inline style, which the policy refuses; one that a script sets on the element's `style`
    object is none.
    """
    if picture:  # Hides the carets of the fields, and leaves an empty style attribute on each.
        page.screenshot(clip={"x": 0, "y": 0, "width": 8, "height": 8})
    page.evaluate(
        "() => document.querySelectorAll('.toolbar [id], #page [id]').forEach((one) => {"
        " one.style.outlineColor = 'red'; })"
    )
    assert page.locator("#from[style]").count() == 1


def test_dashboard_interactions_cause_no_csp_violation(
    site: str, people: dict[str, BrowserContext]
) -> None:
    tab = Tab(people["alice"], site, 1280)
    page = tab.go("/")
    for selector in (
        "#period-90d",
        "#period-yesterday",
        "#period-7d",
        "#tile-net",
        "#period-earlier",
    ):
        _leave_inline_styles(page, picture=selector == "#period-90d")
        page.locator(selector).click()
        expect(
            page.locator(
                f"{selector}[aria-current]" if selector != "#period-earlier" else "#period-later"
            )
        ).to_be_visible()
        expect(page.locator(".chart canvas")).to_be_visible()
        _settled(page)
    for name, value in (("store", "UK"), ("compare", "year"), ("compare", "none")):
        _leave_inline_styles(page)
        page.select_option(f"#{name}", value)
        page.wait_for_url(f"**{name}={value}**")
        _settled(page)
    _leave_inline_styles(page)
    page.go_back()
    expect(page.locator("#compare")).to_have_value("year")
    # The page is loaded again, and its scripts answer to history only once they have run.
    page.wait_for_load_state()
    page.go_forward()
    expect(page.locator("#compare")).to_have_value("none")
    tab.go("/products/")
    _leave_inline_styles(page, picture=True)
    page.get_by_role("link", name="Units").click()
    page.wait_for_url("**sort=units**")
    _settled(page)
    _leave_inline_styles(page)
    page.locator("#period-7d").click()
    page.wait_for_url("**period=7d**")
    _settled(page)
    _leave_inline_styles(page)
    page.locator("#search").fill("a")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**q=a**")
    _settled(page)
    assert tab.complaints == []
    tab.close()


@pytest.mark.parametrize("width", [320, pytest.param(390, marks=pytest.mark.exhaustive)])
def test_a_phone_shows_and_changes_period_comparison_and_store(
    site: str, people: dict[str, BrowserContext], width: int
) -> None:
    tab = Tab(people["alice"], site, width)
    page = tab.go("/")
    assert (
        page.locator(".toolbar > .wrap").evaluate("(bar) => bar.scrollWidth - bar.clientWidth") == 0
    )
    for selector in (
        "#period",
        "#compare",
        "#store",
        "#period-earlier",
        ".dates > summary",
        ".toolbar-range",
    ):
        box = page.locator(selector).bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width
        on_top = "([x, y, selector]) => !!document.elementFromPoint(x, y).closest(selector)"
        assert page.evaluate(
            on_top, [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, selector]
        ), selector
        if selector != ".toolbar-range":
            assert box["height"] >= 24
    page.select_option("#period", "7d")
    page.wait_for_url("**period=7d**")
    _settled(page)
    page.select_option("#store", "UK")
    page.wait_for_url("**store=UK**")
    _settled(page)
    assert page.locator("#period").input_value() == "7d"
    first = page.locator(".tile").first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] < 568
    page.locator(".dates > summary").click()
    box = page.locator("#to").bounding_box()
    assert box is not None
    assert (
        page.evaluate(
            "([x, y]) => document.elementFromPoint(x, y).id",
            [box["x"] + 20, box["y"] + box["height"] / 2],
        )
        == "to"
    )
    page.locator(".dates > summary").click()
    table = page.locator(".scroll:has(.top-products)")
    assert table.evaluate("(box) => box.scrollWidth - box.clientWidth") == 0, (
        "units and net proceeds are not cut off"
    )
    assert page.evaluate("document.documentElement.scrollWidth") == width
    tab.go("/products/")
    pinned = page.locator("tbody th").first
    page.locator("[aria-label=Products].scroll").evaluate("(box) => { box.scrollLeft = 300; }")
    shown = pinned.bounding_box()
    assert shown is not None
    assert shown["x"] >= 0, "the product stays beside its figures"
    assert tab.complaints == []
    tab.close()


def test_a_first_load_of_the_dashboard_takes_70_kilobytes(
    site: str, browser: Browser, cookies: dict[str, str]
) -> None:
    context = _new_context(browser, site, cookies["alice"])
    tab = Tab(context, site, 1280)
    weights: dict[str, float] = {}
    wire = tab.context.new_cdp_session(tab.page)
    wire.send("Network.enable")
    wire.on(
        "Network.loadingFinished",
        lambda event: weights.update({event["requestId"]: event["encodedDataLength"]}),
    )
    tab.go("/")
    first = sum(weights.values())
    assert len(weights) > 10
    assert first <= 70 * 1024
    weights.clear()
    tab.go("/?period=7d")
    assert sum(weights.values()) < first / 2, "what never changes is kept by the browser"
    weights.clear()
    tab.go(f"/days/{(clock.now() - timedelta(days=9)).date().isoformat()}/")
    assert sum(weights.values()) < 40 * 1024
    context.close()


def test_printed_pages_name_the_shop(site: str, people: dict[str, BrowserContext]) -> None:
    tab = Tab(people["alice"], site, 1280)
    for path in (
        "/?store=UK",
        "/products/?store=UK",
        f"/days/{(clock.now() - timedelta(days=9)).date().isoformat()}/?store=UK",
    ):
        page = tab.go(path)
        expect(page.locator(".print-head")).to_be_hidden()
        page.emulate_media(media="print")
        head = page.locator(".print-head")
        expect(head).to_be_visible()
        assert all(
            part in head.inner_text() for part in ("Alice", "GBP", "UK time", str(clock.now().year))
        )
        page.emulate_media(media="screen")
    tab.close()


def test_a_click_on_the_chart_opens_the_day_and_in_a_year_the_week(
    site: str, people: dict[str, BrowserContext]
) -> None:
    tab = Tab(people["alice"], site, 1280)
    for path, opened in (
        ("/?period=7d&store=UK", r"/days/\d{4}-\d\d-\d\d/\?store=UK$"),
        ("/?period=12m", r"period=custom&from=[\d-]{10}&to=[\d-]{10}$"),
    ):
        page = tab.go(path)
        page.locator(".u-over").click(position={"x": 400, "y": 40})
        page.wait_for_url(re.compile(opened))
    assert tab.complaints == []
    tab.close()


#: Keeps what the chart writes beside its lines: text, and how far from the top.
_WATCH_LABELS = """(() => {
  const write = CanvasRenderingContext2D.prototype.fillText;
  window.labels = [];
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    if (this.textAlign === "right" || this.textAlign === "end")
      window.labels.push([text, this.getTransform().f + y]);
    return write.apply(this, arguments);
  };
})()"""
_DRAW = """(values) => {
  const block = document.getElementById(document.querySelector("figure[data-chart]").dataset.chart);
  const data = JSON.parse(block.textContent);
  const now = data.days.map((_, index) => values[index % 2]);
  Object.assign(data, { now, before: [], estimatedFrom: null });
  block.textContent = JSON.stringify(data);
  window.labels = [];
  document.dispatchEvent(new Event("htmx:afterSettle"));
}"""


def _amount(label: str) -> float:
    found = re.fullmatch(r"(\u2212?)\D{0,3}([\d.]+)([KMB]?)", label)
    assert found is not None, label
    return (
        float(found[2]) * {"": 1, "K": 1e3, "M": 1e6, "B": 1e9}[found[3]] * (-1 if found[1] else 1)
    )


def test_labels_of_the_chart_are_the_values_of_their_lines(
    site: str, people: dict[str, BrowserContext]
) -> None:
    tab = Tab(people["alice"], site, 1280)
    tab.page.add_init_script(_WATCH_LABELS)
    page = tab.go("/?store=UK&compare=none")
    for low, high in (
        (0, 1_400),
        (0, 14_000),
        (0, 0.11),
        (0, 0.7),
        (0, 3),
        (0, 1_300_000),
        (-1_400, 300),
        (0, 999),
        (0, 26_000_000),
    ):
        page.evaluate(_DRAW, [low, high])
        page.wait_for_function("window.labels.length > 2")
        drawn = sorted({(round(y, 1), _amount(text)) for text, y in page.evaluate("window.labels")})
        (top, most), (bottom, least) = drawn[0], drawn[-1]
        assert most > least
        for (
            y,
            value,
        ) in drawn:  # A line's place says its value; a rounded label would not be where it says.
            assert value == pytest.approx(
                most + (least - most) * (y - top) / (bottom - top),
                abs=1.5 * (most - least) / (bottom - top),
            ), (
                low,
                high,
                drawn,
            )
    tab.close()


def test_definitions_open_by_keyboard_and_by_touch(
    site: str, people: dict[str, BrowserContext]
) -> None:
    tab = Tab(people["alice"], site, 390)
    for path in ("/", "/products/"):
        page = tab.go(path)
        meaning = page.locator(".definitions dd").first
        expect(meaning).to_be_hidden()
        page.locator(".definitions > summary").focus()
        page.keyboard.press("Enter")
        expect(meaning).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.locator(".definitions > summary").click()
        expect(meaning).to_be_hidden()
    assert tab.complaints == []
    tab.close()


def test_targets_are_at_least_24_pixels_high_and_headings_in_order(
    site: str, people: dict[str, BrowserContext]
) -> None:
    tab = Tab(people["alice"], site, 1280)
    for path in (
        "/",
        "/products/",
        "/inventory/?edit=KIT-2217",
        "/traffic/?store=UK",
        "/returns/?store=UK",
        "/data/",
        "/security/",
    ):
        page = tab.go(path)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        small = page.evaluate(
            "() => [...document.querySelectorAll('a, button, summary, select')].filter((one) =>"
            " one.offsetHeight && one.offsetHeight < 24 && !one.closest('p, .vh, .skip,"
            " dl.facts')).map((one) => one.textContent.trim())"
        )
        assert small == [], path
        assert violations(page, ("region", "heading-order")) == [], path
    tab.close()
