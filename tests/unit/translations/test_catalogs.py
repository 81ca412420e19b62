"""Each language's catalog has every text of the pages and mails, and nothing else.

It needs no GNU gettext: Django turns templates into Python, and Babel reads Python and writes
catalogs.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from tools.translations.__main__ import LANGUAGES, catalog_path, main
from tools.translations.catalogs import completed, faults, mo_bytes, po_bytes, read_catalog
from tools.translations.marked_texts import NOT_TRANSLATED, marked_texts, texts_of_template

import theseller
from theseller.edge.page_context import (
    DEFAULT_NAVIGATION,
    NAVIGATION_KEYS,
    OPERATOR_NAVIGATION,
)

_PACKAGE = Path(theseller.__path__[0])
#: The functions that mark a text, with the number of texts.
_MARKS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2}
_FAMILIAR = re.compile(r"\b(?:[Dd]u|[Dd]ich|[Dd]ir|[Dd]eine?[mnrs]?)\b")


@pytest.fixture(scope="module")
def marked() -> Catalog:
    return marked_texts(_PACKAGE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_a_translation(language: str, marked: Catalog) -> None:
    """To correct it, see docs/develop/add-a-page.md."""
    found = faults(read_catalog(catalog_path(language), language), marked)
    assert not found, (
        f"{len(found)} texts to translate: run bin/translations, write what is missing into"
        f" {catalog_path(language)}, run it again, and commit both files:\n" + "\n".join(found)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalog_is_as_the_tool_writes_it(language: str, marked: Catalog) -> None:
    path = catalog_path(language)
    catalog = completed(read_catalog(path, language), marked, language)
    assert path.read_bytes() == po_bytes(catalog), "run bin/translations and commit its files"
    assert path.with_suffix(".mo").read_bytes() == mo_bytes(catalog), "run bin/translations"


def test_german_addresses_people_formally() -> None:
    catalog = read_catalog(catalog_path("de"), "de")
    assert [one.string for one in catalog if one.id and _FAMILIAR.search(str(one.string))] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("navigation", [DEFAULT_NAVIGATION, OPERATOR_NAVIGATION])
def test_each_entry_of_the_navigation_has_its_letter(
    language: str, navigation: tuple[tuple[str, str, str], ...]
) -> None:
    """The keys `g` and the first letter of a label lead to its page."""
    catalog = read_catalog(catalog_path(language), language)
    labels = {name: str(catalog[label].string) for name, label, _ in navigation}
    keys = {NAVIGATION_KEYS.get(name, label[0].lower()) for name, label in labels.items()}
    assert len(keys) == len(labels), labels


def test_what_python_marks_is_what_its_syntax_tree_has(marked: Catalog) -> None:
    """The extraction reads tokens; the syntax tree is another reading of the same."""
    for path in _PACKAGE.rglob("*.py"):
        if path.relative_to(_PACKAGE).parts[0] in NOT_TRANSLATED:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                for text in node.args[: _MARKS.get(name, 0)]:
                    if isinstance(text, ast.Constant) and isinstance(text.value, str):
                        assert _known(marked, text.value), f"{path}: {text.value}"


def _known(catalog: Catalog, text: str) -> bool:
    return any(text in ((one.id,) if isinstance(one.id, str) else one.id) for one in catalog)


def _catalogs(tmp_path: Path, source: str, translations: dict[str, str]) -> list[str]:
    """Return the faults of translations of a module."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "page.py").write_text(source, encoding="utf-8")
    catalog = read_catalog(tmp_path / "none.po", "de")
    for text, translation in translations.items():
        catalog.add(text, translation)
    return faults(catalog, marked_texts(tmp_path))


@pytest.mark.parametrize(
    ("source", "translations", "fault"),
    [
        ('_("Sales")', {}, "a/page.py: 'Sales' has no translation"),
        ('_("Sales")', {"Sales": ""}, "a/page.py: 'Sales' has no translation"),
        ('_("Sales")', {"Sales": "Umsatz"}, ""),
        ('_("Sales")', {"Sales": "Umsatz", "Fees": "Gebühren"}, "'Fees' is no longer marked"),
        ('_("%(a)s of %(b)s")', {"%(a)s of %(b)s": "%(a)s von %(c)s"}, "has other placeholders"),
        ('_("{a} left")', {"{a} left": "noch {b}"}, "has other placeholders"),
        ('_("<b>Sales</b>")', {"<b>Sales</b>": "<i>Umsatz</i>"}, "has other placeholders or tags"),
        ('_("%s left")', {"%s left": "noch %s"}, ""),
        ('_("Sales ")', {"Sales ": "Umsatz"}, "begins or ends with other spaces"),
        ('ngettext("a row", "%(n)s rows", 2)', {"a row": "eine Zeile"}, "needs 2 forms"),
    ],
)
def test_each_fault_is_found(
    tmp_path: Path, source: str, translations: dict[str, str], fault: str
) -> None:
    found = _catalogs(tmp_path, source, translations)
    assert [fault in one for one in found] == ([True] if fault else [])


def test_a_fuzzy_translation_is_found(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text('_("Sales")', encoding="utf-8")
    catalog = read_catalog(tmp_path / "none.po", "de")
    catalog.add("Sales", "Umsatz", flags={"fuzzy"})
    assert faults(catalog, marked_texts(tmp_path)) == ["page.py: 'Sales' is marked as fuzzy"]


def test_texts_of_templates_are_found() -> None:
    template = """
      <p title="{% translate 'A title' %}">{{ x|default:_("none") }}</p>
        {% blocktranslate trimmed with a=b %}
          {{ a }} is
          100 %.
        {% endblocktranslate %}
    {% include "x.html" with title=_("Overview") %}
    {% blocktranslate count n=rows %}{{ n }} row{% plural %}{{ n }} rows{% endblocktranslate %}
    """
    assert texts_of_template(template) == [
        "A title",
        "none",
        "%(a)s is 100 %%.",
        "Overview",
        ("%(n)s row", "%(n)s rows"),
    ]


def test_a_new_text_is_added_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a developer sees: the new text without a translation, then nothing to do."""
    (tmp_path / "a").mkdir()
    page = tmp_path / "a" / "page.py"
    page.write_text('_("Sales")\n_("Old")\n', encoding="utf-8")
    path = catalog_path("de", tmp_path)
    assert main(tmp_path) == 1
    assert "de: a/page.py: 'Sales' has no translation" in capsys.readouterr().out
    assert b'msgid "Sales"\nmsgstr ""' in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b'msgstr ""\n\n', b'msgstr "Umsatz"\n\n'))
    page.write_text('_("Sales")\n', encoding="utf-8")
    assert main(tmp_path) == 0
    assert b"Old" not in path.read_bytes()
    written = path.read_bytes(), path.with_suffix(".mo").read_bytes()
    assert main(tmp_path) == 0
    assert written == (path.read_bytes(), path.with_suffix(".mo").read_bytes())
