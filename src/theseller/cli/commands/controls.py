"""`theseller controls`: show the controls of the security page.

With `--now` the worker runs every probe first.
"""

from __future__ import annotations

import argparse
import json
import time

from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.lib import clock

HELP = "list the security controls with their latest evidence"
#: How long nothing may change while the worker runs the probes.
_PATIENCE_SECONDS = 300.0
_STEP_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--now` and `--json`."""
    parser.add_argument(
        "--now",
        action="store_true",
        help="have the worker run all probes first, and wait for the results",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the document of /security/page.json"
    )


def run(args: argparse.Namespace) -> int:
    """Print the page. Return 1 if a control is broken, else 0."""
    setup_django("worker")
    from theseller.controls.security_page_data import as_json_document, security_page
    from theseller.controls.types import Status

    if args.now:
        _run_all()
    shown = security_page(clock.now(), using="probe")
    if args.json:
        print(json.dumps(as_json_document(shown), indent=1))
    else:
        for one in shown.controls:
            if one.has_probe:
                print(f"{one.outcome.value:14} {one.id:24} {one.evidence} {one.note}".rstrip())
    return FAILURE if shown.count(Status.FAILED) else OK


def _run_all() -> None:
    """Have the worker run every probe, and wait for the results.

    Raises:
        CommandError: no result arrived in time; it says which is missing.
    """
    from theseller.controls.probe_run_requests import request_run, run_progress

    request = request_run()
    before, changed = run_progress(request), time.monotonic()
    while not before.ended:
        if time.monotonic() - changed > _PATIENCE_SECONDS:
            raise CommandError(*before.waiting_for)
        time.sleep(_STEP_SECONDS)
        now = run_progress(request)
        if now.missing != before.missing:
            changed = time.monotonic()
        before = now
    if before.missing:
        raise CommandError(*before.waiting_for)
