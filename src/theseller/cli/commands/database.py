"""`theseller database`: fingerprint a database, move it between servers.

From the embedded server to an external one and back. A move that was interrupted is undone or
finished.
"""

from __future__ import annotations

import argparse
import json
import os

from theseller.cli.database_move import (
    Moved,
    fingerprint_document,
    move_to_embedded,
    move_to_external,
    refuse_running,
)
from theseller.cli.errors import OK, CommandError
from theseller.cli.interrupted_move import recover, refuse_other_configuration
from theseller.cli.move_record import Phase
from theseller.cli.state_folders import is_state_folder, state_folder

HELP = (
    "fingerprint the database; move it to an external PostgreSQL or back to the embedded one;"
    " recover from a move that was interrupted"
)
_EMBEDDED = "embedded"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser(
        "fingerprint",
        help="print rows and a hash of every table, every sequence, and a hash of all rights",
    )
    move = verbs.add_parser(
        "move", help="copy the database to another server, prove the copy, and close the original"
    )
    move.add_argument(
        "--to",
        required=True,
        metavar="URL",
        help=f"postgresql://HOST:5432/DATABASE?sslmode=verify-full, or `{_EMBEDDED}`",
    )
    verbs.add_parser(
        "recover",
        help="after a move that was interrupted: let the services connect to the original again, or"
        " finish the move if its copy was proven",
    )


def run(args: argparse.Namespace) -> int:
    """Run the verb.

    Raises:
        CommandError: something runs, a server can't be used, or the copy differs.
    """
    state = state_folder(os.environ)
    if not is_state_folder(state):
        raise CommandError(
            f"There is no state in {state} yet.", "Set THESELLER_STATE to a deployment's folder."
        )
    if args.verb == "fingerprint":
        print(json.dumps(fingerprint_document(state), indent=1))
        return OK
    if args.verb == "move":
        refuse_running(state)
    interrupted = recover(state, say=print)
    if args.verb == "recover" and interrupted is None:
        print("No move of the database was interrupted.")
    if args.verb == "recover" or (interrupted and interrupted.phase is Phase.PROVEN):
        return OK
    if interrupted is not None:
        refuse_other_configuration(interrupted)
    external = os.environ.get("DATABASE_URL", "")
    if (args.to == _EMBEDDED) is not bool(external):
        raise CommandError(
            "The database is there already: it "
            + ("is an external one (DATABASE_URL)." if external else "is the embedded one."),
            f"Name where it is to be: --to {_EMBEDDED if external else 'postgresql://HOST:5432/…'}",
        )
    moved = move_to_embedded(state, external) if external else move_to_external(state, args.to)
    _report(moved)
    return OK


def _report(moved: Moved) -> None:
    print(
        f"{moved.tables} tables with {moved.rows} rows, {moved.sequences} sequences and"
        f" {moved.rights} rights are the same on both servers."
    )
    print(moved.next_steps)
