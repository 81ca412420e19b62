"""The screens in a real browser.

Nothing that the policy refuses, nothing that axe objects to, nothing wider than its window.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings
from playwright.sync_api import Browser, Page, expect
from tests.browser.accessibility import violations_by_scheme
from tests.browser.serving import served
from tests.browser_sessions import chromium
from tests.unit.edge.specimen_urls import SCREENS


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with (
        override_settings(
            ROOT_URLCONF="tests.unit.edge.specimen_urls", ALLOWED_HOSTS=["127.0.0.1"]
        ),
        served() as address,
    ):
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def tab(browser: Browser) -> tuple[Page, list[str]]:
    """Return one page for all screens, and what it complains of: a new one costs half a second."""
    return _new_page(browser)


def _open(browser: Browser, address: str) -> tuple[Page, list[str]]:
    page, complaints = _new_page(browser)
    page.goto(address)
    return page, complaints


def _new_page(browser: Browser) -> tuple[Page, list[str]]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text) if message.type in {"error", "warning"} else None
        ),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    return page, complaints


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_is_accessible_within_the_policy_and_within_its_window(
    site: str, tab: tuple[Page, list[str]], screen: str
) -> None:
    page, complaints = tab
    complaints.clear()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(site + screen)
    found, wide = violations_by_scheme(page), {}
    for width in (320, 390, 768, 1024):
        page.set_viewport_size({"width": width, "height": 900})
        wide[width] = page.evaluate("document.documentElement.scrollWidth")
    assert found == {"light": [], "dark": []}
    assert wide == {width: width for width in wide}
    assert complaints == []


def test_inline_style_is_reported_as_a_csp_violation(site: str, browser: Browser) -> None:
    page, complaints = _open(browser, f"{site}/sign-in/")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.close()
    assert any("style" in complaint for complaint in complaints)


def test_the_chart_can_be_read_by_the_keyboard(site: str, browser: Browser) -> None:
    page, complaints = _open(browser, f"{site}/dashboard/")
    plot = page.locator(".plot")
    page.locator(".plot canvas").wait_for()
    plot.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    voice = page.locator(".chart [aria-live]")
    expect(voice).to_contain_text("Oct 28")
    said = voice.text_content() or ""
    page.close()
    assert "Ordered sales \u20ac" in said
    assert "Previous 28 days \u20ac" in said
    assert complaints == []


def test_the_first_tab_stop_skips_to_the_content(site: str, browser: Browser) -> None:
    page, _ = _open(browser, f"{site}/dashboard/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.close()


def test_files_dropped_on_the_import_page_are_put_in_the_input_and_listed(
    site: str, browser: Browser
) -> None:
    page, complaints = _open(browser, f"{site}/import/")
    page.evaluate("""() => {
      const data = new DataTransfer();
      data.items.add(new File(["a".repeat(2300)], "orders.txt"));
      const drop = {dataTransfer: data, bubbles: true, cancelable: true};
      document.querySelector("[data-drop]").dispatchEvent(new DragEvent("drop", drop));
    }""")
    assert page.locator(".drop-list").inner_text().split("\n") == ["orders.txt", "2.3 kB"]
    assert page.evaluate("document.querySelector('input[type=file]').files.length") == 1
    page.close()
    assert complaints == []
