"""`docs/operate/monitoring.md` lists every log event.

`THESELLER_WRITE_DOCS=1` writes the table again: a new event gets the text of `_NEW`, which the test
refuses until someone writes its meaning.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SOURCE = _ROOT / "src" / "theseller"
_DOCUMENT = _ROOT / "docs" / "operate" / "monitoring.md"
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
_EVENT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_LOGGER = re.compile(r"_?log(ger|ging)?")
_ROW = re.compile(r"^\| `([a-z0-9_]+)` \| (\w+) \| ([^|]+) \|$", re.MULTILINE)
_HEAD = "| event | package | meaning |\n|---|---|---|\n"
_NEW = "TO BE WRITTEN"


def _logged(tree: ast.AST) -> set[str]:
    """Return the event names that a module logs.

    `write` and `log_line` are the names that modules give a logger's method whose level varies.
    """
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        event, function = node.args[0], node.func
        logs = (
            isinstance(function, ast.Attribute)
            and function.attr in _LEVELS
            and _LOGGER.fullmatch(ast.unparse(function.value)) is not None
        ) or (isinstance(function, ast.Name) and function.id in {"write", "log_line"})
        if logs and isinstance(event, ast.Constant) and _EVENT.fullmatch(str(event.value)):
            found.add(str(event.value))
    return found


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ('log.info("report_read", rows=1)', {"report_read"}),
        ('write("worker_stopped")', {"worker_stopped"}),
        ('print("report_read")', set()),
    ],
)
def test_log_events_are_found_in_code(text: str, events: set[str]) -> None:
    assert _logged(ast.parse(text)) == events


def _events() -> dict[str, str]:
    """Return the package of each event."""
    found: dict[str, str] = {}
    for path in sorted(_SOURCE.rglob("*.py")):
        for event in _logged(ast.parse(path.read_text(encoding="utf-8"))):
            found[event] = path.relative_to(_SOURCE).parts[0]
    return found


def test_the_document_lists_exactly_the_log_events() -> None:
    text = _DOCUMENT.read_text(encoding="utf-8")
    before, after = text.split(_HEAD)
    rows = _ROW.findall(after)
    meanings = {event: meaning for event, _package, meaning in rows}
    found = _events()
    assert len(found) > 30
    table = "".join(
        f"| `{event}` | {found[event]} | {meanings.get(event, _NEW)} |\n" for event in sorted(found)
    )
    if os.environ.get("THESELLER_WRITE_DOCS"):
        rest = after[sum(len(line) + 1 for line in after.splitlines() if line.startswith("|")) :]
        _DOCUMENT.write_text(before + _HEAD + table + rest, encoding="utf-8")
    assert {event: package for event, package, _ in rows} == found, (
        "run this test with THESELLER_WRITE_DOCS=1 and write the meaning of new events"
    )
    assert _NEW not in text, "write the meaning of each event"
