"""`theseller deletion-request`: record that Amazon asks for the deletion of a seller's data, and see how far each request is."""

from __future__ import annotations

import argparse
import getpass
import re
from datetime import UTC, datetime

from theseller.cli.django import setup_django
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.lib import clock

HELP = "record a deletion that Amazon asks for (it begins at once), or list all requests with their clocks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="record a request and end every connection of the seller; run it again after a failure")
    add.add_argument("--seller", required=True, metavar="ID", help="the seller id in Amazon's message")
    add.add_argument(
        "--from", dest="origin", choices=["amazon"], required=True, help="who asks; what a seller asks for is recorded by itself"
    )
    add.add_argument("--case", required=True, metavar="NUMBER", help="Amazon's number of the case")
    add.add_argument("--received-at", required=True, metavar="TIME", help="when the message came: 2026-11-20 or 2026-11-20T14:05Z")
    actions.add_parser("list", help="list the requests, newest first; fails if one is past its 30 days")


def run(args: argparse.Namespace) -> int:
    received_at = _moment(args.received_at) if args.action == "add" else None
    setup_django("worker")
    return _list() if received_at is None else _add(args, received_at)


def _add(args: argparse.Namespace, received_at: datetime) -> int:
    from theseller.governance.deletion_requests.operations import record_amazon_request  # noqa: PLC0415  needs Django ready
    from theseller.governance.deletion_requests.types import RequestRefusedError  # noqa: PLC0415  needs Django ready

    try:
        done = record_amazon_request(seller=args.seller, reference=args.case, received_at=received_at, actor=_operator(), at=clock.now())
    except RequestRefusedError as refusal:
        raise CommandError(str(refusal), "Nothing was recorded and nothing has ended.") from None
    for one in done:
        known = "" if one.first else " (it was recorded before)"
        print(f"shop {one.tenant}: request {one.request}{known}, {one.ended} connection(s) ended now; the erasure follows by itself")
    return OK


def _list() -> int:
    from theseller.governance.deletion_requests.queries import all_requests  # noqa: PLC0415  needs Django ready

    at, late = clock.now(), 0
    found = all_requests()
    for one in found:
        late += one.overdue(at)
        until = (
            f"due {one.due_at:%Y-%m-%d}{' LATE' if one.overdue(at) else ''}"
            if one.closed_at is None
            else f"closed {one.closed_at:%Y-%m-%d}"
        )
        print(
            f"{one.received_at:%Y-%m-%d}  {one.origin.value:21} {one.state.value:10} {until:21} shop {one.tenant} {one.reference}".rstrip()
        )
    if not found:
        print("no request yet")
    return FAILURE if late else OK


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no time.", "Write it as 2026-11-20 or 2026-11-20T14:05Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _operator() -> str:
    return "operator:" + (re.sub(r"[^A-Za-z0-9_-]", "_", getpass.getuser())[:64] or "unknown")
