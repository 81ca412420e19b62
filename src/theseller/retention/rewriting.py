"""Write anew what an erasure touched, so that the bytes go and not only the rows (decision 0012).

PostgreSQL leaves a deleted row where it was, even after VACUUM. Only a copy of what still lives is free of it: each partition that a
shop's rows could lie in, with its indexes, is copied, one at a time, the smallest first. The lock on it is waited for briefly and held
briefly; who can't have it tries again, so that nobody else waits behind us for long.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg.errors
from django.db import OperationalError
from django.db import connections as databases

from theseller.retention.queries import erasable

#: How long others may queue behind us for a lock that we wait for, how often we try, and the rest between.
LOCK_WAIT_MS, TRIES, PAUSE_SECONDS = 300, 40, 0.25
#: How long a copy may keep others from its table, and longer only if it did not get done in that time.
HELD_MS = (2_000, 20_000, 600_000)
#: The samples that the planner keeps of every column hold values of rows. Written anew last, since ANALYZE writes into it.
SAMPLES = "pg_catalog.pg_statistic"
_MAINTAIN_FROM = 170_000
_CUTOFF = re.compile(r"removable cutoff: (\d+)")
_LEAVES = """
select n.nspname || '.' || quote_ident(c.relname), pg_total_relation_size(c.oid), c.oid::regclass::text
from pg_partition_tree(%s::regclass) t join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
where t.isleaf and c.relkind in ('r', 'm') and pg_relation_size(c.oid) > 0
  and not exists (
      select from pg_partition_ancestors(c.oid) a join pg_class p on p.oid = a.relid join pg_inherits i on i.inhrelid = p.oid
      join pg_partitioned_table h on h.partrelid = i.inhparent and h.partstrat = 'h'
      where not satisfies_hash_partition(
          i.inhparent, substring(pg_get_expr(p.relpartbound, p.oid) from 'modulus (\\d+)')::int,
          substring(pg_get_expr(p.relpartbound, p.oid) from 'remainder (\\d+)')::int, %s::uuid))
"""


class NotNowError(RuntimeError):
    """Something has to be waited for: a lock, or a transaction that still may see the deleted rows. The next run goes on."""


class CannotRewriteError(RuntimeError):
    """This database does not let the eraser's role rewrite: PostgreSQL before 17 leaves that to a table's owner alone."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """One relation that was written anew: bytes with indexes before and after, and how long others were kept from it."""

    relation: str
    before: int
    after: int
    milliseconds: int


def relations_of(tenant: UUID, *, using: str) -> tuple[str, ...]:
    """Return the tables and partitions in which rows of `tenant` may have left bytes, the smallest first; empty ones are left out.

    All months of the shop's part, not only those that held rows at the end: what was replaced earlier lies there, too.
    """
    found: dict[str, int] = {}
    with databases[using].cursor() as cursor:
        for holding in erasable():
            cursor.execute(_LEAVES, [f"public.{holding.table}", tenant])
            found |= {name: int(size) for name, size, _ in cursor.fetchall()}
    return tuple(sorted(found, key=lambda name: (found[name], name)))


def may_rewrite(*, using: str) -> bool:
    """Say whether this PostgreSQL has a right to rewrite that is not the owner's."""
    with databases[using].cursor() as cursor:
        cursor.execute("select current_setting('server_version_num')::int")
        return bool(cursor.fetchone()[0] >= _MAINTAIN_FROM)


def await_horizon(xid: int, *, using: str) -> None:
    """Return if no transaction can see a row any more that `xid`, or one before it, deleted.

    Raises:
        NotNowError: one still can, and a copy made now would copy the row.
    """
    notices: list[str] = []
    with _notices(notices, using=using), databases[using].cursor() as cursor:
        cursor.execute("vacuum (verbose, analyze false, truncate false) public.retention_purge")
    found = _CUTOFF.search("\n".join(notices))
    # Transactions are numbered modulo 2^32 there: what is less than half a circle ahead is later.
    if found is None or not 0 < (int(found[1]) - xid) % (1 << 32) < (1 << 31):
        raise NotNowError("a transaction is open that may still see what was deleted")


def rewrite(relation: str, *, using: str, pause: Callable[[float], None] = time.sleep) -> Rewritten:
    """Copy what lives in one relation, indexes and all, and have the planner's samples of it made again.

    Raises:
        NotNowError: others used it all the time.
    """
    before = _size(relation, using)
    milliseconds = 0
    for attempt in range(TRIES):
        held = HELD_MS[min(attempt * len(HELD_MS) // TRIES, len(HELD_MS) - 1)]
        begun = time.monotonic()
        try:
            with _patience(using, held), databases[using].cursor() as cursor:
                cursor.execute(f"vacuum (full) {relation}")
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled):
                raise
            pause(PAUSE_SECONDS)
            continue
        milliseconds = round((time.monotonic() - begun) * 1000)
        break
    else:
        raise NotNowError("a table is used all the time")
    if relation != SAMPLES:
        renew_samples(relation, using=using)
    return Rewritten(relation, before, _size(relation, using), milliseconds)


def renew_samples(relation: str, *, using: str) -> None:
    """Replace the planner's samples: ANALYZE of an empty table would keep the old ones, so those are removed (from PostgreSQL 18 on)."""
    with databases[using].cursor() as cursor:
        cursor.execute(f"analyze {relation}")
        cursor.execute("select pg_relation_size(%s::regclass) = 0 and current_setting('server_version_num')::int >= 180000", [relation])
        if cursor.fetchone()[0]:
            _forget_samples(relation, using=using, inherited=False)


def forget_samples_of_parents(*, using: str) -> None:
    """Remove the samples over all partitions of a table, if somebody ever made them by hand: nothing makes them again by itself."""
    with databases[using].cursor() as cursor:
        cursor.execute("select current_setting('server_version_num')::int >= 180000")
        if cursor.fetchone()[0]:
            for holding in erasable():
                if holding.partitions:
                    _forget_samples(f"public.{holding.table}", using=using, inherited=True)


def checkpoint(*, using: str) -> str:
    """Put everything on the disk, begin a new file of WAL, and return its name: all before it can go when it has been archived."""
    with databases[using].cursor() as cursor:
        cursor.execute("select pg_switch_wal()")
        cursor.execute("select pg_walfile_name(pg_current_wal_insert_lsn() + 1)")
        name = str(cursor.fetchone()[0])
        cursor.execute("checkpoint")
    return name


def _forget_samples(relation: str, *, using: str, inherited: bool) -> None:
    with databases[using].cursor() as cursor:
        cursor.execute(
            "select pg_clear_attribute_stats(n.nspname, c.relname, a.attname, %s) from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid"
            " where c.oid = %s::regclass and a.attnum > 0 and not a.attisdropped",
            [inherited, relation],
        )


def _size(relation: str, using: str) -> int:
    with databases[using].cursor() as cursor:
        cursor.execute("select pg_total_relation_size(%s::regclass)", [relation])
        return int(cursor.fetchone()[0])


@contextmanager
def _patience(using: str, held: int) -> Iterator[None]:
    with databases[using].cursor() as cursor:
        cursor.execute(f"set lock_timeout = {LOCK_WAIT_MS}; set statement_timeout = {LOCK_WAIT_MS + held}")
    try:
        yield
    finally:
        with databases[using].cursor() as cursor:
            cursor.execute("reset lock_timeout; reset statement_timeout")


@contextmanager
def _notices(into: list[str], *, using: str) -> Iterator[None]:
    database = databases[using]
    database.ensure_connection()

    def keep(said: psycopg.errors.Diagnostic) -> None:
        into.append(f"{said.message_primary} {said.message_detail}")

    database.connection.add_notice_handler(keep)
    try:
        yield
    finally:
        database.connection.remove_notice_handler(keep)
