"""Read the mail of a demo from its inbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from uuid import UUID

from django.db import connections

from theseller.edge.database_routing import accounts_database
from theseller.lib import sql_execution

_SELECT = (
    "select i.message_id, m.queued_at, i.content from mail_inbox i join mail_message m"
    " on m.id = i.message_id"
)


@dataclass(frozen=True, slots=True)
class InboxMail:
    """One mail of a demo."""

    id: UUID
    queued_at: datetime
    recipient: str
    subject: str
    headers: tuple[tuple[str, str], ...]
    text: str
    html: str


def inbox_mails(limit: int = 100) -> tuple[InboxMail, ...]:
    """Return the newest mails first."""
    return tuple(
        _mail(*row)
        for row in sql_execution.rows(
            connections[accounts_database()],
            f"{_SELECT} order by i.message_id desc limit %s",
            [limit],
        )
    )


def inbox_mail(message: UUID) -> InboxMail | None:
    """Return one mail."""
    row = sql_execution.one(
        connections[accounts_database()],
        f"{_SELECT} where i.message_id = %s",
        [message],
    )
    return None if row is None else _mail(*row)


def _mail(message: UUID, queued_at: datetime, content: bytes | memoryview) -> InboxMail:
    parsed = BytesParser(EmailMessage, policy=policy.default).parsebytes(bytes(content))
    return InboxMail(
        message,
        queued_at,
        str(parsed["To"]),
        str(parsed["Subject"]),
        tuple((name, str(value)) for name, value in parsed.items()),
        _body(parsed, "plain"),
        _body(parsed, "html"),
    )


def _body(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    return "" if part is None else str(part.get_content())
