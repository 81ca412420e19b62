"""A new command of `theseller` that reads something of a shop, and its test."""

from __future__ import annotations

from tools.scaffold.edits import Edits, add_to_changelog, check_name, template


def add_command(edits: Edits, *, name: str, summary: str) -> None:
    """Add a command with the arguments `--shop` and `--json`.

    Args:
        edits: what is written.
        name: of the module; underscores become hyphens.
        summary: one line for `--help`.

    Raises:
        ScaffoldError: an argument is invalid.
    """
    command = check_name(name).replace("_", "-")
    values = {"command": command, "help": summary.rstrip(".")}
    edits.create(f"src/theseller/cli/commands/{name}.py", template("command.py", values))
    edits.create(
        f"tests/integration/cli/test_{name}_command.py", template("command_test.py", values)
    )
    edits.after(
        "tests/completeness/test_operator_commands_are_audited.py",
        "LEAVES: dict[str, tuple[Tag, ...] | str] = {\n",
        f'    "{command}": "reads; writes nothing",\n',
    )
    edits.after(
        "tests/integration/tenancy/test_schema_version_check.py",
        "COMMANDS = [\n",
        f'    ["{command}", "--shop", ID],\n',
    )
    add_to_changelog(edits, f"`theseller {command}`: {values['help']}.")
