"""Deliver links for new passwords: by mail, or by an operator.

Without mail, or if the address gets none, the request is listed for operators, who make a link by
`theseller person reset-password` and hand it over.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import get_language

from theseller.accounts.models import PasswordRequest, User
from theseller.accounts.one_time_link_tokens import IssuedLink
from theseller.lib.ids import new_id
from theseller.mail.mail_kinds import PasswordReset
from theseller.mail.operations import queue_mail
from theseller.mail.types import QueueOutcome


def mail_link(person: UUID, link: IssuedLink, *, at: datetime) -> bool:
    """Queue a link for its person in the caller's transaction.

    Returns:
        Whether it will be mailed.
    """
    queued = queue_mail(
        PasswordReset(link.address.reveal(), link.expires_at),
        recipient=User.objects.get(pk=person).email,
        idempotency_key=f"reset:{new_id()}",
        at=at,
        language=get_language() or "",  # of the request, which its recipient makes
    )
    return queued.outcome is QueueOutcome.QUEUED


def tell_operators(person: UUID, *, at: datetime) -> None:
    """List the request for operators."""
    PasswordRequest.objects.update_or_create(user_id=person, defaults={"requested_at": at})
