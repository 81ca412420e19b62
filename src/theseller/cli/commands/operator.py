"""`theseller operator`: operators, and second factors of accounts.

Only this command can make an account an operator: no serving process may.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from uuid import UUID

from theseller.audit.command_line_action_file import command_line_operator
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import OK, CommandError
from theseller.lib import clock
from theseller.lib.secret_type import Secret

HELP = "add, remove and list operators; reset the second factors of an account"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions `add`, `remove`, `list`, `reset-factors` and `code`."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    add = actions.add_parser(
        "add",
        help="make an account an operator; it must set up a second factor at the next sign-in",
    )
    add.add_argument("email", help="email address of the account")
    add.add_argument(
        "--name", help="create the account if it does not exist; asks for an initial password"
    )
    remove = actions.add_parser("remove", help="revoke operator rights at once")
    remove.add_argument("email", help="email address of the account")
    listed = actions.add_parser("list", help="list operators and their second factors")
    listed.add_argument("--json", action="store_true", help="print one JSON document")
    reset = actions.add_parser(
        "reset-factors", help="remove all second factors of an account whose owner lost them"
    )
    reset.add_argument("email", help="email address of the account")
    code = actions.add_parser(
        "code", help="demo only: print the current code of the account's authenticator app"
    )
    code.add_argument("email", help="email address of the account")


def run(args: argparse.Namespace) -> int:
    """Run the action as the role that owns the tables.

    Raises:
        CommandError: there is no such account, or `code` is used outside a demo.
    """
    if args.action == "code" and os.environ.get("THESELLER_ENV", "demo") != "demo":
        raise CommandError(
            "Codes come from the person's own device.",
            "If it is lost: theseller operator reset-factors EMAIL.",
        )
    # The role that owns the tables: the web's role may not add an operator, even by SQL injection.
    setup_django("migrate")
    if args.action == "list":
        return _list(as_json=args.json)
    actions = {"add": _add, "remove": _remove, "reset-factors": _reset, "code": _code}
    return actions[args.action](args)


def _add(args: argparse.Namespace) -> int:
    from theseller.accounts.operations import add_operator, create_user
    from theseller.accounts.queries import person_by_email

    person = person_by_email(args.email)
    if person is None and args.name:
        person = create_user(
            email=args.email, name=args.name, password=_new_password(), at=clock.now()
        )
    made = add_operator(
        person=person or _person(args.email), actor=command_line_operator(), at=clock.now()
    )
    print(
        f"{args.email} is an operator now; /operate/ requires a second factor"
        if made
        else f"{args.email} is an operator already"
    )
    return OK


def _remove(args: argparse.Namespace) -> int:
    from theseller.accounts.operations import remove_operator

    removed = remove_operator(
        person=_person(args.email), actor=command_line_operator(), at=clock.now()
    )
    print(f"{args.email} is no longer an operator" if removed else f"{args.email} was no operator")
    if removed:
        print(
            "Rotate the secrets that they knew: theseller rotate --leaver NAME … (theseller rotate"
            " --list names them)"
        )
    return OK


def _reset(args: argparse.Namespace) -> int:
    from theseller.accounts.mfa.operations import remove_all_factors

    count = remove_all_factors(
        person=_person(args.email), actor=command_line_operator(), at=clock.now()
    )
    print(
        f"{count} second factor(s) removed; until {args.email} sets up a new one, their password"
        " alone is enough to sign in. They should set one up immediately."
    )
    return OK


def _code(args: argparse.Namespace) -> int:
    from theseller.accounts.mfa.demo_authenticator import code_now

    shown = code_now(_person(args.email), clock.now())
    if shown is None:
        raise CommandError(
            f"{args.email} has no authenticator app.", "Set one up on /account/security/."
        )
    print(shown)
    return OK


def _list(*, as_json: bool) -> int:
    from theseller.accounts.mfa.queries import own_factors
    from theseller.accounts.queries import operators

    found = operators()
    if as_json:
        document = [
            {
                "email": one.email,
                "name": one.name,
                "since": one.since.isoformat(),
                "granted_by": one.granted_by,
                "second_factors": [factor.name for factor in own_factors(one.person)],
            }
            for one in found
        ]
        print(json.dumps(document, indent=1))
        return OK
    for one in found:
        factors = (
            ", ".join(factor.name for factor in own_factors(one.person))
            or "NO second factor yet: can't come in"
        )
        print(f"{one.email:32} since {one.since:%Y-%m-%d}, by {one.granted_by}: {factors}")
    if not found:
        print("there is no operator: theseller operator add EMAIL")
    return OK


def _person(email: str) -> UUID:
    from theseller.accounts.queries import person_by_email

    person = person_by_email(email)
    if person is None:
        raise CommandError(
            f"There is no account with the address {email}.",
            'To create it: theseller operator add EMAIL --name "NAME".',
        )
    return person


def _new_password() -> Secret:
    from theseller.accounts.forms import PASSWORD_LENGTH_MIN

    terminal = sys.stdin.isatty()
    given = Secret(
        getpass.getpass("first password: ") if terminal else sys.stdin.readline().removesuffix("\n")
    )
    if len(given.reveal()) < PASSWORD_LENGTH_MIN:
        raise CommandError(
            f"A password has at least {PASSWORD_LENGTH_MIN} characters.",
            "Choose a longer one. Nothing was changed.",
        )
    if terminal and Secret(getpass.getpass("once more: ")) != given:
        raise CommandError("The two differ.", "Try again. Nothing was changed.")
    return given
