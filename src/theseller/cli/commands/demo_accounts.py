"""`theseller demo-accounts`: create the users and shops of the demo.

Idempotent. The demo runs it.
"""

from __future__ import annotations

import argparse
import json
import os

from theseller.cli.django_setup import setup_django
from theseller.cli.errors import CommandError
from theseller.lib import clock

HELP = "create the demo's accounts and shops (only in a demo or test)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `--json`."""
    parser.add_argument("--json", action="store_true", help="print the accounts as JSON")


def run(args: argparse.Namespace) -> int:
    """Create the demo's users and print them.

    Raises:
        CommandError: this is a production deployment.
    """
    if os.environ.get("THESELLER_ENV", "demo") == "production":
        raise CommandError(
            "Accounts with known passwords are not allowed in production.",
            'Add a shop and its owner: theseller shop add "NAME" --owner EMAIL.',
        )
    setup_django("web")
    from theseller.config.demo_users import seed_demo

    people = [
        {
            "name": one.name,
            "email": one.email,
            "password": one.password,
            "note": one.note,
            "app": one.app,
        }
        for one in seed_demo(at=clock.now())
    ]
    if args.json:
        print(json.dumps(people))
    else:
        for person in people:
            print(f"{person['email']:24} {person['password']:44} {person['note']}")
    return 0
