"""Log events are stable names in snake case; what varies is in named fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parents[2] / "src" / "theseller"
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
#: The names that modules give their loggers.
_LOGGER = re.compile(r"_?log(ger|ging)?|structlog")
_EVENT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def _calls(tree: ast.AST) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _LEVELS
        and _LOGGER.fullmatch(ast.unparse(node.func.value))
    ]


def _faults(tree: ast.AST) -> Iterator[int]:
    for call in _calls(tree):
        event = call.args[0] if len(call.args) == 1 else None
        if not (
            isinstance(event, ast.Constant)
            and isinstance(event.value, str)
            and _EVENT.fullmatch(event.value)
        ):
            yield call.lineno


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('log.info("report_read", rows=12)', []),
        ('log.info("report_read rows=%d", 12)', [1]),
        ('_log.error("The report was read.")', [1]),
        ('logger.warning(f"{kind}_read")', [1]),
        ('log.log(20, "report_read")', [1]),
    ],
)
def test_log_message_that_is_no_event_name_is_found(text: str, faults: list[int]) -> None:
    assert list(_faults(ast.parse(text))) == faults


def test_log_calls_name_an_event_and_its_fields() -> None:
    trees = {path: ast.parse(path.read_text()) for path in sorted(_SOURCE.rglob("*.py"))}
    assert sum(len(_calls(tree)) for tree in trees.values()) > 25
    assert [
        f"{path.relative_to(_SOURCE)}:{line}"
        for path, tree in trees.items()
        for line in _faults(tree)
    ] == []
