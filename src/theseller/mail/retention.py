"""Delete old mail, old refusals, and the keys of days that are over."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connections, transaction

from theseller.lib import sql_execution
from theseller.mail.context_sealing import destroy_old_keys

MAIL_DAYS, REFUSED_ADDRESS_DAYS = timedelta(days=30), timedelta(days=365)


def delete_old(*, at: datetime) -> int:
    """Delete what is over its age; return how many messages were."""
    with transaction.atomic():
        deleted = sql_execution.execute(
            connections["default"],
            "delete from mail_message where finished_at <= %s",
            [at - MAIL_DAYS],
        )
        sql_execution.execute(
            connections["default"],
            "delete from mail_refused_address where refused_at <= %s",
            [at - REFUSED_ADDRESS_DAYS],
        )
    destroy_old_keys(at=at)
    return deleted
