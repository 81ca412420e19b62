"""`theseller mail`: send a test mail, list the outbox, record bounces."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING
from uuid import UUID

from theseller.audit.command_line_action_file import command_line_operator
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.lib import clock

if TYPE_CHECKING:
    from theseller.mail.types import OutboxEntry

HELP = "send a test mail; list queued and sent mail; record addresses that bounced"
#: How long `test` waits for the receipt, in seconds: a conversation may take three minutes.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 240, 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare `test`, `list`, `retry`, `refused`, `bounced` and `allow`."""
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    test = actions.add_parser(
        "test", help="send a test mail and print the server's reply; exits with 1 if it is not sent"
    )
    test.add_argument("address", help="address of a member, an operator or a configured authority")
    shown = actions.add_parser(
        "list", help="list mail, the newest first, with the server's replies"
    )
    chosen = shown.add_mutually_exclusive_group()
    chosen.add_argument("--queued", action="store_true", help="only mail that is not sent yet")
    chosen.add_argument("--failed", action="store_true", help="only mail that was not delivered")
    retry = actions.add_parser(
        "retry",
        help="send a message again: a queued one now, a failed one if it has no one-time link",
    )
    retry.add_argument("message", help="ID of the message, as shown by `list`")
    refused = actions.add_parser("refused", help="list addresses that get no mail")
    for one in (shown, refused):
        one.add_argument("--json", action="store_true", help="print one JSON document")
    bounced = actions.add_parser("bounced", help="record that mail to an address came back")
    bounced.add_argument("--reason", required=True, help="what the bounce says, for operators")
    allow = actions.add_parser("allow", help="let a refused address get mail again")
    for one in (bounced, allow):
        one.add_argument("address", help="the mail address")


def run(args: argparse.Namespace) -> int:
    """Run the action as the worker's role."""
    setup_django("worker")
    actions = {
        "test": _test, "list": _list, "retry": _retry,
        "refused": _refused, "bounced": _bounced, "allow": _allow,
    }  # fmt: skip
    return actions[args.action](args)


def _test(args: argparse.Namespace) -> int:
    from theseller.mail.delivery import deliver_due
    from theseller.mail.operations import queue_test_mail
    from theseller.mail.queries import outbox_entry
    from theseller.mail.types import MessageState

    at = clock.now()
    queued = queue_test_mail(recipient=args.address, actor=command_line_operator(), at=at)
    if queued.id is None:
        raise CommandError(
            f"Nothing was sent: {queued.reason or 'this deployment has no mail server'}.",
            "Mail goes to members, operators and addresses of THESELLER_MAIL_AUTHORITIES; the"
            " server is THESELLER_MAIL_URL (docs/operate/mail.md).",
        )
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        deliver_due(now=clock.now)  # The worker may be delivering; then we wait for its receipt.
        entry = outbox_entry(queued.id)
        waits = entry is not None and (
            entry.state is MessageState.SENDING
            or (entry.state is MessageState.QUEUED and not entry.attempts)
        )
        if not waits or time.monotonic() > until:
            break
        time.sleep(_PAUSE_SECONDS)
    if entry is None:
        raise CommandError("The message is not stored any more.", "Try again.")
    print(_line(entry))
    if entry.state is MessageState.SENT:
        return OK
    print("It was not sent. docs/operate/mail.md says what the replies mean.")
    return FAILURE


def _list(args: argparse.Namespace) -> int:
    from theseller.mail.queries import outbox

    found = outbox(unfinished=args.queued, failed=args.failed)
    if args.json:
        document = [
            {
                "id": str(one.id),
                "kind": one.kind,
                "recipient": one.recipient,
                "state": one.state.value,
                "queued_at": one.queued_at.isoformat(),
                "attempts": one.attempts,
                "next_attempt_at": None if one.finished_at else one.next_attempt_at.isoformat(),
                "finished_at": one.finished_at.isoformat() if one.finished_at else None,
                "message_id": one.message_id,
                "reply_code": one.code,
                "reply": one.reply,
                "reason": one.reason,
                "unknown_attempts": one.unknown_attempts,
            }
            for one in found
        ]
        print(json.dumps(document, indent=1))
        return OK
    for one in found:
        print(_line(one))
    if not found:
        print("no mail")
    return OK


def _retry(args: argparse.Namespace) -> int:
    from theseller.mail.operations import send_again

    try:
        message = UUID(args.message)
    except ValueError:
        raise CommandError(
            f"{args.message!r} is no ID of a message.", "`theseller mail list` shows the IDs."
        ) from None
    if not send_again(message=message, actor=command_line_operator(), at=clock.now()):
        raise CommandError(
            "No message with this ID can be sent again.",
            "A sent message can't be, nor one with a one-time link whose delivery ended: the person"
            " requests a new link.",
        )
    print("the worker tries it within seconds")
    return OK


def _refused(args: argparse.Namespace) -> int:
    from theseller.mail.queries import refused_addresses

    found = refused_addresses()
    if args.json:
        document = [
            {
                "address": one.address,
                "refused_at": one.refused_at.isoformat(),
                "reason": one.reason,
            }
            for one in found
        ]
        print(json.dumps(document, indent=1))
        return OK
    for one in found:
        print(f"{one.address:40} since {one.refused_at:%Y-%m-%d %H:%M} UTC: {one.reason}")
    if not found:
        print("no address is refused")
    return OK


def _bounced(args: argparse.Namespace) -> int:
    from theseller.mail.operations import refuse_address
    from theseller.mail.recipient_address_checks import AddressRefusedError

    try:
        refuse_address(
            address=args.address,
            reason=args.reason,
            actor=command_line_operator(),
            at=clock.now(),
        )
    except AddressRefusedError as error:
        raise CommandError(f"It was not recorded: {error}.", "Check the address.") from None
    print("recorded: the address gets no mail until `theseller mail allow`")
    return OK


def _allow(args: argparse.Namespace) -> int:
    from theseller.mail.operations import allow_address
    from theseller.mail.recipient_address_checks import AddressRefusedError

    try:
        allowed = allow_address(address=args.address, actor=command_line_operator(), at=clock.now())
    except AddressRefusedError as error:
        raise CommandError(f"Nothing was changed: {error}.", "Check the address.") from None
    print("the address may get mail again" if allowed else "the address was not refused")
    return OK


def _line(one: OutboxEntry) -> str:
    receipt = f"{one.code or ''} {one.reply}".strip()
    unknown = (
        f"; {one.unknown_attempts} attempt(s) without an answer, so it may have arrived more than"
        " once"
        if one.unknown_attempts
        else ""
    )
    return (
        f"{one.id} {one.queued_at:%Y-%m-%d %H:%M} {one.kind:16} {one.state.value:8}"
        f" {one.recipient} {one.message_id}: {receipt or one.reason or 'no attempt yet'}{unknown}"
    )
