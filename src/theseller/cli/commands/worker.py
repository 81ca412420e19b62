"""`theseller worker`: runs the jobs. Start as many as you like; they share the queue."""

from __future__ import annotations

import argparse

from theseller.cli.django import setup_django

HELP = "run the jobs: imports, rollups, purges, checks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--concurrency", type=int, default=2, help="jobs at the same time (default 2)")


def run(args: argparse.Namespace) -> int:
    setup_django("worker")
    from django.core.management import call_command  # noqa: PLC0415  needs Django ready

    from theseller.tenancy.startup import refuse_bypassing_role  # noqa: PLC0415  needs Django ready

    refuse_bypassing_role()
    # A job that is cut off is taken up again by the reaper, so there is no use in waiting long for one.
    call_command(
        "procrastinate", "worker", "--concurrency", str(args.concurrency), "--fetch-job-polling-interval", "0.5",
        "--shutdown-graceful-timeout", "10",
    )  # fmt: skip
    return 0
