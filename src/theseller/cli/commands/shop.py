"""`theseller shop`: add shops and list them.

A new shop has no member. Its first owner joins it with the one-time link that `add` prints.
"""

from __future__ import annotations

import argparse
import json

from theseller.audit.command_line_action_file import command_line_operator
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import OK, CommandError
from theseller.cli.one_time_link_output import print_link
from theseller.lib import clock

HELP = "add a shop with a one-time link for its first owner; list shops"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions `add` and `list`."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(
        "add", help="add a shop and print a one-time link, valid for 72 hours, for its owner"
    )
    add.add_argument("name", help="name of the shop, as its members see it")
    add.add_argument(
        "--owner", required=True, metavar="EMAIL", help="email address of the first owner"
    )
    listed = actions.add_parser(
        "list", help="list shops with IDs, and numbers of members, invitations and connections"
    )
    for one in (add, listed):
        one.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Run the action.

    Raises:
        CommandError: the shop's name or the address can't be used.
    """
    # The web's role: it may do exactly what the pages for operators may.
    setup_django("web")
    return _list(as_json=args.json) if args.action == "list" else _add(args)


def _add(args: argparse.Namespace) -> int:
    from theseller.accounts.members.operations import add_shop
    from theseller.accounts.members.types import MembershipRefusedError

    try:
        shop = add_shop(
            name=args.name, owner=args.owner, actor=command_line_operator(), at=clock.now()
        )
    except MembershipRefusedError as refusal:
        raise CommandError(str(refusal), "Nothing was changed.") from None
    document = {"shop": str(shop.tenant), "owner": args.owner}
    print_link(
        shop.link,
        f"shop {shop.tenant} was added; {args.owner} becomes its owner with this link",
        document if args.json else None,
    )
    return OK


def _list(*, as_json: bool) -> int:
    from theseller.accounts.members.queries import shops

    found = shops(at=clock.now())
    if as_json:
        document = [
            {
                "shop": str(one.tenant),
                "name": one.name,
                "created_at": one.created_at.isoformat(),
                "members": one.members,
                "owners": one.owners,
                "invitations": one.invitations,
                "connections": one.connections,
                "being_deleted": one.being_deleted,
            }
            for one in found
        ]
        print(json.dumps(document, indent=1))
        return OK
    for one in found:
        note = ", being deleted" if one.being_deleted else "" if one.owners else ", NO owner yet"
        print(
            f"{one.tenant}  {one.name}: {one.members} member(s), {one.invitations} invitation(s),"
            f" {one.connections} open connection(s){note}"
        )
    if not found:
        print('there is no shop: theseller shop add "NAME" --owner EMAIL')
    return OK
