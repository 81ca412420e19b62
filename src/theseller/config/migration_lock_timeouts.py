"""Lock waits of migrations: short, and repeated with growing pauses.

A statement that changes a table waits until no transaction uses it, and every later statement on
that table waits behind it. So a migration gives up soon, lets the others pass, and tries again.
Each migration is one transaction: an attempt that gave up has changed nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from django.db import DatabaseError, connections
from django.db.backends.signals import connection_created
from psycopg.errors import DeadlockDetected, LockNotAvailable

from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)

#: How long a statement of a migration waits for a lock: less than pages may (5 s, roles.sql).
LOCK_WAIT = "2s"
#: Seconds between attempts: ten minutes in all. A call to Amazon keeps its transaction for 35 s.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, *(15.0,) * 38)
_SET = f"set lock_timeout = '{LOCK_WAIT}'"
_OLD_TRANSACTIONS = """
select pid, usename, application_name, extract(epoch from now() - xact_start)::int
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
  and xact_start < now() - interval '1 s'
order by xact_start limit 3
"""


class MigrationLockError(RuntimeError):
    """A table that a migration changes stayed locked."""


@contextmanager
def short_lock_waits(using: str = "default") -> Iterator[None]:
    """Limit lock waits of a Django connection for the block.

    Also after a reconnection.
    """

    def limit(connection: Any, **_: object) -> None:  # noqa: ANN401  # Django's signal
        if connection.alias == using:
            with connection.cursor() as cursor:
                cursor.execute(_SET)

    connection_created.connect(limit, weak=False)
    try:
        with connections[using].cursor() as cursor:
            cursor.execute(_SET)
        yield
    finally:
        connection_created.disconnect(limit)
        with suppress(DatabaseError), connections[using].cursor() as cursor:
            cursor.execute("reset lock_timeout")


def wait_shortly(database: psycopg.Connection[Any]) -> None:
    """Limit lock waits of a session in autocommit mode."""
    database.execute(_SET)


def repeated(
    step: Callable[[], object],
    administrator: psycopg.Connection[Any],
    *,
    pauses: tuple[float, ...] = PAUSES,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Run `step`, again after a pause whenever it did not get a lock.

    Args:
        step: changes nothing if it fails, or what it may repeat.
        administrator: a session in autocommit mode, to name the transactions in the way.
        pauses: seconds between the attempts.
        sleep: waits that many seconds.

    Raises:
        MigrationLockError: no attempt got its locks.
    """
    for pause in (*pauses, None):
        try:
            step()
        except Exception as error:
            if not _is_locked(error):
                raise
            blocking = _old_transactions(administrator)
            if pause is None:
                raise MigrationLockError(_message(len(pauses) + 1, blocking)) from error
            log.warning("migration_lock_unavailable", retry_seconds=pause, transactions=blocking)
            sleep(pause)
        else:
            return


def _is_locked(error: BaseException) -> bool:
    # Django wraps the driver's error.
    return any(
        isinstance(one, LockNotAvailable | DeadlockDetected) for one in (error, error.__cause__)
    )


def _old_transactions(administrator: psycopg.Connection[Any]) -> list[str]:
    """Return the oldest transactions of the database.

    Without their statements, which may hold data.
    """
    return [
        f"process {pid} ({role}, {application or 'no name'}), {seconds} s"
        for pid, role, application, seconds in administrator.execute(_OLD_TRANSACTIONS).fetchall()
    ]


def _message(attempts: int, blocking: list[str]) -> str:
    seen = f" The oldest transactions: {'; '.join(blocking)}." if blocking else ""
    return (
        f"a table is in use, and the migration did not get its lock in {attempts} attempts of"
        f" {LOCK_WAIT}. Migrations before it stay applied, and the services go on.{seen} Run"
        " `theseller migrate` again when they have ended"
    )
