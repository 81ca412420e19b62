"""Limits on how many files are read at once.

One request of an account and of a shop, on all machines together, and a few in a process. Reading a
file takes up to 300 MB and seconds of CPU time, whether it is stored or refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from uuid import UUID

from django.db import connections

from theseller.lib import sql_execution
from theseller.lib.translation_marks import gettext_noop

#: Requests whose files one web process reads at the same time.
MAX_CONCURRENT = 2
_PROCESS = BoundedSemaphore(MAX_CONCURRENT)
_LOCK = "select pg_try_advisory_lock(hashtextextended(%s, 11))"


class ImportBusyError(RuntimeError):
    """Other files are being read. `reason` says whose; no file was read."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@contextmanager
def import_slot(*, person: UUID, tenant: UUID) -> Iterator[None]:
    """Hold the slot of an account and a shop while their files are read.

    It waits for none.

    The slot is a lock of a database session of its own, so that a process that is killed gives it
    back.

    Raises:
        ImportBusyError: the account, the shop or this process reads other files.
    """
    if not _PROCESS.acquire(blocking=False):
        raise ImportBusyError(
            gettext_noop("The server is already reading the maximum number of files.")
        )
    try:
        session = connections.create_connection("default")
        try:
            with session.cursor() as cursor:
                for name, reason in (
                    (
                        f"import:person:{person}",
                        gettext_noop("Another of your files is being read."),
                    ),
                    (
                        f"import:tenant:{tenant}",
                        gettext_noop("Another file for this shop is being read."),
                    ),
                ):
                    cursor.execute(_LOCK, [name])
                    if not cursor.fetchone()[0]:
                        raise ImportBusyError(reason)
            yield
        finally:
            _give_back(session)
    finally:
        _PROCESS.release()


def _give_back(session: object) -> None:
    try:
        # a connection of Django's
        sql_execution.execute(session, "select pg_advisory_unlock_all()")  # type: ignore[arg-type]
    finally:
        session.close()  # type: ignore[attr-defined]
