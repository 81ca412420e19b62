"""Docstrings of the source begin with a short summary (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.style.vocabulary import ROOT, tracked

#: As in an index: the name, and what it does, on one line.
SUMMARY_MAX = 72
_SOURCES = [name for name in tracked(".py") if name.startswith("src/")]


def summaries(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and first line of every docstring."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring.splitlines()[0]


def test_a_long_summary_is_found() -> None:
    text = f'def load() -> None:\n    """{"Load " * 20}."""\n'
    assert [len(summary) > SUMMARY_MAX for _, summary in summaries(text)] == [True]


def test_summaries_are_short() -> None:
    assert len(_SOURCES) > 500
    too_long = [
        f"{name}:{line}: {summary}"
        for name in _SOURCES
        for line, summary in summaries((ROOT / name).read_text())
        if len(summary) > SUMMARY_MAX
    ]
    assert too_long == [], (
        f"write what exceeds {SUMMARY_MAX} characters below the summary, after a blank line"
    )
