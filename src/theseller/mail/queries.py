"""Read the outbox as the worker, and undelivered mail as an operator."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections

from theseller.lib import sql_execution
from theseller.mail.types import (
    AttemptOutcome,
    MessageState,
    OutboxEntry,
    RefusedAddress,
    UndeliveredCounts,
    UndeliveredMail,
)

#: Undelivered mail is counted for so long after its delivery ended.
COUNTED_FOR = timedelta(hours=24)

_SELECT = """
select m.id, m.kind, m.recipient, m.state, m.queued_at, m.attempts, m.next_attempt_at,
       m.finished_at, m.message_id, m.reason, a.code, coalesce(a.reply, ''),
       (select count(*) from mail_attempt u where u.message_id = m.id and u.outcome = 'unknown')
from mail_message m left join mail_attempt a on a.message_id = m.id and a.number = m.attempts
"""


def outbox(
    *, unfinished: bool = False, failed: bool = False, limit: int = 200
) -> tuple[OutboxEntry, ...]:
    """Return messages, the newest first.

    Args:
        unfinished: only those that are not sent yet.
        failed: only those that were not delivered.
        limit: at most so many.
    """
    wanted = ["queued", "sending", "sent", "failed", "refused", "unknown"]
    if unfinished:
        wanted = ["queued", "sending"]
    if failed:
        wanted = ["failed", "refused", "unknown"]
    return tuple(
        _entry(row)
        for row in sql_execution.rows(
            connections["default"],
            f"{_SELECT} where m.state = any(%s) order by m.id desc limit %s",
            [wanted, limit],
        )
    )


def outbox_entry(message: UUID) -> OutboxEntry | None:
    """Return one message."""
    row = sql_execution.one(
        connections["default"],
        f"{_SELECT} where m.id = %s",
        [message],
    )
    return None if row is None else _entry(row)


def refused_addresses() -> tuple[RefusedAddress, ...]:
    """Return the addresses that get no mail, newest first."""
    return tuple(
        RefusedAddress(*row)
        for row in sql_execution.rows(
            connections["default"],
            "select address, refused_at, reason from mail_refused_address"
            " order by refused_at desc, address",
        )
    )


def undelivered_mail(*, using: str, limit: int = 200) -> tuple[UndeliveredMail, ...]:
    """Return undelivered mail, the newest first.

    That is mail that failed, was refused, or is tried again.

    Args:
        using: a connection as `operator`.
        limit: at most so many.
    """
    rows = sql_execution.rows(
        connections[using],
        "select id, kind, recipient, state, queued_at, deliver_until, next_attempt_at, finished_at,"
        " attempts, outcome, code, reply, reason, address_refused, text_stored"
        " from guard.undelivered_mail(%s)",
        [limit],
    )
    return tuple(_undelivered(row) for row in rows)


def masked_refused_addresses(*, using: str, limit: int = 200) -> tuple[RefusedAddress, ...]:
    """Return addresses that get no mail, without local parts; newest first.

    Args:
        using: a connection as `operator`.
        limit: at most so many.
    """
    return tuple(
        RefusedAddress(*row)
        for row in sql_execution.rows(
            connections[using],
            "select address, refused_at, reason from guard.refused_mail_addresses(%s)",
            [limit],
        )
    )


def undelivered_counts(*, at: datetime, using: str) -> UndeliveredCounts:
    """Count undelivered mail.

    That is messages that are retried, or ended undelivered in the last 24 hours.

    Args:
        at: now.
        using: a connection as `operator` or `worker`.
    """
    rows = sql_execution.rows(
        connections[using],
        "select kind, state, number, oldest from guard.undelivered_mail_counts(%s)",
        [at - COUNTED_FOR],
    )
    waits = [(at - oldest).total_seconds() for _, state, _, oldest in rows if state == "retrying"]
    return UndeliveredCounts(
        {(kind, state): int(number) for kind, state, number, _ in rows},
        max(0.0, max(waits, default=0.0)),
    )


def _entry(row: tuple[object, ...]) -> OutboxEntry:
    values = list(row)
    values[3] = MessageState(str(values[3]))
    return OutboxEntry(*values)  # type: ignore[arg-type] # the columns of `_SELECT`, in this order


def _undelivered(row: tuple[object, ...]) -> UndeliveredMail:
    values = list(row)
    values[3] = MessageState(str(values[3]))
    values[9] = AttemptOutcome(str(values[9])) if values[9] else None
    return UndeliveredMail(*values)  # type: ignore[arg-type] # the columns of `undelivered_mail`
