"""`theseller person`: invite and remove people, reset passwords.

Each link that it prints works once and without mail.
"""

from __future__ import annotations

import argparse
import json
from uuid import UUID

from theseller.audit.command_line_action_file import command_line_operator
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import OK, CommandError
from theseller.cli.one_time_link_output import print_link
from theseller.lib import clock

HELP = "invite a person to a shop, remove one from it, or reset a password"
_UNCHANGED = "Nothing was changed."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions `invite`, `remove` and `reset-password`."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    invite = actions.add_parser(
        "invite", help="print a one-time link, valid for 72 hours, with which a person joins a shop"
    )
    remove = actions.add_parser(
        "remove", help="remove a member from a shop and end their sessions there at once"
    )
    reset = actions.add_parser(
        "reset-password",
        help="print a one-time link, valid for 72 hours, to choose a new password",
    )
    for one in (invite, remove, reset):
        one.add_argument("email", help="email address of the person")
        one.add_argument("--json", action="store_true", help="print one JSON document")
    for one in (invite, remove):
        one.add_argument(
            "--shop", required=True, metavar="ID", help="the shop ID: theseller shop list"
        )
    invite.add_argument(
        "--role",
        required=True,
        choices=["owner", "analyst", "accountant", "viewer"],
        help="what the person may do in the shop",
    )


def run(args: argparse.Namespace) -> int:
    """Run the action.

    Raises:
        CommandError: it was refused.
    """
    shop = _shop(args.shop) if args.action != "reset-password" else None
    # The web's role: it may do exactly what the pages for operators may.
    setup_django("web")
    from theseller.accounts.members.types import MembershipRefusedError

    try:
        if shop is None:
            return _reset(args)
        return _invite(args, shop) if args.action == "invite" else _remove(args, shop)
    except MembershipRefusedError as refusal:
        raise CommandError(str(refusal), _UNCHANGED) from None


def _invite(args: argparse.Namespace, shop: UUID) -> int:
    from theseller.accounts.members.operations import invite
    from theseller.accounts.types import MemberRole

    link = invite(
        email=args.email,
        role=MemberRole(args.role),
        tenant=shop,
        actor=command_line_operator(),
        at=clock.now(),
    )
    document = {"shop": str(shop), "email": args.email, "role": args.role}
    print_link(
        link,
        f"{args.email} joins shop {shop} with this link, as {args.role}",
        document if args.json else None,
    )
    return OK


def _remove(args: argparse.Namespace, shop: UUID) -> int:
    from theseller.accounts.members.operations import remove_member

    remove_member(
        person=_person(args.email), tenant=shop, actor=command_line_operator(), at=clock.now()
    )
    print(
        json.dumps({"shop": str(shop), "email": args.email, "removed": True}, indent=1)
        if args.json
        else f"{args.email} is no longer a member of shop {shop}; their sessions there ended"
    )
    return OK


def _reset(args: argparse.Namespace) -> int:
    from theseller.accounts.password_reset.operations import make_password_link

    link = make_password_link(
        person=_person(args.email), actor=command_line_operator(), at=clock.now()
    )
    if link is None:
        raise CommandError("This account is being deleted.", _UNCHANGED)
    print_link(
        link,
        f"{args.email} chooses a new password with this link; the current one stays valid until"
        " then",
        {"email": args.email} if args.json else None,
    )
    return OK


def _person(email: str) -> UUID:
    from theseller.accounts.queries import person_by_email

    person = person_by_email(email)
    if person is None:
        raise CommandError(f"There is no account with the address {email}.", _UNCHANGED)
    return person


def _shop(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(
            f"{text!r} is no shop ID.", "An ID has 36 characters: theseller shop list."
        ) from None
