"""`theseller controls`: what the security page shows, on the command line; with `--now`, after the worker ran every probe again."""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from datetime import datetime, timedelta

from theseller.cli.django import setup_django
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.lib import clock

HELP = "show every control with its newest evidence; --now has the worker run all probes first"
#: How long the worker may take for all probes.
_PATIENCE = timedelta(minutes=5)
_STEP_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--now", action="store_true", help="have the running worker run every probe, and wait for it")
    parser.add_argument("--json", action="store_true", help="the document that /security/page.json answers")


def run(args: argparse.Namespace) -> int:
    """Print the page. Return 1 if a control is broken, else 0."""
    setup_django("worker")
    from theseller.controls.page import as_document, board  # noqa: PLC0415  needs Django ready
    from theseller.controls.types import Status  # noqa: PLC0415  needs Django ready

    if args.now:
        _run_all()
    shown = board(clock.now(), using="probe")
    if args.json:
        print(json.dumps(as_document(shown), indent=1))
    else:
        for one in shown.shown:
            if one.built:
                print(f"{one.outcome.value:14} {one.id:24} {one.evidence} {one.note}".rstrip())
    return FAILURE if shown.count(Status.BROKEN) else OK


def _run_all() -> None:
    from procrastinate.exceptions import AlreadyEnqueued  # noqa: PLC0415  needs Django ready

    from theseller.controls.tasks import run_all_controls  # noqa: PLC0415  needs Django ready

    asked = clock.now()
    with contextlib.suppress(AlreadyEnqueued):  # Another operator asked; that run serves us too.
        run_all_controls.defer()
    while not _all_since(asked):
        if clock.now() - asked > _PATIENCE:
            raise CommandError("The worker has not run every probe.", "Is it running? Its log says what it does.")
        time.sleep(_STEP_SECONDS)


def _all_since(asked: datetime) -> bool:
    from theseller.controls.catalogue import CATALOGUE  # noqa: PLC0415  needs Django ready
    from theseller.controls.queries import latest_evidence  # noqa: PLC0415  needs Django ready

    newest = latest_evidence(list(CATALOGUE), using="probe")
    return all(name in newest and newest[name].collected_at >= asked for name in CATALOGUE)
