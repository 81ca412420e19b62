"""`theseller deletion-request`: record and list deletion requests.

Amazon can request the deletion of a seller's data.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from theseller.audit.command_line_action_file import command_line_operator
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.lib import clock

if TYPE_CHECKING:
    from theseller.erasure.failure_records import FailedErasure
    from theseller.privacy.deletion_requests.types import DeletionRequest

HELP = "record a deletion request from Amazon, or list all deletion requests with due dates"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions `add` and `list`."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(
        "add",
        help="record a request and disconnect the seller at once; run it again after a failure",
    )
    add.add_argument(
        "--seller", required=True, metavar="ID", help="the seller ID in Amazon's message"
    )
    add.add_argument(
        "--from",
        dest="origin",
        choices=["amazon"],
        required=True,
        help="who requests the deletion (requests of sellers are recorded automatically)",
    )
    add.add_argument("--case", required=True, metavar="NUMBER", help="Amazon's case number")
    add.add_argument(
        "--received-at",
        required=True,
        metavar="TIME",
        help="when the message was received: 2026-11-20 or 2026-11-20T14:05Z",
    )
    listed = actions.add_parser(
        "list", help="list requests, newest first; exits with 1 if one is past its 30 days"
    )
    for one in (add, listed):
        one.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Run the action; `list` returns 1 if a request is overdue."""
    received_at = _moment(args.received_at) if args.action == "add" else None
    setup_django("worker")
    return _list(as_json=args.json) if received_at is None else _add(args, received_at)


def _add(args: argparse.Namespace, received_at: datetime) -> int:
    from theseller.privacy.deletion_requests.operations import record_amazon_request
    from theseller.privacy.deletion_requests.types import DeletionRequestRefusedError

    try:
        done = record_amazon_request(
            seller=args.seller,
            reference=args.case,
            received_at=received_at,
            actor=command_line_operator(),
            at=clock.now(),
        )
    except DeletionRequestRefusedError as refusal:
        raise CommandError(
            str(refusal), "Nothing was recorded, and no connection was closed."
        ) from None
    if args.json:
        document = [
            {
                "shop": str(one.tenant),
                "request": str(one.request),
                "recorded_before": not one.first,
                "connections_ended": one.ended,
            }
            for one in done
        ]
        print(json.dumps(document, indent=1))
        return OK
    for one in done:
        known = "" if one.first else " (already recorded)"
        print(
            f"shop {one.tenant}: request {one.request}{known}, {one.ended} connection(s) closed"
            " now; erasure follows automatically"
        )
    return OK


def _list(*, as_json: bool) -> int:
    from theseller.erasure.failure_records import failed_erasures
    from theseller.privacy.deletion_requests.queries import all_requests

    at = clock.now()
    found = all_requests()
    late = any(one.overdue(at) for one in found)
    failing = failed_erasures()
    if as_json:
        document = {
            "requests": [_document(one, at) for one in found],
            "failing": [_failing(one) for one in failing],
        }
        print(json.dumps(document, indent=1))
        return FAILURE if late else OK
    for one in found:
        until = (
            f"due {one.due_at:%Y-%m-%d}{' LATE' if one.overdue(at) else ''}"
            if one.closed_at is None
            else f"closed {one.closed_at:%Y-%m-%d}"
        )
        print(
            f"{one.received_at:%Y-%m-%d}  {one.origin.value:21} {one.state.value:10} {until:21}"
            f" shop {one.tenant} {one.reference}".rstrip()
        )
    if not found:
        print("no request yet")
    for failure in failing:
        print(
            f"FAILED {failure.failures} time(s) since {failure.first_at:%Y-%m-%d %H:%M}, next try"
            f" {failure.retry_at:%H:%M:%S} UTC: {failure.kind.value} {failure.subject}:"
            f" {failure.reason}"
        )
    return FAILURE if late else OK


def _document(one: DeletionRequest, at: datetime) -> dict[str, object]:
    return {
        "request": str(one.id),
        "shop": str(one.tenant),
        "origin": one.origin.value,
        "reference": one.reference,
        "connections": [str(connection) for connection in one.connections],
        "ends_shop": one.ends_shop,
        "received_at": one.received_at.isoformat(),
        "recorded_at": one.recorded_at.isoformat(),
        "recorded_by": one.recorder,
        "state": one.state.value,
        "due_at": one.due_at.isoformat(),
        "overdue": one.overdue(at),
        "closed_at": one.closed_at.isoformat() if one.closed_at else None,
    }


def _failing(one: FailedErasure) -> dict[str, object]:
    return {
        "kind": one.kind.value,
        "number": str(one.subject),
        "failures": one.failures,
        "first_at": one.first_at.isoformat(),
        "last_at": one.last_at.isoformat(),
        "retry_at": one.retry_at.isoformat(),
        "reason": one.reason,
    }


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{text!r} is no time.", "Write it as 2026-11-20 or 2026-11-20T14:05Z."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
