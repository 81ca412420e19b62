"""What axe finds on a page, in the light and in the dark color scheme."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
#: axe's rules whose result depends on colors. The dark scheme changes nothing else, which
#: tests/unit/edge/test_color_schemes.py checks.
ABOUT_COLORS = ("color-contrast", "link-in-text-block")
#: Whether pages are judged in the dark scheme too; the fixture `schemes` says so.
DARK_TOO = True
_RUN = """options => axe.run(options).then(results => results.violations.map(
  (one) => [one.id, one.nodes.map((node) => node.target)]
))"""


@cache
def _script() -> str:
    return str(Axe().axe_script)


def violations(page: Page, rules: Sequence[str] = WCAG) -> list[object]:
    """Return what axe finds on the page as it is shown: the rules, each with its elements.

    Args:
        page: the page.
        rules: names or tags of axe's rules.
    """
    if page.evaluate("window.axe === undefined"):
        page.evaluate(_script())
    options = {"runOnly": list(rules), "resultTypes": ["violations"]}
    found: list[object] = page.evaluate(_RUN, options)
    return found


def violations_by_scheme(page: Page) -> dict[str, list[object]]:
    """Return what axe finds by every rule in the light scheme, and about colors in the dark one.

    The page is in the light scheme afterwards. Without `DARK_TOO` the dark one is left out.
    """
    dark: list[object] = []
    if DARK_TOO:
        page.emulate_media(color_scheme="dark")
        dark = violations(page, ABOUT_COLORS)
    page.emulate_media(color_scheme="light")
    return {"light": violations(page), "dark": dark}
