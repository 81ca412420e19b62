"""The dark scheme changes colors alone: nothing moves, appears or disappears.

The tests in a browser rely on it, and check in the dark scheme only what depends on colors.
"""

from __future__ import annotations

import re
from pathlib import Path

import theseller

SOURCE = Path(theseller.__file__).parent
_COLOR = re.compile(r"#[0-9a-f]{3,8}")


def test_dark_scheme_changes_only_colors_and_the_shadow() -> None:
    styles = "\n".join(
        path.read_text()
        for path in SOURCE.rglob("*.css")
        if not path.is_relative_to(SOURCE / "emulator")
    )
    (dark,) = re.findall(
        r"@media \(prefers-color-scheme: dark\) \{\s*:root \{([^{}]*)\}\s*\}", styles
    )
    declarations = [one.strip() for one in dark.split(";") if one.strip()]
    assert len(declarations) > 20
    for declaration in declarations:
        name, _, value = declaration.partition(":")
        assert name.startswith("--"), declaration
        assert name == "--shadow" or _COLOR.fullmatch(value.strip()), declaration
    assert styles.count("prefers-color-scheme") == 1
    assert styles.count("var(--shadow)") == styles.count("box-shadow: var(--shadow)") > 0


def test_templates_know_the_color_scheme_only_for_the_browsers_own_bars() -> None:
    mails = SOURCE / "mail" / "templates" / "mail"
    templates = [one for one in SOURCE.rglob("*.html") if one.parent != mails]
    assert len(templates) > 30
    elements = re.findall(
        r"<[^<>]*prefers-color-scheme[^<>]*>", "".join(path.read_text() for path in templates)
    )
    assert len(elements) == sum(
        path.read_text().count("prefers-color-scheme") for path in templates
    )
    assert [one for one in elements if 'name="theme-color"' not in one] == []
