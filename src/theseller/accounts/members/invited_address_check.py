"""Whether mail may go to an address because it was invited.

The setting MAIL_INVITATION_CHECK names the function.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connections

from theseller.lib import sql_execution


def has_open_invitation(address: str, at: datetime, using: str) -> bool:
    """Return whether a canonical address has an open invitation.

    Args:
        address: the address.
        at: now.
        using: a connection as `auth`, `operator` or `worker`.
    """
    return bool(
        sql_execution.value(connections[using], "select guard.is_invited(%s, %s)", [address, at])
    )
