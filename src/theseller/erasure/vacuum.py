"""Rewrite relations, so that deleted bytes leave the disk (decision 0012).

PostgreSQL leaves a deleted row where it was, even after VACUUM. Only a copy of what remains is free
of it: each partition in which a tenant's rows could lie, with its indexes, is copied, one at a
time, the smallest first. The lock on it is waited for briefly and held briefly; if it can't be had,
it is tried again, so that no one else waits behind it for long.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import psycopg.errors
from django.db import OperationalError
from django.db import connections as databases

from theseller.erasure.work_pacing import UNTHROTTLED, Throttle
from theseller.lib import sql_execution

#: How long others may queue behind us for a lock that we wait for, how often we try, and the rest
#: between.
LOCK_WAIT_MS, TRIES, PAUSE_SECONDS = 300, 40, 0.25
#: How long a copy may keep others from its table, and longer only if it did not get done in that
#: time.
LOCK_HOLD_MS = (2_000, 20_000, 600_000)
#: The samples that the planner keeps of every column hold values of rows. Rewritten last, since
#: ANALYZE writes into it.
SAMPLES = "pg_catalog.pg_statistic"
_MAINTAIN_FROM = 170_000
#: The connection that acts as the owner of all tables (`set role` at sign-in), for servers before
#: that version.
OWNER = "migrate"
#: 16 MB ahead: the size of a file of WAL.
_NEXT_WAL = "select pg_walfile_name(pg_current_wal_insert_lsn() + 16777216)"
_IS_IN = "select pg_has_role(current_user, %s, 'member')"
_CUTOFF = re.compile(r"removable cutoff: (\d+)")
#: The tables themselves, or their partitions for this tenant's hash. Those of other hashes can hold
#: nothing of the tenant's.
_PARTS = """
with own as (
    select c.oid, n.nspname, c.relname from unnest(%s::text[]) t (name)
    join pg_class c on c.oid = t.name::regclass
    join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
    union all
    select c.oid, n.nspname, c.relname
    from unnest(%s::text[]) t (name), pg_partition_tree(t.name::regclass) b
    join pg_class c on c.oid = b.relid join pg_namespace n on n.oid = c.relnamespace
    where b.isleaf and c.relkind = 'r' and not exists (
        select from pg_partition_ancestors(c.oid) a
        join pg_class p on p.oid = a.relid join pg_inherits i on i.inhrelid = p.oid
        join pg_partitioned_table h on h.partrelid = i.inhparent and h.partstrat = 'h'
        where not satisfies_hash_partition(
            i.inhparent, substring(pg_get_expr(p.relpartbound, p.oid) from 'modulus (\\d+)')::int,
            substring(pg_get_expr(p.relpartbound, p.oid) from 'remainder (\\d+)')::int, %s::uuid))
)
"""
_SIZES = """
select distinct quote_ident(nspname) || '.' || quote_ident(relname), pg_total_relation_size(oid)
from own where pg_relation_size(oid) > 0
order by 2, 1
"""
#: The samples of tables that are empty now, and those over all partitions.
_EMPTY = """
from (select distinct oid, nspname, relname from own) o where pg_relation_size(o.oid) = 0
"""
_PARENTS = """
from unnest(%s::text[]) t (name), pg_partition_tree(t.name::regclass) b
join pg_class c on c.oid = b.relid join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'p'
"""
#: From 18 on by PostgreSQL's own function, column by column; before by ours (grants.sql).
_CLEAR_18 = """
select pg_clear_attribute_stats(o.nspname, o.relname, a.attname, {inherited})
from ({found}) o join pg_attribute a on a.attrelid = o.oid where a.attnum > 0 and not a.attisdropped
"""
_CLEARS_FROM = 180_000
_CLEARING = """
select current_setting('server_version_num')::int,
       to_regprocedure('guard.clear_samples(regclass, boolean)') is not null
"""
_CLEAR_BEFORE = "select guard.clear_samples(o.oid, {inherited}) from ({found}) o"


class RetryLaterError(RuntimeError):
    """A lock, or a transaction that may still see deleted rows, is waited for.

    The next run continues.
    """


def relations_of(tables: Sequence[str], tenant: UUID | None, *, using: str) -> dict[str, int]:
    """Return relations in which rows of `tenant` may have left bytes.

    They are those of `tables` or their partitions: all months of the tenant's part, not only those
    that held rows at the end, since what was replaced earlier is there, too.

    Returns:
        Bytes by relation, the smallest first.
    """
    return {
        name: int(size)
        for name, size in sql_execution.rows(
            databases[using], _PARTS + _SIZES, _parts(tables, tenant)
        )
    }


def _qualified(tables: Sequence[str]) -> list[str]:
    return [table if "." in table else f"public.{table}" for table in tables]


def _parts(tables: Sequence[str], tenant: UUID | None) -> tuple[list[str], list[str], UUID | None]:
    names = _qualified(tables)
    return names, names, tenant


def vacuum_alias(*, using: str) -> str:
    """Return the alias by which relations can be rewritten.

    PostgreSQL 17 and later let the role of `using` do it (`pg_maintain`). Before, and where no
    superuser could grant that, only the owner may, who as the owner of the database may also
    rewrite `pg_statistic`.
    """
    database = databases[using]
    if sql_execution.value(database, "select current_setting('server_version_num')::int") < (
        _MAINTAIN_FROM
    ):
        return OWNER
    return using if sql_execution.value(database, _IS_IN, ["pg_maintain"]) else OWNER


def await_horizon(xid: int, *, using: str, pause: Callable[[float], None] = time.sleep) -> None:
    """Return when no transaction can see what `xid` or earlier ones deleted.

    Raises:
        RetryLaterError: one still can, and a copy made now would copy the row.
    """
    for _ in range(TRIES):
        if _is_beyond(xid, using):
            return
        pause(PAUSE_SECONDS)
    raise RetryLaterError("a transaction is open that may still see what was deleted")


def _is_beyond(xid: int, using: str) -> bool:
    # VACUUM looks past the transactions of other databases, but VACUUM FULL has a snapshot of its
    # own, which doesn't: ask for both.
    if (
        int(
            sql_execution.value(
                databases[using], "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            )
        )
        <= xid
    ):
        return False
    notices: list[str] = []
    with _notices(notices, using=using):
        sql_execution.execute(
            databases[using],
            "vacuum (verbose, analyze false, truncate false) public.erasure_erasure",
        )
    found = _CUTOFF.search("\n".join(notices))
    # Transactions are numbered modulo 2^32 there: what is less than half a circle ahead is later.
    return found is not None and 0 < (int(found[1]) - xid) % (1 << 32) < (1 << 31)


def vacuum_full(relation: str, *, using: str, pause: Callable[[float], None] = time.sleep) -> int:
    """Rewrite one relation with its indexes. Call it inside `patience`.

    Returns:
        How many milliseconds others were locked out.

    Raises:
        RetryLaterError: others used it all the time.
    """
    for attempt in range(TRIES):
        begun = time.monotonic()
        try:
            with databases[using].cursor() as cursor:
                if attempt and attempt % (TRIES // len(LOCK_HOLD_MS)) == 0:
                    longer = min(attempt * len(LOCK_HOLD_MS) // TRIES, len(LOCK_HOLD_MS) - 1)
                    cursor.execute(f"set statement_timeout = {LOCK_HOLD_MS[longer]}")
                cursor.execute(f"vacuum (full) {relation}")
        except OperationalError as error:
            if not isinstance(
                error.__cause__, psycopg.errors.LockNotAvailable | psycopg.errors.QueryCanceled
            ):
                raise
            pause(PAUSE_SECONDS)
            continue
        return round((time.monotonic() - begun) * 1000)
    raise RetryLaterError("a table is used all the time")


def rebuild_statistics(
    relations: Sequence[str],
    grounds: Iterable[tuple[Sequence[str], UUID | None]],
    *,
    using: str,
    eraser: str,
    throttle: Throttle = UNTHROTTLED,
) -> None:
    """Have the planner's samples of these relations made again.

    `grounds` are the tables that they are of, each with the tenant. `using` may rewrite them;
    before PostgreSQL 18, `eraser` may remove samples.

    ANALYZE keeps the old ones of an empty table, and nothing makes those over all partitions again
    by itself: both are removed.
    """
    with databases[using].cursor() as cursor:
        cursor.execute("reset lock_timeout; reset statement_timeout")
        for relation in relations:
            with throttle.work():
                cursor.execute(f"analyze {relation}")
    version, may_clear = sql_execution.one(databases[eraser], _CLEARING)
    by_server = version >= _CLEARS_FROM
    if not by_server and not may_clear:
        return  # No superuser made that function: these tables keep no samples (grants.sql).
    clear = _CLEAR_18 if by_server else _CLEAR_BEFORE
    with databases[using if by_server else eraser].cursor() as cursor:
        empty = clear.format(
            inherited="false", found=f"select o.oid, o.nspname, o.relname {_EMPTY}"
        )
        parents = clear.format(
            inherited="true", found=f"select distinct c.oid, n.nspname, c.relname {_PARENTS}"
        )
        for tables, tenant in grounds:
            cursor.execute(_PARTS + empty, _parts(tables, tenant))
            cursor.execute(parents, [_qualified(tables)])


def sizes(relations: Sequence[str], *, using: str) -> dict[str, int]:
    """Return the bytes of relations with their indexes."""
    return {
        name: int(size)
        for name, size in sql_execution.rows(
            databases[using],
            "select t.name, pg_total_relation_size(t.name::regclass) from unnest(%s::text[]) t"
            " (name)",
            [list(relations)],
        )
    }


def checkpoint(*, using: str) -> str:
    """Write a checkpoint and begin a new file of WAL; return its name.

    Everything before it can be removed when it has been archived. Where no superuser could grant
    that (decision 0023), the service that runs the database keeps its WAL as it does, and the name
    is that of the file after the present one.
    """
    if not sql_execution.value(databases[using], _IS_IN, ["pg_checkpoint"]):
        return str(sql_execution.value(databases[using], _NEXT_WAL))
    with databases[using].cursor() as cursor:
        cursor.execute("select pg_switch_wal()")
        cursor.execute("select pg_walfile_name(pg_current_wal_insert_lsn() + 1)")
        name = str(cursor.fetchone()[0])
        # PostgreSQL 15 does not give a NOINHERIT role the right by its membership alone.
        cursor.execute("set role pg_checkpoint")
        try:
            cursor.execute("checkpoint")
        finally:
            cursor.execute("reset role")
    return name


@contextmanager
def patience(*, using: str) -> Iterator[None]:
    """Wait for locks, and hold them, no longer than others may wait."""
    sql_execution.execute(
        databases[using],
        f"set lock_timeout = {LOCK_WAIT_MS}; set statement_timeout = {LOCK_HOLD_MS[0]}",
    )
    try:
        yield
    finally:
        sql_execution.execute(databases[using], "reset lock_timeout; reset statement_timeout")


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
