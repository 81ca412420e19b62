"""Mail people a notice when how they sign in was changed.

Source: NIST SP 800-63B-4, "Account Notifications".
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import get_language

from theseller.accounts.models import User
from theseller.lib.ids import new_id
from theseller.mail.mail_kinds import SecurityNotice
from theseller.mail.operations import queue_mail


def queue_security_notice(person: UUID, change: str, *, at: datetime) -> None:
    """Queue a notice in the caller's transaction.

    It is in the language that the person chose, or of the request. Without a mail server, or if
    the person's address gets no mail, there is none, and the change is made all the same.

    Args:
        person: whose sign-in was changed.
        change: what was changed, of `CHANGES`.
        at: now.

    Raises:
        ValueError: no notice says what `change` is.
    """
    queue_mail(
        SecurityNotice(change, at),
        recipient=User.objects.get(pk=person).email,
        idempotency_key=f"notice:{new_id()}",
        at=at,
        language=get_language() or "",
    )
