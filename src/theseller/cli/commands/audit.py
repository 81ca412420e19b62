"""`theseller audit`: verify, show and seal the audit log.

It also records a restore, and accepts that the copy of the checkpoints was deleted, cut or
replaced.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from theseller.audit.command_line_action_file import command_line_operator
from theseller.cli.django_setup import setup_django
from theseller.cli.errors import FAILURE, OK, CommandError
from theseller.lib import clock

if TYPE_CHECKING:
    from theseller.audit.types import EventView, Verdict

HELP = "verify, show or seal the audit log"
_FINDINGS_SHOWN = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verbs of `theseller audit` and their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verify = verbs.add_parser(
        "verify",
        help="verify the log against its checkpoints; exits with 0 only if the log is intact",
    )
    verify.add_argument(
        "--json", action="store_true", help="print one JSON document with all findings"
    )
    show = verbs.add_parser("show", help="print the log, oldest event first")
    show.add_argument(
        "--shop", type=_identifier, metavar="ID", help="only events of the shop with this ID"
    )
    show.add_argument(
        "--since",
        type=_moment,
        metavar="TIME",
        help="only events since this time (UTC): 2026-11-23 or 2026-11-23T14:30",
    )
    show.add_argument("--json", action="store_true", help="print one JSON document per line")
    restored = verbs.add_parser(
        "record-restore",
        help="record that the database was restored from a backup and later events are lost",
    )
    restored.add_argument(
        "--reason",
        required=True,
        help="the backup and the reason; stored in the log, so don't include personal data",
    )
    accepted = verbs.add_parser(
        "accept-copy",
        help="accept that the external copy of the checkpoints was deleted, truncated or replaced",
    )
    accepted.add_argument(
        "--reason",
        required=True,
        help="the cause; stored in the log, so don't include personal data",
    )
    verbs.add_parser(
        "seal", help="write a checkpoint for new events now (the worker does so every five minutes)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the verb; return 1 if the log is not intact."""
    setup_django("worker")
    if args.verb == "verify":
        return _verify(as_json=args.json)
    if args.verb == "record-restore":
        return _restored(args.reason)
    if args.verb == "accept-copy":
        return _accept_copy(args.reason)
    return _seal() if args.verb == "seal" else _show(args.shop, args.since, as_json=args.json)


def _verify(*, as_json: bool) -> int:
    from theseller.audit.log_verification import complete_and_verify

    at = clock.now()
    verdict = complete_and_verify(at=at)
    if as_json:
        print(json.dumps(_document(verdict, at), indent=1))
        return OK if verdict.whole else FAILURE
    for finding in verdict.findings[:_FINDINGS_SHOWN]:
        print(f"{finding.fault.upper():13} {finding.message}")
    if len(verdict.findings) > _FINDINGS_SHOWN:
        print(f"… and {len(verdict.findings) - _FINDINGS_SHOWN} more (--json lists all)")
    print(
        f"{'INTACT' if verdict.whole else 'NOT INTACT'}: {verdict.rows_checked} events under"
        f" {verdict.checkpoints} checkpoints were compared"
    )
    print(*verdict.lost, _unsealed(verdict, at), sep="\n")
    return OK if verdict.whole else FAILURE


def _unsealed(verdict: Verdict, at: datetime) -> str:
    if verdict.oldest_unsealed_at is None:
        return "A checkpoint covers every event."
    minutes = max((at - verdict.oldest_unsealed_at).total_seconds() / 60, 0)
    return (
        f"UNSEALED: {verdict.unsealed} newer event(s) have no checkpoint yet, the oldest"
        f" written {minutes:.0f} minute(s) ago"
    )


def _restored(reason: str) -> int:
    from theseller.audit.restore_marker import accept_restoration
    from theseller.audit.types import AuditKeyLostError, RestorationRefusedError, SealingBusyError

    try:
        made = accept_restoration(reason=reason, actor=command_line_operator(), at=clock.now())
    except (AuditKeyLostError, RestorationRefusedError, SealingBusyError) as error:
        raise CommandError(
            f"Nothing was changed: {error}.", "`theseller audit verify` shows the state of the log."
        ) from None
    print(
        f"Checkpoint {made.number} records that the events under checkpoints {made.lost_from} to"
        f" {made.number - 1} were lost."
    )
    return OK


def _accept_copy(reason: str) -> int:
    from theseller.audit.checkpoint_copy_shortfalls import accept_copies
    from theseller.audit.types import CopyAcceptanceRefusedError

    try:
        lines = accept_copies(reason=reason, actor=command_line_operator(), at=clock.now())
    except CopyAcceptanceRefusedError as error:
        raise CommandError(
            f"Nothing was changed: {error}.", "`theseller audit verify` shows the state of the log."
        ) from None
    print(
        f"The log says why {lines} cop{'y was' if lines == 1 else 'ies were'} short; in this"
        " respect it counts as intact again."
    )
    return OK


def _seal() -> int:
    from theseller.audit.checkpointing import seal
    from theseller.audit.command_line_action_file import import_command_line_actions
    from theseller.audit.signed_checkpoint_document import CheckpointRefusedError
    from theseller.audit.types import AuditKeyLostError, LogBehindError, SealingBusyError

    try:
        import_command_line_actions(at=clock.now())
        made = seal(at=clock.now())
    except (AuditKeyLostError, LogBehindError, SealingBusyError) as error:
        raise CommandError(f"Nothing was sealed: {error}.") from None
    except CheckpointRefusedError as error:
        raise CommandError(
            f"The newest checkpoint in the database {error}.",
            "theseller audit verify says what is wrong.",
        ) from None
    print(f"{sum(one.rows for one in made)} event(s) sealed under {len(made)} new checkpoint(s)")
    return OK


def _show(tenant: UUID | None, since: datetime | None, *, as_json: bool) -> int:
    from theseller.audit.queries import events

    for event in events(tenant=tenant, since=since):
        print(json.dumps(_event(event)) if as_json else _line(event))
    return OK


def _line(event: EventView) -> str:
    details = " ".join(f"{name}={value}" for name, value in sorted(event.details.items()))
    shop = f" shop {event.tenant}" if event.tenant else ""
    return (
        f"{event.position:>8}  {event.at:%Y-%m-%d %H:%M:%S}  {event.tag:40} {event.actor} "
        f" {event.subject}{shop} {details}".rstrip()
    )


def _event(event: EventView) -> dict[str, object]:
    return {
        "position": event.position,
        "at": event.at.isoformat(),
        "tag": event.tag,
        "actor": event.actor,
        "tenant": str(event.tenant) if event.tenant else None,
        "subject": event.subject,
        "details": dict(event.details),
    }


def _document(verdict: Verdict, at: datetime) -> dict[str, object]:
    return {
        "at": at.isoformat(),
        "whole": verdict.whole,
        "findings": [
            {"fault": one.fault.value, "position": one.position, "says": one.message}
            for one in verdict.findings
        ],
        "lost": list(verdict.lost),
        "checkpoints": verdict.checkpoints,
        "lines_sealed": verdict.rows_sealed,
        "lines_checked": verdict.rows_checked,
        "lines_unsealed": verdict.unsealed,
        "oldest_unsealed_at": (
            verdict.oldest_unsealed_at.isoformat() if verdict.oldest_unsealed_at else None
        ),
    }


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "give the shop ID as the shop's support access log page shows it"
        ) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            "write the time as 2026-11-23 or 2026-11-23T14:30"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
