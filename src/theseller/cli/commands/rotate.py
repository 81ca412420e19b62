"""`theseller rotate`: list secrets with their age, and rotate them.

The service keeps running.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from theseller.audit.command_line_action_file import (
    command_line_operator,
    record_command_line_action,
)
from theseller.audit.event_types import Tag
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK, USAGE, CommandError
from theseller.cli.state_folders import state_folder
from theseller.crypto.private_files import read_private
from theseller.lib import clock
from theseller.lib.secret_type import Secret

if TYPE_CHECKING:
    from theseller.key_rotation.types import (
        RotationContext,
        RotationReason,
        RotationResult,
        SecretEntry,
    )

HELP = "list secrets with their age, or rotate them while the service runs"
_SECRET_BYTES_MAX = 4096
_CLIENT_SECRET = "lwa-client-secret"  # a name  # noqa: S105


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the secrets, the reason, and how to rotate."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="secrets to rotate, as named by --list"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--list",
        action="store_true",
        help="list all secrets with their age; exits with 1 if one is overdue or of unknown age",
    )
    which.add_argument(
        "--due", action="store_true", help="rotate what is due, and resume interrupted rotations"
    )
    which.add_argument(
        "--all", action="store_true", help="rotate every secret that can be rotated automatically"
    )
    which.add_argument(
        "--leaked",
        action="store_true",
        help="these secrets have leaked: reject the old values at once",
    )
    which.add_argument(
        "--leaver",
        action="store_true",
        help="a person who knew these secrets has left: rotate them now",
    )
    which.add_argument(
        "--created-on",
        metavar="DATE",
        type=_day,
        help="the day on which these secrets were created outside TheSeller: 2026-11-23",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be done without changing anything"
    )
    parser.add_argument("--json", action="store_true", help="with --list: print one JSON document")
    parser.add_argument(
        "--new-from-file",
        type=Path,
        metavar="FILE",
        help=f"read the new {_CLIENT_SECRET} from this file (mode 0600)",
    )


def run(args: argparse.Namespace) -> int:
    """List or rotate secrets; return 1 if one is overdue or not rotated.

    Raises:
        CommandError: the arguments do not fit each other, or a rotation failed.
    """
    everything = args.list or args.due or args.all
    if everything == bool(args.names):
        raise CommandError(
            "Say which secrets.",
            "Name them, or use --list, --due or --all. `theseller rotate --list` names all.",
            status=USAGE,
        )
    if args.new_from_file and args.names != [_CLIENT_SECRET]:
        raise CommandError(
            f"--new-from-file is for {_CLIENT_SECRET} alone.",
            "All other secrets are created automatically.",
            status=USAGE,
        )
    setup_django("worker")
    from theseller.key_rotation.types import RotationError

    try:
        return _list(as_json=args.json) if args.list else _change(args)
    except RotationError as error:
        raise CommandError(str(error)) from None


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError("write the day as 2026-11-23") from None


def _list(*, as_json: bool) -> int:
    from theseller.key_rotation.secret_inventory import inventory

    at = clock.now()
    entries = inventory(at=at)
    if as_json:
        print(
            json.dumps(
                {"at": at.isoformat(), "secrets": [_as_json(one, at) for one in entries]}, indent=1
            )
        )
    else:
        print(f"{'SECRET':56} {'AGE':>8} {'DUE IN':>8}  STATE")
        for one in entries:
            print(
                f"{one.name:56} {_days(at, one.made_at):>8} {_days(one.due_at, at):>8} "
                f" {one.state}{_remark(one)}"
            )
    return FAILURE if any(one.state.red for one in entries) else OK


def _change(args: argparse.Namespace) -> int:
    from theseller.key_rotation import operations
    from theseller.key_rotation.types import RotationContext, RotationReason

    context = RotationContext(clock.now, time.sleep, _say)
    reason = (
        RotationReason.LEAKED
        if args.leaked
        else RotationReason.LEAVER
        if args.leaver
        else RotationReason.MANUAL
    )
    if args.created_on:
        for name in args.names:
            operations.note_age(
                name, args.created_on, actor=command_line_operator(), at=clock.now()
            )
            print(f"{name}: created on {args.created_on}")
        return OK
    if args.dry_run:
        return _dry_run(
            _wanted(args, context), reason, context, given=args.new_from_file is not None
        )
    if args.new_from_file:
        given = _secret_in(args.new_from_file)
        record_command_line_action(
            state_folder(os.environ),
            Tag.SECRET_GIVEN,
            subject=f"secret:{_CLIENT_SECRET}",
            at=clock.now(),
        )
        operations.stage_client_secret(given)
    if args.due:
        return _report(operations.rotate_due(actor=command_line_operator(), context=context))
    verb = operations.rotate if reason is RotationReason.MANUAL else operations.force_rotation
    return _report(
        verb(
            [one.name for one in _wanted(args, context)],
            reason=reason,
            actor=command_line_operator(),
            context=context,
        )
    )


def _wanted(args: argparse.Namespace, context: RotationContext) -> list[SecretEntry]:
    from theseller.key_rotation.operations import due
    from theseller.key_rotation.secret_inventory import inventory
    from theseller.key_rotation.types import UnknownSecretError

    known = inventory(at=context.now())
    if args.due:
        return due(at=context.now())
    if args.all:
        return [one for one in known if one.automatic]
    found = {one.name: one for one in known}
    for name in args.names:
        if name not in found:
            raise UnknownSecretError(
                f"there is no secret {name!r}: theseller rotate --list shows them"
            )
    return [found[name] for name in args.names]


def _dry_run(
    entries: list[SecretEntry], reason: RotationReason, context: RotationContext, *, given: bool
) -> int:
    from theseller.key_rotation.operations import steps_of

    for entry in entries:
        print(f"{entry.name} ({entry.kind}, {entry.state})")
        if not (entry.automatic or given):
            print(f"  {entry.how}")
            continue
        for step in steps_of(entry, reason, context):
            print(f"  {step.name:14} {step.description}")
    print("Nothing was changed.")
    return OK


def _report(rotated: tuple[RotationResult, ...]) -> int:
    waiting = [one for one in rotated if not one.finished]
    for one in waiting:
        print(
            f"{one.secret}: waiting: {one.waits_for}. The hourly job goes on with it, or `theseller"
            " rotate --due`."
        )
    print(f"{len(rotated) - len(waiting)} rotated, {len(waiting)} in progress")
    return OK


def _say(secret: str, step: str, event: str) -> None:
    if event == "recorded":
        print(f"{secret}: {step}", flush=True)


def _secret_in(path: Path) -> Secret:
    """Read the new client secret from a private file.

    If others could read the file, the secret has leaked already.

    Raises:
        CommandError: the file cannot be read or is not one secret.
    """
    try:
        content = read_private(path)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read: {error.strerror}.",
            "Name the file that holds the new client secret.",
        ) from None
    if not content.strip() or len(content) > _SECRET_BYTES_MAX:
        raise CommandError(
            f"{path} does not hold one client secret.",
            "It must hold the new secret and nothing else.",
        )
    return Secret(content.strip())


def _as_json(one: SecretEntry, at: datetime) -> dict[str, object]:
    return {
        "name": one.name,
        "kind": one.kind.value,
        "owner": one.owner,
        "made_at": one.made_at.isoformat() if one.made_at else None,
        "age_days": round((at - one.made_at).total_seconds() / 86_400, 2) if one.made_at else None,
        "due_at": one.due_at.isoformat() if one.due_at else None,
        "state": one.state.value,
        "automatic": one.automatic,
        "how": one.how,
        "last_rotation": one.rotated_at.isoformat() if one.rotated_at else None,
        "under_way": one.under_way or None,
    }


def _days(later: datetime | None, earlier: datetime | None) -> str:
    return (
        "unknown"
        if later is None or earlier is None
        else f"{(later - earlier).total_seconds() / 86_400:.1f} d"
    )


def _remark(one: SecretEntry) -> str:
    if one.under_way:
        return f", being replaced (after {one.under_way})"
    return "" if one.automatic else f": {one.how}"
