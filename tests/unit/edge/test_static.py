"""What is served is what was reviewed.

Vendored files are unchanged, nothing is inline, nothing comes from another host.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha512
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import theseller
from theseller.edge.control_outcome_labels import STATUS_BADGES
from theseller.edge.page_context import (
    DEFAULT_NAVIGATION,
    NAVIGATION_KEYS,
    OPERATOR_NAVIGATION,
)

SOURCE = Path(theseller.__file__).parent
STATIC = SOURCE / "edge/static/edge"
UPLOT = STATIC / "vendor/uplot"
TEMPLATES = sorted(SOURCE.rglob("templates/**/*.html"))
#: A mail brings its styles with it; the demo shows it under a policy of its own.
MAIL_FRAME = SOURCE / "mail/templates/mail/base.html"
OURS = sorted(
    path
    for path in STATIC.rglob("*")
    if path.suffix in {".css", ".js"} and "vendor" not in path.parts
)


def test_vendored_files_are_those_the_readme_names() -> None:
    named = dict(
        re.findall(
            r"\| (\S+) \| `(sha512-\S+)` \|", (UPLOT / "README.md").read_text(encoding="utf-8")
        )
    )
    found = {
        path.name: f"sha512-{b64encode(sha512(path.read_bytes()).digest()).decode()}"
        for path in UPLOT.iterdir()
        if path.name not in {"README.md", "LICENSE"}
    }
    assert found == named
    assert len(found) == 2


def test_style_sheets_stay_small() -> None:
    assert sum(path.stat().st_size for path in OURS if path.suffix == ".css") < 40_000


def test_template_search_finds_at_least_ten_templates() -> None:
    assert len(TEMPLATES) >= 10


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_nothing_that_the_policy_refuses(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"""\sstyle\s*=""", text), "use a class: the policy blocks inline style"
    if path != MAIL_FRAME:
        assert "<style" not in text
    assert not re.search(r"\son[a-z]+\s*=", text), "use a module: the policy blocks inline handlers"
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "use a file, or json_script for data"
    assert not re.search(r"""(?:src|hx-[a-z]+)=["']https?:""", text)
    assert "javascript:" not in text
    assert "|safe" not in text


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_our_files_call_no_other_host_and_evaluate_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(
        r"https?://|@import|\beval\(|new"
        r" Function|innerHTML|document\.write|localStorage|sessionStorage",
        text,
    )


def test_every_icon_that_is_used_exists() -> None:
    icons = ET.parse(STATIC / "icons.svg")  # noqa: S314
    names = {symbol.get("id") for symbol in icons.iter("{http://www.w3.org/2000/svg}symbol")}
    templates = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    used = set(re.findall(r"""\{% icon ["']([a-z-]+)["']""", templates))
    used |= {look.icon for look in STATUS_BADGES} | {icon for _, _, icon in DEFAULT_NAVIGATION}
    assert used <= names


@pytest.mark.parametrize("navigation", [DEFAULT_NAVIGATION, OPERATOR_NAVIGATION])
def test_destinations_of_the_navigation_have_different_letters(
    navigation: tuple[tuple[str, str, str], ...],
) -> None:
    letters = [NAVIGATION_KEYS.get(name, label[0].lower()) for name, label, _ in navigation]
    assert len(set(letters)) == len(letters), "the keys g and a letter lead to one page only"
