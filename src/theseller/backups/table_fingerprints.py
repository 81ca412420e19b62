"""Fingerprints of all tables at one moment, marked in the WAL.

With them a restore can be compared row by row with its source.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from theseller.backups.types import BackupError, Fingerprint

#: How long one attempt to lock out writers waits: less than deadlock_timeout, so that no other
#: transaction is canceled as a deadlock's victim.
_ATTEMPT = "300ms"
_PATIENCE_SECONDS = 600.0
_PAUSE_SECONDS = 0.2

# An unlogged table (a limiter's buckets) is empty after every recovery; none has data to restore.
_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'guard', 'pii') and c.relkind in ('r', 'p') and not c.relispartition
  and c.relpersistence = 'p' order by 1, 2
"""

Connection = psycopg.Connection[tuple[Any, ...]]


def marked_moment(conninfo: str, restore_point: str) -> Mapping[str, Fingerprint]:
    """Name a moment in the WAL and return what every table held at it.

    Writers are held for the instant in which the snapshot is taken and the moment is named: what
    was committed before is in both, what comes later in neither. The tables are read afterwards, at
    leisure, while everybody writes.

    Raises:
        BackupError: some transaction writes for so long that there was no such instant in ten
            minutes.
    """
    with (
        psycopg.connect(conninfo, autocommit=True) as holder,
        psycopg.connect(conninfo, autocommit=True) as reader,
        reader.transaction(),
    ):
        reader.execute("set transaction isolation level repeatable read, read only")
        _in_lock(holder, lambda: _mark(holder, reader, restore_point))
        return _read(reader)


def fingerprints(conninfo: str) -> Mapping[str, Fingerprint]:
    """Return what every table of a database at rest holds."""
    with psycopg.connect(conninfo, autocommit=True) as reader:
        return _read(reader)


def _in_lock(holder: Connection, act: Callable[[], None]) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < _PATIENCE_SECONDS:
        try:
            with holder.transaction():
                holder.execute(f"set local lock_timeout = '{_ATTEMPT}'")
                holder.execute("select guard.hold_writers()")
                act()
        except psycopg.errors.LockNotAvailable:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    raise BackupError(
        "a transaction has been writing for ten minutes, so no common moment could be marked: look"
        " for it in pg_stat_activity"
    )


def _mark(holder: Connection, reader: Connection, restore_point: str) -> None:
    reader.execute("select 1")  # The snapshot is taken here.
    holder.execute("select pg_create_restore_point(%s)", [restore_point])


def _read(reader: Connection) -> Mapping[str, Fingerprint]:
    found = {}
    for schema, table in reader.execute(_TABLES).fetchall():
        row = reader.execute(
            "select found_rows, found_total::text from guard.fingerprint(%s, %s)", [schema, table]
        ).fetchone()
        if row is not None:
            found[f"{schema}.{table}"] = Fingerprint(int(row[0]), str(row[1]))
    return found
