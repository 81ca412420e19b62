"""The documents say nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import reverse

from theseller.amazon.feature_requirements import OFFERED, roles_for
from theseller.controls.catalogue import CATALOGUE
from theseller.controls.catalogue.clauses_without_probe import PENDING

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = re.compile(r"`((?:src|tests)/[\w/.]+):([\w.]+)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
#: A file with its folder, in backticks: below the repository, a package, the templates or the tests.
FILE = re.compile(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|sql|html|txt|json|md|svg))`")
#: A decorator in an indented example or in backticks, without those of objects (`@app.task`).
DECORATOR = re.compile(r"(?:^ +|`)@(\w+)\b(?!\.)", re.MULTILINE)
FOLDERS = [
    ROOT,
    ROOT / "tests",
    ROOT / "tests" / "integration",
    ROOT / "src" / "theseller",
    *(ROOT / "src" / "theseller").glob("*"),
    *(ROOT / "src" / "theseller").glob("*/templates"),
]
GUIDES = sorted((ROOT / "docs" / "develop").glob("*.md"))
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_every_file_and_symbol_named_in_tour_md_exists() -> None:
    references = REFERENCE.findall((ROOT / "docs" / "tour.md").read_text())
    assert len(references) >= 20
    for path, symbol in references:
        assert (ROOT / path).is_file(), path
        text = (ROOT / path).read_text()
        defined = (
            rf"^(?:async def|def|class) {symbol}\b|^{symbol}\b\s*[:=]"
            if path.endswith(".py")
            else re.escape(symbol)
        )
        assert re.search(defined, text, re.MULTILINE), f"{path} has no {symbol}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_in_the_documents_has_a_target(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_file_and_decorator_named_in_the_guides_exists(guide: Path) -> None:
    text = guide.read_text()
    missing = [
        path
        for path in FILE.findall(text)
        if not any((folder / path).is_file() for folder in FOLDERS)
    ]
    assert not missing, f"{guide.name} names files that do not exist: {missing}"
    unknown = [name for name in DECORATOR.findall(text) if not _is_used(name)]
    assert not unknown, f"{guide.name} names decorators that do not exist: {unknown}"


def _is_used(decorator: str) -> bool:
    use = re.compile(rf"^ *@{decorator}\b", re.MULTILINE)
    return any(
        use.search(path.read_text())
        for folder in ("src", "tests")
        for path in (ROOT / folder).rglob("*.py")
    )


def test_cited_decisions_exist() -> None:
    numbers = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")}
    for path in [*ROOT.glob("src/**/*.py"), *ROOT.glob("src/**/*.sql"), *DOCUMENTS]:
        for number in re.findall(r"\bdecision (\d{4})\b", path.read_text()):
            assert number in numbers, f"{path.relative_to(ROOT)} cites decision {number}"


def test_the_readme_begins_with_the_two_commands() -> None:
    commands = re.findall(r"^(make \w+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]


def test_the_answers_to_amazon_name_clauses_roles_and_addresses_of_this_product() -> None:
    text = (ROOT / "docs" / "operate" / "amazon-registration.md").read_text()
    clauses = set(re.findall(r"`([a-z]+(?:-[a-z0-9]+)+)`", text)) - {"lwa-client-secret"}
    assert len(clauses) >= 20
    without_probe = {clause.id for clause in PENDING}
    assert clauses <= {*CATALOGUE, *without_probe}
    listed = re.search(r"^3\. \*Roles\*: (.*), and no other", text, re.MULTILINE)
    assert listed
    assert set(re.findall(r"\*([^*]+)\*", listed[1])) == {role.value for role in roles_for(OFFERED)}
    for name in ("connections:choose", "connections:callback"):
        assert f"`https://your.host.name{reverse(name)}`" in text
    # What no control proves is the company's to do, and the page says so.
    unproven = clauses & without_probe
    rows = [row for row in text.splitlines() if any(f"`{clause}`" in row for clause in unproven)]
    assert rows
    assert all("nothing yet" in row for row in rows)


def test_regenerate_runs_every_test_that_writes_a_file() -> None:
    writers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if 'os.environ.get("THESELLER_WRITE_DOCS")' in path.read_text() and path != Path(__file__)
    }
    assert len(writers) > 5
    run = set(re.findall(r"(?m)^  (tests/\S+)::\w+$", (ROOT / "bin" / "regenerate").read_text()))
    assert writers == run
