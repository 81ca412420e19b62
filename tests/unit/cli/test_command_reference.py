"""docs/operate/cli.md is the reference of the argument parsers.

THESELLER_WRITE_DOCS=1 writes it again.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from theseller.cli.command_reference import reference
from theseller.cli.main import build_parser

_PAGE = Path(__file__).parents[3] / "docs" / "operate" / "cli.md"


def test_command_reference_page_equals_the_commands() -> None:
    if os.environ.get("THESELLER_WRITE_DOCS"):
        _PAGE.write_text(reference())
    assert _PAGE.read_text() == reference(), (
        "write it again: THESELLER_WRITE_DOCS=1 .venv/bin/pytest tests/unit/cli/test_command_reference.py"
    )


def test_every_command_and_argument_has_a_help_text() -> None:
    missing = [
        f"{prog} {action.dest}" for prog, action in _arguments(build_parser()) if not action.help
    ]
    assert missing == []


def _arguments(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _arguments(command)
        else:
            yield parser.prog, action
