"""`theseller fail HOW`, through the product's own entry, for each HOW, with and without --debug.

One process for all: importing the product is most of the work of each.
"""

from __future__ import annotations

import argparse
import sys
from types import SimpleNamespace
from typing import Any

from tests.secret_leaks.failures import FAILURES
from tests.secret_leaks.planted_secrets import planted_secret

from theseller.cli import main as entry
from theseller.cli.django_setup import setup_django


def _run(args: argparse.Namespace) -> int:
    setup_django("worker")
    FAILURES[args.how](planted_secret("command"))
    return 0


def main() -> int:
    command: Any = SimpleNamespace(
        HELP="fail",
        add_arguments=lambda parser: parser.add_argument("how", choices=FAILURES),
        run=_run,
    )
    entry.discover = lambda *_named: {"fail": command}
    return max(
        entry.main([*options, "fail", how]) for how in sys.argv[1:] for options in ([], ["--debug"])
    )


if __name__ == "__main__":
    sys.exit(main())
