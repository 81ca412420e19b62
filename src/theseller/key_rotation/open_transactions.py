"""Wait for the end of the roles' open transactions."""

from __future__ import annotations

from django.db import connections as databases

from theseller.key_rotation.types import Run
from theseller.lib import sql_execution
from theseller.postgres.role_setup import LOGIN_ROLES

_OPEN = """
select l.virtualtransaction from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.granted
    and l.pid <> pg_backend_pid()
  and a.datname = current_database() and a.usename = any(%s)
"""
_POLL_SECONDS = 0.1


def open_transactions() -> set[str]:
    """Return the open transactions of TheSeller's roles.

    Those of this connection are left out. Each name is used once.
    """
    return {
        row[0]
        for row in sql_execution.rows(databases["default"], _OPEN, [list(LOGIN_ROLES.values())])
    }


def wait_for_open_transactions(run: Run, *, longest: float | None = None) -> str:
    """Wait for the end of every transaction that is open now.

    What it read before may have been replaced since.

    Args:
        run: the rotation that waits.
        longest: seconds after which it does not matter any more whether they have ended.

    Returns:
        Why the step must be tried again later, or "".
    """
    before = open_transactions()
    begun = run.at
    while before:
        waited = (run.at - begun).total_seconds()
        if longest is not None and waited >= longest:
            return ""
        if waited >= run.context.patience.total_seconds():
            return f"{len(before)} transaction(s) that began before the replacement are still open"
        run.context.wait(_POLL_SECONDS)
        before &= open_transactions()
    return ""
