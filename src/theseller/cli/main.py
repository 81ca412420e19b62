"""Entry point of `theseller`: finds sub-commands and reports failures."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

from theseller import __version__
from theseller.cli import commands
from theseller.cli.errors import FAILURE, INTERRUPTED, CommandError
from theseller.config.config_file import load_config_file
from theseller.lib.core_dump_and_memory_limits import disable_core_dumps
from theseller.lib.database_failures import classify, server_text
from theseller.lib.redaction import redact_text
from theseller.lib.safe_tracebacks import trace_text
from theseller.lib.state_file_names import FULL
from theseller.postgres.errors import PostgresError


class Command(Protocol):
    """What a module in `commands/` has."""

    HELP: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `theseller ARGUMENTS` and return its exit status.

    0 done, 1 failed, 2 wrong usage, 130 interrupted.
    """
    disable_core_dumps()
    parser = build_parser(_named_command(sys.argv[1:] if argv is None else argv))
    args = parser.parse_args(argv)
    try:
        # `setup` reads and writes the file itself: one with a mistake must not stop it.
        if args.command != "setup":
            load_config_file(os.environ)
        return _run(args)
    except KeyboardInterrupt:
        print("\ntheseller: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output ended early (`theseller … | head`): what is buffered must not
        # fail again at the interpreter's end.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except Exception as error:  # noqa: BLE001
        if args.debug:
            # Without the texts of other libraries' exceptions, which may contain data. The
            # database's message about a connection is printed.
            print(redact_text(trace_text(error)), file=sys.stderr)
            if said := server_text(error):
                print(redact_text(f"the database says: {said.strip()}"), file=sys.stderr)
        return _explain(args.command, error)


def _run(args: argparse.Namespace) -> int:
    status = int(args.run(args))
    # Here, where a reader that ended early is handled, and not at the interpreter's end.
    sys.stdout.flush()
    return status


def _named_command(arguments: Sequence[str]) -> str | None:
    """Return the sub-command that is named; None if all are needed."""
    for argument in arguments:
        if argument in {"-h", "--help"}:
            return None
        if not argument.startswith("-"):
            return argument if argument in _modules() else None
    return None


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Return the parser with all sub-commands, or with one.

    Importing the modules of all commands takes a quarter of a second.
    """
    parser = argparse.ArgumentParser(
        prog="theseller", description="Self-hosted analytics for Amazon sellers."
    )
    parser.add_argument("--version", action="version", version=f"theseller {__version__}")
    parser.add_argument(
        "--debug", action="store_true", default=False, help="show a traceback on failure"
    )
    subparsers = parser.add_subparsers(
        title="commands", dest="command", required=True, metavar="COMMAND"
    )
    for name, command in discover(only).items():
        subparser = subparsers.add_parser(name, help=command.HELP, description=command.HELP)
        # Suppressed when absent, or the sub-command's default would undo a `--debug` given before
        # it.
        subparser.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def discover(only: str | None = None) -> dict[str, Command]:
    """Return the sub-commands by name, sorted; with `only`, that one."""
    return {
        name: cast("Command", importlib.import_module(f"{commands.__name__}.{module}"))
        for name, module in _modules().items()
        if only in {None, name}
    }


def _modules() -> dict[str, str]:
    """Return the modules of commands by the commands' names, sorted.

    `demo_accounts.py` is `demo-accounts`. A module whose name would be a keyword of Python
    ends with an underscore: `import_.py` is `import`.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
    return {name.rstrip("_").replace("_", "-"): name for name in names}


def _explain(command: str, error: Exception) -> int:
    message, advice, status = _message_of(error)
    print(f"theseller {command}: {message}", file=sys.stderr)
    if advice:
        print(f"  {advice}", file=sys.stderr)
    return status


def _message_of(error: Exception) -> tuple[str, str, int]:
    if isinstance(error, CommandError):
        return error.message, error.advice, error.status
    if isinstance(error, PostgresError):
        return error.message, error.advice, FAILURE
    if type(error).__name__ in _USER_FACING_ERRORS:
        return str(error), "", FAILURE
    known = _operating_system_error(error) or _database_error(error)
    if known is not None:
        return *known, FAILURE
    # The text of an unforeseen error may contain anyone's data.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return (
        f"failed unexpectedly ({type(error).__name__} at {place})",
        "Run it again with --debug to see the whole trace.",
        FAILURE,
    )


def _operating_system_error(error: Exception) -> tuple[str, str] | None:
    if isinstance(error, OSError) and error.errno in FULL:
        return (
            f"the disk is full{_at(error)}",
            "Free some space and run it again; nothing is left half done.",
        )
    if isinstance(error, PermissionError):
        return (
            f"no permission{_at(error)}",
            "Run as the user who made it, or choose another folder with THESELLER_STATE.",
        )
    return None


def _database_error(error: Exception) -> tuple[str, str] | None:
    failure = classify(error)
    return (failure.message, failure.advice) if failure is not None else None


# Errors of our own below the command line whose texts are written for people and hold no data. By
# name: importing `config` here would need Django for every command.
_USER_FACING_ERRORS = {
    "AddressError",
    "InvalidSettingError",
    "JournalUnreadableError",
    "KeyStoreError",
    "LaterSchemaError",
    "MigrationLockError",
    "OtherHostError",
    "SecretNotFoundError",
    "SecretProviderError",
    "ServiceError",
    "UnsafePermissionsError",
    "ConnectionPoolerError",
    "UnsafeDatabaseRoleError",
    "WrongClockError",
    "WrongEnvironmentError",
    "WrongDatabaseError",
    "WrongSchemaError",
}


def _at(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ""


if __name__ == "__main__":
    sys.exit(main())
