"""`theseller worker`: runs the jobs. Start as many as you like; they share the queue."""

from __future__ import annotations

import argparse
import os

from theseller.cli.django import setup_django
from theseller.config.memory import apply_memory_limit
from theseller.lib.egress import confine

HELP = "run the jobs: pulls, imports, rollups, purges, checks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--concurrency", type=_positive, default=4, help="jobs at the same time (default 4)")


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError("choose 1 to 64")
    return number


def run(args: argparse.Namespace) -> int:
    setup_django("worker")
    from django.conf import settings  # noqa: PLC0415  needs Django ready

    from theseller.config.working import work  # noqa: PLC0415  needs Django ready
    from theseller.tenancy.startup import refuse_unsafe_database  # noqa: PLC0415  needs Django ready

    confine(settings.EGRESS)
    apply_memory_limit(os.environ)
    refuse_unsafe_database()
    return work(concurrency=args.concurrency, check=refuse_unsafe_database)
