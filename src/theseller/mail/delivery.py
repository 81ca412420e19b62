"""Deliver queued mail: attempts with receipts, repeats after a kill.

Each attempt is committed before the connection, before the message's first byte, and after the
answer. So what a kill leaves says how far the attempt had come. If the server may have accepted the
message, the attempt is recorded as unknown, and the next one sends the same message with the same
Message-ID: SMTP can't tell whether it is the second, the recipient's mail program can.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction

from theseller.crypto.cached_secrets import secret_or_none
from theseller.crypto.errors import CannotOpenError, KeyDestroyedError
from theseller.lib import sql_execution
from theseller.lib.structured_logging import getLogger
from theseller.mail.context_sealing import opened_context
from theseller.mail.mail_kinds import KINDS, decoded
from theseller.mail.operations import note_refused_address
from theseller.mail.recipient_policy import RecipientRefusedError, allowed_recipient
from theseller.mail.rendering import render_mail
from theseller.mail.reply_redaction import without_link
from theseller.mail.smtp_client import Envelope, send_message
from theseller.mail.types import (
    AttemptOutcome,
    AttemptResult,
    MailMode,
    MessageState,
    OutboxMessage,
    RefusalReason,
)

log = getLogger(__name__)

PASSWORD_NAME = "smtp-password"  # a name  # noqa: S105
#: The pauses between attempts: a minute, then twice the last one, up to six hours.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
#: A date that is further ahead than this was set by a clock that was ahead.
_SKEW = timedelta(minutes=1)
#: How many messages one run sends.
_RUN_MAX = 200
#: An arbitrary number that no other advisory lock of ours has: those are hashes or other numbers.
_LOCK = 7_105_004
_COLUMNS = (
    "id, kind, recipient, language, message_id, queued_at, deliver_until, attempts, context, sealed"
)


def deliver_due(*, now: Callable[[], datetime]) -> int:
    """Send what is due; return how many messages were accepted.

    One process at a time delivers: another returns at once. When the server can't be reached, the
    run ends.

    Args:
        now: returns the present instant.
    """
    if settings.MAIL.mode is MailMode.OFF:
        return 0
    accepted = 0
    with _exclusive() as mine:
        if not mine:
            return 0
        _close_interrupted(at=now())
        _make_future_attempts_due(at=now())
        for _ in range(_RUN_MAX):
            message = _begin_next(at=now())
            if message is None:
                break
            result = _attempt(message, now)
            _finish(message, result, at=now())
            accepted += result.outcome is AttemptOutcome.ACCEPTED
            if result.outcome is AttemptOutcome.UNREACHABLE:
                break
    return accepted


@contextlib.contextmanager
def _exclusive() -> Iterator[bool]:
    """Take the lock of deliveries, which the end of the process releases."""
    database = connections["default"]
    mine = bool(sql_execution.value(database, "select pg_try_advisory_lock(%s)", [_LOCK]))
    try:
        yield mine
    finally:
        if mine:
            sql_execution.value(database, "select pg_advisory_unlock(%s)", [_LOCK])


def _close_interrupted(*, at: datetime) -> None:
    """Record what became of attempts whose process ended.

    Only the holder of the lock sends, so an attempt that is open here belongs to no one.
    """
    for row in sql_execution.rows(
        connections["default"],
        f"select {_COLUMNS} from mail_message where state = 'sending'",  # noqa: S608 - constants
    ):
        message = OutboxMessage(*row)
        sent = sql_execution.value(
            connections["default"],
            "select data_at is not null from mail_attempt where message_id = %s and number = %s",
            [message.id, message.attempts],
        )
        log.warning("mail_attempt_interrupted", mail=str(message.id), message_begun=bool(sent))
        outcome = AttemptOutcome.UNKNOWN if sent else AttemptOutcome.UNREACHABLE
        _finish(
            message, AttemptResult(outcome, None, "the process ended during the attempt"), at=at
        )


def _make_future_attempts_due(*, at: datetime) -> None:
    """Try messages now that wait for a time set by a clock that was ahead."""
    _execute(
        "update mail_message m set next_attempt_at = %s where state = 'queued' and next_attempt_at"
        " > %s and (queued_at > %s or exists (select from mail_attempt a where a.message_id = m.id"
        " and a.begun_at > %s))",
        [at, *[at + _SKEW] * 3],
    )


def _begin_next(*, at: datetime) -> OutboxMessage | None:
    """Return the next message that may be sent, with an attempt begun.

    Messages whose time is over, or whose recipient may get none any more, end here.
    """
    while True:
        with transaction.atomic():
            row = sql_execution.one(
                connections["default"],
                f"select {_COLUMNS} from mail_message where state = 'queued' and"  # noqa: S608
                " next_attempt_at <= %s order by next_attempt_at, id limit 1"
                " for update skip locked",
                [at],
            )
            if row is None:
                return None
            message = OutboxMessage(*row)
            if at > message.deliver_until:
                _end(message.id, MessageState.FAILED, "its time was over before an attempt", at=at)
                continue
            if not _still_allowed(message, at=at):
                continue
            number = message.attempts + 1
            _execute(
                "update mail_message set state = 'sending', attempts = %s where id = %s",
                [number, message.id],
            )
            _execute(
                "insert into mail_attempt (message_id, number, begun_at) values (%s, %s, %s)",
                [message.id, number, at],
            )
            return replace(message, attempts=number)


def _still_allowed(message: OutboxMessage, *, at: datetime) -> bool:
    if message.kind not in KINDS:
        _end(message.id, MessageState.FAILED, "this version has no such kind of mail", at=at)
        return False
    reason = refusal_before_attempt(message, at=at, using="default")
    if reason is None:
        return True
    log.warning("mail_refused", kind=message.kind, mail=str(message.id), reason=reason.name.lower())
    _end(message.id, MessageState.REFUSED, reason.value, at=at)
    return False


def refusal_before_attempt(
    message: OutboxMessage, *, at: datetime, using: str
) -> RefusalReason | None:
    """Return why the recipient may get no mail now; None if they may.

    A person may have left since the message was queued.
    """
    try:
        allowed_recipient(
            message.recipient, audience=KINDS[message.kind].audience, at=at, using=using
        )
    except RecipientRefusedError as error:
        return error.reason
    return None


def _attempt(message: OutboxMessage, now: Callable[[], datetime]) -> AttemptResult:
    try:
        text = (
            opened_context(message.id, bytes(message.sealed))
            if message.sealed is not None
            else cast("str", message.context)
        )
    except (CannotOpenError, KeyDestroyedError):
        return AttemptResult(AttemptOutcome.REJECTED, None, "its sealed text can't be opened")
    context = decoded(message.kind, text)
    rendered = render_mail(
        context,
        recipient=message.recipient,
        language=message.language,
        message_id=message.message_id,
        queued_at=message.queued_at,
    )
    content = rendered.as_bytes()
    if settings.MAIL.mode is MailMode.INBOX or settings.MAIL.server is None:
        _execute(
            "insert into mail_inbox (message_id, content) values (%s, %s) on conflict do nothing",
            [message.id, content],
        )
        return AttemptResult(AttemptOutcome.ACCEPTED, None, "stored in the demo's inbox")
    result = send_message(
        settings.MAIL.server,
        Envelope(settings.MAIL.sender, message.recipient, content),
        password=secret_or_none(settings.SECRETS, PASSWORD_NAME),
        helo=urlsplit(settings.ENVIRONMENT.public_url).hostname or "localhost",
        before_data=lambda: _note_data(message, at=now()),
    )
    return replace(result, reply=without_link(result.reply, context))


def _note_data(message: OutboxMessage, *, at: datetime) -> None:
    _execute(
        "update mail_attempt set data_at = %s where message_id = %s and number = %s",
        [at, message.id, message.attempts],
    )


def _finish(message: OutboxMessage, result: AttemptResult, *, at: datetime) -> None:
    """Record the receipt, and end the message or plan its next attempt."""
    with transaction.atomic():
        _execute(
            "update mail_attempt set ended_at = %s, outcome = %s, code = %s, reply = %s"
            " where message_id = %s and number = %s",
            [
                at,
                result.outcome.value,
                result.code,
                result.reply,
                message.id,
                message.attempts,
            ],
        )
        if result.outcome is AttemptOutcome.ACCEPTED:
            _end(message.id, MessageState.SENT, "", at=at)
        elif result.outcome is AttemptOutcome.REJECTED:
            if result.address_refused:
                note_refused_address(message.recipient, _words(result), at=at)
            _end(message.id, MessageState.FAILED, _words(result), at=at)
        else:
            _plan_next(message, result, at=at)
    log.info(
        "mail_attempt_ended",
        kind=message.kind,
        mail=str(message.id),
        attempt=message.attempts,
        outcome=result.outcome.value,
        reply_code=result.code,
    )


def _plan_next(message: OutboxMessage, result: AttemptResult, *, at: datetime) -> None:
    pause = min(FIRST_PAUSE * 2 ** min(message.attempts - 1, 12), LONGEST_PAUSE)
    if at + pause <= message.deliver_until:
        _execute(
            "update mail_message set state = 'queued', next_attempt_at = %s, reason = %s"
            " where id = %s",
            [at + pause, _words(result), message.id],
        )
        return
    unknown = sql_execution.value(
        connections["default"],
        "select exists (select from mail_attempt where message_id = %s and outcome = 'unknown')",
        [message.id],
    )
    _end(
        message.id, MessageState.UNKNOWN if unknown else MessageState.FAILED, _words(result), at=at
    )


def _end(message: UUID, state: MessageState, reason: str, *, at: datetime) -> None:
    """End a delivery: its text is deleted.

    If it failed and has no link that acts for its reader, its text is stored to be sent again.
    """
    if state in {MessageState.FAILED, MessageState.UNKNOWN}:
        _execute(
            "insert into mail_unsent_text (message_id, context) select id, context from"
            " mail_message where id = %s and context is not null",
            [message],
        )
    _execute(
        "update mail_message set state = %s, finished_at = %s, reason = %s, context = null,"
        " sealed = null, data_key_id = null where id = %s",
        [state.value, at, reason, message],
    )


def _words(result: AttemptResult) -> str:
    code = "" if result.code is None else f"{result.code} "
    return f"{result.outcome.value}: {code}{result.reply}"[:500]


def _execute(statement: str, values: list[object]) -> None:
    sql_execution.execute(connections["default"], statement, values)
