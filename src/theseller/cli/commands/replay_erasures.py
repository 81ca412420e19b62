"""`theseller replay-erasures`: a step of `restore` and of each drill. Harmless on a database that runs: there is nothing to do again."""

from __future__ import annotations

import argparse

from theseller.cli.django import setup_django
from theseller.cli.errors import OK, CommandError
from theseller.lib import clock

HELP = "do again what was erased since a backup (restore does it by itself)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(_args: argparse.Namespace) -> int:
    setup_django("worker")
    from theseller.retention.replay import ResurrectedError, let_go_of_dead_tokens, replay_erasures  # noqa: PLC0415  needs Django ready

    try:
        again = replay_erasures(at=clock.now())
    except ResurrectedError as error:
        raise CommandError(str(error)) from None
    print(f"{again} connections ended again")
    print(f"{let_go_of_dead_tokens(at=clock.now())} connections have to be authorised again")
    return OK
