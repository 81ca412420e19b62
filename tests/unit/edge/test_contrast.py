"""Contrast by WCAG 2.2 in both themes.

4.5:1 for text (1.4.3), 3:1 for what a picture or a control is made of (1.4.11).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import theseller

TOKENS = (Path(theseller.__file__).parent / "edge/static/edge/css/tokens.css").read_text(
    encoding="utf-8"
)
_SURFACES = ("paper", "surface")
_TEXT = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3", "accent", "accent-strong", "good", "bad",
        "warn") for ground in (*_SURFACES, "sunken")),
    *((ink, "accent-soft") for ink in ("ink", "ink-2", "accent")), ("good", "good-soft"),
    ("bad", "bad-soft"), ("warn", "warn-soft"), ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
]  # fmt: skip
_GRAPHICS = [
    (part, ground)
    for part in (
        "chart-now",
        "chart-before",
        "chart-total",
        "chart-gain",
        "chart-loss",
        "line-strong",
        "accent",
    )
    for ground in _SURFACES
]


def _themes() -> dict[str, dict[str, str]]:
    light, dark = TOKENS.split("prefers-color-scheme: dark", maxsplit=1)
    found = [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", part)) for part in (light, dark)]
    return {"light": found[0], "dark": {**found[0], **found[1]}}


THEMES = _themes()


def luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_wcag_defines_it() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_both_themes_define_the_same_colours() -> None:
    dark_only = TOKENS.split("prefers-color-scheme: dark", maxsplit=1)[1]
    names = set(THEMES["light"])
    assert names == set(re.findall(r"--([a-z0-9-]+): #[0-9a-f]{6};", dark_only))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground"), _TEXT)
def test_text_has_enough_contrast(theme: str, ink: str, ground: str) -> None:
    assert contrast(THEMES[theme][ink], THEMES[theme][ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("part", "ground"), _GRAPHICS)
def test_graphics_have_enough_contrast(theme: str, part: str, ground: str) -> None:
    assert contrast(THEMES[theme][part], THEMES[theme][ground]) >= 3
