"""Render a message as text and HTML in the recipient's language."""

from __future__ import annotations

import unicodedata
from dataclasses import fields
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from theseller.edge.date_time_formatting import exact_time
from theseller.mail.mail_kinds import MailContext

_SUBJECT_MAX = 150
_HEADERS = (
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
)  # fmt: skip
#: Seven bits only: every server takes that, and no extension has to be negotiated.
_POLICY = policy.SMTP.clone(cte_type="7bit", max_line_length=78)


def render_mail(
    context: MailContext, *, recipient: str, language: str, message_id: str, queued_at: datetime
) -> EmailMessage:
    """Return the message as it is sent.

    The same arguments give the same message, so that another attempt sends no other.

    Raises:
        ValueError: a header would have more than one line.
    """
    with translation.override(language):
        values = _values(context)
        subject, _, text = render_to_string(f"mail/{context.kind}.txt", values).partition("\n")
        html = render_to_string(
            f"mail/{context.kind}.html", values | {"subject": subject, "language": language}
        )
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(settings.MAIL.sender_name, addr_spec=settings.MAIL.sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = _without_encoded_words(one_line(subject))[:_SUBJECT_MAX]
    message["Date"] = queued_at
    message["Message-ID"] = message_id
    # No holiday reply or the like answers it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text.strip() + "\n", cte="quoted-printable")
    message.add_alternative(html, subtype="html", cte="quoted-printable")
    for part in message.iter_parts():
        del part["MIME-Version"]
    _refuse_other_headers(message)
    message.set_boundary(f"=_{message_id.strip('<>').partition('@')[0]}")
    return message


def _without_encoded_words(text: str) -> str:
    """Return `text` so that no part is an encoded word (RFC 2047).

    The `email` package decodes one in a value that it is given, and with it an encoded line break.
    """
    return text.replace("=?", "= ?")


def _refuse_other_headers(message: EmailMessage) -> None:
    """Check that the message, as it is sent, has the intended headers.

    Raises:
        ValueError: a value made a header of its own.
    """
    sent = BytesHeaderParser(policy=policy.compat32).parsebytes(message.as_bytes())
    if sorted(sent.keys()) != sorted(_HEADERS):
        raise ValueError("a value of this message would add a header")


def one_line(text: str) -> str:
    """Return `text` on one line, without control and invisible characters."""
    visible = (
        " " if unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp", "Cs"} else one for one in text
    )
    return " ".join("".join(visible).split())


def _values(context: MailContext) -> dict[str, Any]:
    values: dict[str, Any] = {"public_url": settings.ENVIRONMENT.public_url}
    for field in fields(context):
        value = getattr(context, field.name)
        if isinstance(value, datetime):
            value = exact_time(value.astimezone(UTC))
        elif isinstance(value, str):
            # `details` may have several lines; each is cleaned by itself.
            value = (
                "\n".join(one_line(line) for line in value.splitlines())
                if field.name == "details"
                else one_line(value)
            )
        values[field.name] = value
    values["sentence"], _, values["evidence"] = values.get("details", "").partition("\n")
    return values
