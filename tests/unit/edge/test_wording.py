"""Pages use Seller Central's terms and US English.

Phrases that were replaced do not come back, in templates or in strings of the code.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import theseller

SOURCE = Path(theseller.__file__).parent
ROOT = Path(__file__).parents[3]
#: These list columns by their names; their sentences are those of the modules that they are
#: generated from.
_GENERATED = {ROOT / "docs" / "data-map.md", ROOT / "docs" / "develop" / "schema.md"}
DOCUMENTS = sorted({*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")} - _GENERATED)
#: The emulator imitates pages of Amazon's; the import page has words of its own.
_OTHERS = (
    "emulator/",
    "cli/",
    "ingest/import",
    "ingest/templates/ingest/import",
    "amazon/reports/",
    "datamap/",
    "ingest/datamap",
)
TEMPLATES = [
    path
    for path in sorted(SOURCE.rglob("templates/**/*.html"))
    if not str(path.relative_to(SOURCE)).startswith(_OTHERS)
]
MODULES = [
    path
    for path in sorted(SOURCE.rglob("*.py"))
    if not str(path.relative_to(SOURCE)).startswith(_OTHERS)
]

REPLACED = (
    "From sales to what is left", r"% held\b", "held back by Amazon", "await a price",
    "awaits a price", "The last day is not over: compared", "Past orders", r"\bNew orders\b",
    "about to begin", "that have arrived since", "Last looked", "Own dates", "Period before",
    "Period after", "Selling fees", "Fulfilment, returns", "Storage, inbound",
    "The rows behind the figures", "Taxes in passing", "Promotions taken back", "Amazon's words",
    "paid by buyers", "not a sale, cancelled", "Bring your shop in", "two ways in",
    "needs rights at Amazon", "Show what that needs", "Not now", "Choose again", "Keep it",
    "how far it is, and how to end it", "who of the operators looked", "held of this shop",
    "nothing held", "How far reading is", "has a place in it", "Your place in every shop",
    "place in every shop", "Former codes are void", "not asked for<", "Get packing slips",
    r"Tick the first|Untick|Print ticked", "would agree to", "What we promise, and what was proven",
    "things looked at", "has a slip in it", "by the machine", "Written anew",
    "Place in the audit log", "The last of them ends by", "Look again",
    "Nothing happened that nobody", "Invite people instead", "until you say so",
    "no report that we read", "no daily facts", r">Inspect<", r"dt>Clause<",
)  # fmt: skip
#: Stems of British spellings; in names of the code they stay for now, so words with an underscore
#: are not searched.
_STEMS = (
    "uthoris",
    "ulfilment",
    "ancelled",
    "ancelling",
    "olour",
    "avour",
    "[Hh]onour",
    "ehaviour",
    "eighbour",
    "rganis",
    "ecognis",
    "ummaris",
    "inimis",
    "aximis",
    "ormalis",
    "erialis",
    "nitialis",
    "aterialis",
    "ptimis",
    "ynchronis",
    "anitis",
    "nonymis",
    "ategoris",
    "rioritis",
    "tilis(?:e|ing|ation)",
    "nalys(?:e|ed|ing)\\b",
    "atalogu",
    "[Ll]icence",
    "[Dd]efence",
    "[Gg]rey\\b",
    "udgement",
    "abelled",
    "odell",
    "ravell",
    "rtefact",
    "nrolment",
    "[Cc]entre",
    "[Pp]rogramme\\b",
    "[Ww]hilst",
    "earnt\\b",
    "[Cc]heque",
)
BRITISH = rf"(?<![\w.:/-])[A-Za-z]*(?:{'|'.join(_STEMS)})[A-Za-z]*(?![\w=(])"
#: Values and sentences of Amazon's own, spelled as Amazon does; a status as Amazon's reports write
#: it.
_AMAZONS = frozenset({"Cancelled", "Only reports with processingStatus IN_QUEUE can be cancelled."})
#: Lists of columns, and charge labels as Amazon prints them.
_NAMES_ONLY = (
    "datamap/declared_columns_and_indexes.py",
    "ingest/datamap.py",
    "amazon/charge_type_by_label.py",
    "amazon/reports/transaction_report_charges.py",
    "amazon/reports/transaction_report_columns.py",
    "emulator/reports/transaction_report_texts.py",
)
SPELLED = [
    path
    for path in sorted(
        [
            *SOURCE.rglob("*.py"),
            *SOURCE.rglob("templates/**/*.html"),
            *SOURCE.rglob("static/**/*.js"),
        ]
    )
    if "vendor" not in path.parts
    and "migrations" not in path.parts
    and str(path.relative_to(SOURCE)) not in _NAMES_ONLY
]
OTHER_DATES = r"""date:["'][jlDN]"""


@functools.cache
def _texts(path: Path) -> tuple[str, ...]:
    """Return what a template says, or a module's strings, in order."""
    return tuple(_read_texts(path))


def _read_texts(path: Path) -> Iterator[str]:
    """Yield what a template says, or a module's strings.

    Of a template: its text, its labels and titles, and the words given to components.
    """
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        translated = re.sub(r"""\{% translate (["'])(.*?)\1.*?%\}""", r"\2", source)
        yield from re.findall(r"""_\("(.*?)"\)""", translated)
        yield re.sub(
            r"\{%.*?%\}|\{\{.*?\}\}|<[^>]*?(?:aria-label|title|placeholder)=|\w+=\"\S*\"",
            " ",
            translated,
        )
        return
    if path.suffix == ".js":
        yield from re.findall(
            r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`""",
            re.sub(r"(?m)^\s*(?://|/?\*).*$", "", source),
        )
        return
    tree = ast.parse(source)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            not isinstance(node, ast.Constant)
            or not isinstance(node.value, str)
            or id(node) in documentation
        ):
            continue
        if " " in node.value or (node.value.isalpha() and node.value[0].isupper()):
            yield node.value


def _is_statement(path: Path, text: str) -> bool:
    """Return whether a string of the code is SQL, whose names are the database's."""
    return (
        path.suffix == ".py"
        and re.search(r"\b(?:select|insert|update|delete|create)\b", text) is not None
    )


def test_texts_contain_no_replaced_word() -> None:
    """Say what is found in the words of the glossary."""
    replaced = re.compile("|".join(REPLACED))
    found = [
        (str(path.relative_to(SOURCE)), match.group(0))
        for path in TEMPLATES + MODULES
        for text in _texts(path)
        if (match := replaced.search(text)) and not _is_statement(path, text)
    ]
    assert found == []


def test_texts_are_spelled_as_in_the_us() -> None:
    found = {
        str(path.relative_to(SOURCE)): match.group(0)
        for path in SPELLED
        for text in _texts(path)
        if text not in _AMAZONS
        and not _is_statement(path, text)
        and (match := re.search(BRITISH, text))
    }
    assert found == {}, "US spelling, as in Seller Central"


def test_documents_are_spelled_as_in_the_us() -> None:
    code = r"(?s)```.*?```|`[^`\n]*`|\]\([^)]*\)|https?://\S+"
    found = {
        str(path.relative_to(ROOT)): match.group(0)
        for path in DOCUMENTS
        if (match := re.search(BRITISH, re.sub(code, " ", path.read_text(encoding="utf-8"))))
    }
    assert found == {}, "US spelling, as in Seller Central"


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("single.py", 'SECTIONS = {2: ("Authorisation", "")}'),
        ("sentence.py", 'TITLE = "A request is honoured within 30 days"'),
        ("formatted.py", 'NAME = ""\nTITLE = f"Authorise {NAME}"'),
        ("page.html", '<p title="The behaviour of the store">Text</p>'),
        ("said.js", 'say("It was cancelled.");'),
    ],
)
def test_the_search_finds_british_spelling(tmp_path: Path, name: str, source: str) -> None:
    (tmp_path / name).write_text(source, encoding="utf-8")
    assert any(re.search(BRITISH, text) for text in _texts(tmp_path / name))


def test_pages_write_dates_by_the_one_filter() -> None:
    others = [
        path for path in TEMPLATES if re.search(OTHER_DATES, path.read_text(encoding="utf-8"))
    ]
    assert others == [], "use |day, |short_day, |week_day or |moment"


#: Names and formats, the same in every language.
_UNTRANSLATED = re.compile(r"TheSeller|The\s+Seller|JSON|SHA-256")
_TAG = re.compile(r"""<[a-z/!](?:"[^"]*"|'[^']*'|[^>"'])*>""")


def _unmarked(source: str) -> list[str]:
    """Return the words of a template that no tag translates."""
    for pattern in (r"comment", r"blocktranslate"):
        source = re.sub(rf"(?s)\{{% {pattern}.*?end{pattern} %\}}", " ", source)
    source = re.sub(r"(?s)<style>.*?</style>", " ", source)
    source = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", " ", source)
    shown = re.findall(r"""\s(?:aria-label|title|placeholder)=["'](.*?)["']""", source)
    shown.append(_TAG.sub(" ", source))
    return re.findall(r"[^\W\d_]{2,}", _UNTRANSLATED.sub(" ", " ".join(shown)))


def test_each_text_of_a_template_is_marked_for_translation() -> None:
    unmarked = {
        str(path.relative_to(SOURCE)): texts
        for path in sorted(SOURCE.rglob("templates/**/*.html"))
        if (texts := _unmarked(path.read_text(encoding="utf-8")))
    }
    assert unmarked == {}


def test_a_text_that_is_not_marked_is_found() -> None:
    source = '<p title="Said" data-x="a > b">{% translate "In" %} Out {{ name }}</p>'
    assert _unmarked(source) == ["Said", "Out"]


def test_wording_search_reads_templates_and_modules() -> None:
    assert len(TEMPLATES) > 50
    assert any("Profit and loss" in text for path in TEMPLATES for text in _texts(path))
    assert any("Sales not yet posted" in text for path in MODULES for text in _texts(path))
