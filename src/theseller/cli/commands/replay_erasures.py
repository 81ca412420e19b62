"""`theseller replay-erasures`: repeat erasures in a restored database.

A step of `restore` and of each drill. It changes nothing in a database in which all erasures of the
journal have been carried out.
"""

from __future__ import annotations

import argparse
import os
from urllib.parse import urlsplit

from theseller.cli.deployment_secrets import secret_config
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import OK, CommandError
from theseller.cli.state_folders import state_folder
from theseller.crypto.secret_and_key_config import StoreKind
from theseller.lib import clock
from theseller.postgres.role_setup import QUARANTINE

HELP = "replay the erasure journal on a restored database (`restore` does this itself)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--journal-complete`."""
    parser.add_argument(
        "--journal-complete",
        action="store_true",
        help="confirm that this state folder has `erasures/` of every host that ran a worker",
    )


def run(args: argparse.Namespace) -> int:
    """Repeat the erasures of the journal and print three counts.

    Raises:
        CommandError: the journal may be incomplete, or erased data is back and cannot be erased.
    """
    if not args.journal_complete:
        _refuse_journal_of_one_host()
    setup_django("worker")
    from theseller.erasure.replay import (
        DataRestoredError,
        delete_tokens_without_key,
        replay_erasures,
    )

    try:
        again = replay_erasures(at=clock.now())
    except DataRestoredError as error:
        raise CommandError(str(error)) from None
    print(f"{again.connections} connections closed again")
    print(f"{delete_tokens_without_key(at=clock.now())} connections have to be authorized again")
    print(f"{again.keys} keys of closed connections were destroyed")
    return OK


def _refuse_journal_of_one_host() -> None:
    """Check that no other host may have erased what this journal lacks.

    Raises:
        CommandError: the journal is in files and the database is external.
    """
    url, state = os.environ.get("DATABASE_URL", ""), state_folder(os.environ)
    if (
        not url
        or urlsplit(url).path.startswith(f"/{QUARANTINE}")
        or secret_config(state).key_store is not StoreKind.FILES
    ):
        return
    raise CommandError(
        "The erasure journal and the keys of this deployment are in files of each host"
        " (THESELLER_KEY_STORE=files), and an external database may have several hosts: what"
        " another one erased is not known here. Nothing was changed.",
        f"Copy `erasures/` of every other host that ran a worker into {state}/erasures, then give"
        " --journal-complete; give it at once if there is no other host.",
    )
