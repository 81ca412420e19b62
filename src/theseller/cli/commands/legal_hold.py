"""`theseller legal-hold`: place, list and lift legal holds.

A hold keeps a shop's facts beyond 18 months for a reason that its owner can read, for at most a
year.
"""

from __future__ import annotations

import argparse
import getpass
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from theseller.cli.django_setup import setup_django
from theseller.cli.errors import OK, CommandError
from theseller.lib import clock

if TYPE_CHECKING:
    from theseller.retention.legal_holds import Hold

HELP = "place, list and lift legal holds, which keep a shop's data beyond 18 months"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions `add`, `list` and `lift`."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(
        "add", help="place a hold; it does not apply to data of disconnected connections"
    )
    add.add_argument(
        "--reason",
        required=True,
        help="the legal obligation, at least 20 characters; the shop's owner can read it",
    )
    add.add_argument(
        "--until",
        required=True,
        metavar="DAY",
        help="last day of the hold, at most one year ahead: 2027-03-31",
    )
    shown = actions.add_parser("list", help="list the legal holds of a shop")
    lift = actions.add_parser("lift", help="lift a hold now")
    lift.add_argument("hold", help="ID of the hold, as shown by `list`")
    for one in (add, shown, lift):
        one.add_argument(
            "--shop",
            required=True,
            metavar="ID",
            help="the shop ID, shown on the shop's page Support access log",
        )
        one.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Run the action and print the holds.

    Raises:
        CommandError: the hold was refused.
    """
    shop = _id(args.shop, "shop ID")
    setup_django("worker")
    from theseller.retention.legal_holds import (
        HoldRefusedError,
        holds_of_tenant,
        lift_hold,
        place_hold,
    )
    from theseller.tenancy.tenant_scope import tenant_scope

    at = clock.now()
    if args.action == "add":
        try:
            placed = place_hold(
                tenant=shop, reason=args.reason, until=_day(args.until), actor=_operator(), at=at
            )
        except HoldRefusedError as refusal:
            raise CommandError(str(refusal), "Nothing was changed.") from None
        print(
            json.dumps(_document(placed, at), indent=1)
            if args.json
            else f"hold {placed.id} is active until {placed.until:%Y-%m-%d}"
        )
    elif args.action == "lift":
        lifted = lift_hold(tenant=shop, hold=_id(args.hold, "hold's id"), actor=_operator(), at=at)
        said = (
            "lifted: data older than 18 months is deleted within the hour"
            if lifted
            else "there is no such hold, or it is already lifted"
        )
        print(json.dumps({"hold": args.hold, "lifted": lifted}, indent=1) if args.json else said)
    else:
        with tenant_scope(shop):
            found = holds_of_tenant()
        if args.json:
            print(json.dumps([_document(one, at) for one in found], indent=1))
            return OK
        for one in found:
            print(
                f"{one.id}  {'active' if one.is_active(at) else 'ended'}, until"
                f" {one.until:%Y-%m-%d}, by {one.placed_by}: {one.reason}"
            )
        if not found:
            print("no hold")
    return OK


def _document(one: Hold, at: datetime) -> dict[str, object]:
    return {
        "hold": str(one.id),
        "shop": str(one.tenant),
        "active": one.is_active(at),
        "placed_at": one.placed_at.isoformat(),
        "placed_by": one.placed_by,
        "until": one.until.isoformat(),
        "lifted_at": one.lifted_at.isoformat() if one.lifted_at else None,
        "reason": one.reason,
    }


def _id(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(f"{text!r} is no {what}.", "An ID has 36 characters.") from None


def _day(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise CommandError(f"{text!r} is no day.", "Write it as 2027-03-31.") from None


def _operator() -> str:
    return "operator:" + (re.sub(r"[^A-Za-z0-9_-]", "_", getpass.getuser())[:64] or "unknown")
