"""Read the outbox and the refused addresses, as the worker."""

from __future__ import annotations

from uuid import UUID

from django.db import connections

from theseller.lib import sql_execution
from theseller.mail.types import MessageState, OutboxEntry, RefusedAddress

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


def _entry(row: tuple[object, ...]) -> OutboxEntry:
    values = list(row)
    values[3] = MessageState(str(values[3]))
    return OutboxEntry(*values)  # type: ignore[arg-type] # the columns of `_SELECT`, in this order
