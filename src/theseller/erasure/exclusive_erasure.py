"""Let one process at a time erase, by advisory locks of the database.

One process erases connections, and one tenants and users, over all workers and hosts of a
deployment. The two may run beside each other.

A lock belongs to a database connection of its own, so the end of the process, by kill -9 too,
releases it. A lock of the job queue would not do: a job whose worker was killed keeps it.

A process erases nothing while a later release's schema is in the database: it would delete no row
of the tables that it doesn't know, and certify that nothing is left. The later release's processes
erase, or this one does when its own schema is back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from enum import StrEnum

import psycopg
from django.db import connections as databases

from theseller.lib.structured_logging import getLogger
from theseller.retention.database_aliases import ERASER
from theseller.tenancy.schema_release import schema_is_newer

log = getLogger(__name__)


class LaterSchemaError(RuntimeError):
    """The database has tables of a later release."""


class ErasureLock(StrEnum):
    """What only one process does at a time. The two may run beside each other."""

    # The values are names of advisory locks, which processes of an earlier release take too.
    CONNECTIONS = "theseller: erasure of connections"
    TENANTS_AND_USERS = "theseller: erasure of shops and people"


_LOCKED: ContextVar[frozenset[ErasureLock]] = ContextVar("erasures_held", default=frozenset())


@contextlib.contextmanager
def exclusive_erasure(work: ErasureLock, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of `work` for the block.

    Within the block the same code may ask again.

    Args:
        work: what is going to be done.
        wait: whether to wait for another process; else False is yielded at once if one is at it.

    Raises:
        LaterSchemaError: with `wait`, if a later release migrated the database. Without, False is
            yielded.
    """
    if work in _LOCKED.get():
        yield True
        return
    if schema_is_newer(ERASER):
        if wait:
            raise LaterSchemaError(
                "a later release migrated this database, and only its programs erase on it"
            )
        log.warning("erasure_postponed", work=work.name.lower(), reason="schema_of_later_release")
        yield False
        return
    with psycopg.connect(
        **databases[ERASER].get_connection_params(), autocommit=True
    ) as connection:
        connection.execute("set lock_timeout = 0; set statement_timeout = 0")
        call = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
        row = connection.execute(f"select {call}(hashtextextended(%s, 0))", [work.value]).fetchone()
        if not wait and row != (True,):
            yield False
            return
        token = _LOCKED.set(_LOCKED.get() | {work})
        try:
            yield True
        finally:
            _LOCKED.reset(token)
