"""Pages speak Seller Central's words and US English: phrases that were replaced do not come back, in templates or in strings of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import theseller

SOURCE = Path(theseller.__file__).parent
#: The emulator imitates pages of Amazon's; the import page has words of its own.
_OTHERS = (
    "emulator/",
    "cli/",
    "ingest/import",
    "ingest/templates/ingest/import",
    "amazon/reports/",
    "datamap/",
    "ingest/report_words",
    "ingest/datamap",
)
TEMPLATES = [path for path in sorted(SOURCE.rglob("templates/**/*.html")) if not str(path.relative_to(SOURCE)).startswith(_OTHERS)]
MODULES = [path for path in sorted(SOURCE.rglob("*.py")) if not str(path.relative_to(SOURCE)).startswith(_OTHERS)]

REPLACED = (
    "From sales to what is left", r"% held\b", "held back by Amazon", "await a price", "awaits a price", "The last day is not over: compared", "Past orders",
    r"\bNew orders\b", "about to begin", "that have arrived since", "Last looked", "Own dates", "Period before", "Period after", "Selling fees",
    "Fulfilment, returns", "Storage, inbound", "The rows behind the figures", "Taxes in passing", "Promotions taken back", "Amazon's words",
    "paid by buyers", "not a sale, cancelled", "Bring your shop in", "two ways in", "needs rights at Amazon", "Show what that needs", "Not now", "Choose again", "Keep it",
    "how far it is, and how to end it", "who of the operators looked", "held of this shop", "nothing held", "How far reading is", "has a place in it",
    "Your place in every shop", "place in every shop", "Former codes are void", "not asked for<", "Get packing slips", r"Tick the first|Untick|Print ticked", "would agree to",
    "What we promise, and what was proven", "things looked at", "has a slip in it", "by the machine", "Written anew", "Place in the audit log", "The last of them ends by", "Look again",
    "Nothing happened that nobody", "Invite people instead",
)  # fmt: skip
BRITISH = r"\b\w*(?:uthoris|ulfilment|ancelled|olour\b|rganisation|ecognis|ummaris)\w*"
OTHER_DATES = r"""date:["'][jlDN]"""


def _texts(path: Path) -> Iterator[str]:
    """Yield what a template says: its text, its labels and titles, and the words given to components; or a module's strings."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        yield re.sub(r"\{%(?! include).*?%\}|\{\{.*?\}\}|<[^>]*?(?:aria-label|title|placeholder)=|\w+=\"\S*\"", " ", source)
        return
    tree = ast.parse(source)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value and id(node) not in documentation:
            yield node.value


@pytest.mark.parametrize("path", TEMPLATES + MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_replaced_words_do_not_come_back(path: Path) -> None:
    for text in _texts(path):
        if path.suffix == ".py" and re.search(r"\b(?:select|insert|update|delete|create)\b", text):
            continue  # a statement, whose names are the database's
        found = re.search("|".join(REPLACED), text) or re.search(BRITISH, text)
        assert found is None, f"{found}: say it in the words of the glossary"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_pages_write_dates_by_the_one_filter(path: Path) -> None:
    assert not re.search(OTHER_DATES, path.read_text(encoding="utf-8")), "use |day, |short_day, |week_day or |moment"


def test_the_search_sees_what_it_searches() -> None:
    assert len(TEMPLATES) > 50
    assert any("Profit and loss" in text for path in TEMPLATES for text in _texts(path))
    assert any("Sales not yet posted" in text for path in MODULES for text in _texts(path))
