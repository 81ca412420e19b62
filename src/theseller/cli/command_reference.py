"""The command reference docs/operate/cli.md, from the argument parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from theseller.cli.main import build_parser

_HEAD = """# Command line

Reference of the `theseller` command, generated from its argument parsers by
`THESELLER_WRITE_DOCS=1 .venv/bin/pytest tests/unit/cli/test_command_reference.py`.
`theseller COMMAND --help` prints the same.

Exit status: 0 on success, 1 on failure, 2 for wrong usage, 130 if interrupted.
`theseller --debug COMMAND` shows a traceback on failure.
"""


def reference() -> str:
    """Return the reference of every command, by name."""
    return "\n".join([_HEAD, *_commands(build_parser(), level=2)]).rstrip() + "\n"


def _commands(parser: argparse.ArgumentParser, *, level: int) -> Iterator[str]:
    for action in parser._actions:  # argparse has no public way to list them  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            choices = action._choices_actions  # noqa: SLF001
            summaries = {one.dest: one.help or "" for one in choices}
            for name, command in action.choices.items():
                yield from _command(command, summaries.get(name, ""), level=level)


def _command(parser: argparse.ArgumentParser, summary: str, *, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{parser.prog}`\n"
    yield f"{summary[:1].upper()}{summary[1:]}.\n"
    rows = [_row(one) for one in parser._actions if _shown(one)]  # noqa: SLF001
    if rows:
        yield "\n".join(["| argument | meaning |", "|---|---|", *rows, ""])
    yield from _commands(parser, level=level + 1)


def _shown(action: argparse.Action) -> bool:
    hidden = argparse._HelpAction, argparse._SubParsersAction  # noqa: SLF001
    return not isinstance(action, hidden) and action.help != argparse.SUPPRESS


def _row(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    choices = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else value
    name = " ".join(
        [", ".join(action.option_strings), "" if action.nargs == 0 else choices]
    ).strip()
    needed = " (required)" if action.required and action.option_strings else ""
    meaning = (action.help or "").replace("|", "\\|")
    return f"| `{name}` | {meaning}{needed} |"
