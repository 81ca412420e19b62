"""Names in back-quotes exist: in docstrings, comments, messages and documents.

A module, function or field that was renamed otherwise keeps its old name in the text about it.
Judged are names with an underscore, dotted names that begin with a module, package or class of
ours, and files of code; in documents only the last. Other words in back-quotes may be anything.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import PurePath

import pytest
from tests.style.vocabulary import ROOT, tracked

#: Names of libraries and programs that no code of ours uses by name, and examples.
_OF_OTHERS = {
    "prepare_threshold",
    "SECURE_PROXY_SSL_HEADER",
    "pg_ctl",
    "OrderRow._make",
    "net_cookies.py",
}
_HAVE_NAMES = (".py", ".sql", ".txt", ".html", ".toml", ".js", ".sh", ".conf")
_QUOTED = re.compile(r"`+([^`\n]+)`+")
_NAME = re.compile(r"_?[A-Za-z]\w*_\w+")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?<!\.com)")
_FILE = re.compile(r"(?:[\w-]+/)*[\w-]+\.(?:py|sql)")
_CLASS = re.compile(r"^\s*class (\w+)", re.MULTILINE)
_WORD = re.compile(r"\w+")


class Names:
    """The names in files: of all, and of each module, package and class."""

    def __init__(self, texts: Mapping[str, str], paths: frozenset[str] = frozenset()) -> None:
        """Read the words of `texts` that are not in back-quotes; `paths` are further files."""
        self.paths = paths | set(texts)
        self.all: set[str] = set()
        self.members: dict[str, set[str]] = {}
        for path in self.paths:
            parts = [*PurePath(path).parts[:-1], PurePath(path).stem]
            self.all.update(parts)
            for package, member in pairwise(parts):
                self.members.setdefault(package, set()).add(member)
        for path, text in texts.items():
            words = set(_WORD.findall(_QUOTED.sub(" ", text)))
            self.all |= words
            if path.endswith(".py"):
                module = (
                    PurePath(path).stem if "__init__" not in path else PurePath(path).parent.name
                )
                for owner in (module, *_CLASS.findall(text)):
                    self.members.setdefault(owner, set()).update(words)

    def has(self, reference: str) -> bool:
        """Return whether what is in back-quotes exists, or is nothing that is judged."""
        reference = reference.removesuffix("()")
        if reference in _OF_OTHERS:
            return True
        if _FILE.fullmatch(reference):
            return any(f"/{path}".endswith(f"/{reference}") for path in self.paths)
        if _DOTTED.fullmatch(reference):
            parts = reference.split(".")
            return all(
                name in self.members[owner]
                for owner, name in pairwise(parts)
                if owner in self.members
            )
        return not _NAME.fullmatch(reference) or reference in self.all


def references(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and content of what is in back-quotes."""
    for number, line in enumerate(text.splitlines(), 1):
        if "`" in line:
            yield from ((number, found[1]) for found in _QUOTED.finditer(line))


def test_names_in_back_quotes_exist() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    paths = frozenset(name for name in listed if (ROOT / name).is_file())
    texts = {name: (ROOT / name).read_text() for name in paths if name.endswith(_HAVE_NAMES)}
    names = Names(texts, paths)
    found = [
        (path, line, reference)
        for path in tracked(".py", ".md")
        for line, reference in references((ROOT / path).read_text())
        if path.endswith(".py") or _FILE.fullmatch(reference)
    ]
    assert len(found) > 2000
    missing = [f"{path}:{line}: {one}" for path, line, one in found if not names.has(one)]
    assert missing == []


@pytest.mark.parametrize(
    ("reference", "exists"),
    [
        ("read_rows", True),
        ("read_rows()", True),
        ("report.read_rows", True),
        ("theseller.report", True),
        ("Report.row_count", True),
        ("theseller/report.py", True),
        ("report.py", True),
        ("rows", True),
        ("example.com", True),
        ("load_rows", False),
        ("report.load_rows", False),
        ("theseller.old_report", False),
        ("Report.row_total", False),
        ("theseller/old_report.py", False),
    ],
)
def test_a_name_that_does_not_exist_is_found(reference: str, *, exists: bool) -> None:
    text = f'"""Rows: `{reference}`."""\nclass Report:\n    row_count: int\ndef read_rows(): ...\n'
    names = Names({"src/theseller/report.py": text})
    ((line, found),) = references(text)
    assert (line, names.has(found)) == (1, exists)
