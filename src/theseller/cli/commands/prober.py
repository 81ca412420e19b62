"""`theseller prober`: test a public address from another machine.

`key` and `run` are for that machine; `add`, `remove` and `list` for the deployment.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from theseller.audit.command_line_action_file import command_line_operator
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import OK, USAGE, CommandError
from theseller.lib import clock

HELP = "test a deployment's public address from another machine, and register such probers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions `key`, `run`, `add`, `remove` and `list`."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    key = actions.add_parser(
        "key", help="on the prober's machine: make a signing key and print its public key"
    )
    run_ = actions.add_parser(
        "run", help="on the prober's machine: test the address once and send a signed report"
    )
    add = actions.add_parser("add", help="on the deployment: register a prober")
    remove = actions.add_parser(
        "remove", help="on the deployment: remove a prober, with its reports"
    )
    listed = actions.add_parser("list", help="on the deployment: list registered probers")
    key.add_argument("file", type=Path, help="new file for the key")
    run_.add_argument("url", help="the deployment's THESELLER_PUBLIC_URL")
    run_.add_argument("name", help="the prober's registered name")
    run_.add_argument("file", type=Path, help="file of the key")
    run_.add_argument(
        "--http-port", type=int, default=80, help="port for plain HTTP (default: %(default)s)"
    )
    for one in (add, remove):
        one.add_argument("name", help="lower-case letters, digits and hyphens, at most 40")
    add.add_argument("public_key", help="what `theseller prober key` printed")
    for one in (key, run_, listed):
        one.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Run the action.

    Raises:
        CommandError: it was refused.
    """
    actions = {"key": _key, "run": _run, "add": _add, "remove": _remove, "list": _list}
    return actions[args.action](args)


def _key(args: argparse.Namespace) -> int:
    from theseller.cli.outside_prober.prober_key import make_key

    public = make_key(args.file).public_bytes.hex()
    print(json.dumps({"file": str(args.file), "public_key": public}) if args.json else public)
    return OK


def _run(args: argparse.Namespace) -> int:
    import msgspec

    from theseller.cli.outside_prober.prober_key import read_key
    from theseller.cli.outside_prober.prober_run import run_once
    from theseller.cli.outside_prober.target_connection import Target

    report = run_once(Target(args.url.rstrip("/"), args.http_port), args.name, read_key(args.file))
    if args.json:
        print(json.dumps(msgspec.to_builtins(report), indent=1))
    else:
        print(f"{args.url} accepted the report of {report.measured_at}; its controls judge it")
    return OK


def _add(args: argparse.Namespace) -> int:
    public_key = _public_key(args.public_key)
    # The role that owns the tables: no serving process may add a prober.
    setup_django("migrate")
    from theseller.controls.prober_reports.operations import add_prober
    from theseller.controls.prober_reports.types import ProberRefusedError

    try:
        add_prober(
            name=args.name, public_key=public_key, actor=command_line_operator(), at=clock.now()
        )
    except ProberRefusedError as refusal:
        raise CommandError(str(refusal), "Nothing was changed.") from None
    print(f"prober {args.name} is registered; theseller prober list shows when it reports")
    return OK


def _remove(args: argparse.Namespace) -> int:
    setup_django("migrate")
    from theseller.controls.prober_reports.operations import remove_prober

    if not remove_prober(name=args.name, actor=command_line_operator(), at=clock.now()):
        raise CommandError(
            f"There is no prober {args.name}.", "The names are shown by: theseller prober list"
        )
    print(f"prober {args.name} is removed")
    return OK


def _list(args: argparse.Namespace) -> int:
    setup_django("migrate")
    from theseller.controls.prober_reports.queries import probers

    found = probers()
    if args.json:
        document = [
            {
                "name": one.name,
                "public_key": one.public_key.hex(),
                "added_at": one.added_at.isoformat(),
                "last_report_at": one.last_report_at.isoformat() if one.last_report_at else None,
            }
            for one in found
        ]
        print(json.dumps(document, indent=1))
        return OK
    for one in found:
        reported = (
            f"last report {one.last_report_at.isoformat(timespec='seconds')}"
            if one.last_report_at
            else "NO report yet"
        )
        print(f"{one.name}  {one.public_key.hex()}  {reported}")
    if not found:
        print("there is no prober: theseller prober add NAME PUBLIC_KEY")
    return OK


def _public_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise CommandError(
            "This is no public key.",
            "It has 64 hexadecimal digits: theseller prober key FILE prints it.",
            status=USAGE,
        )
    return key
