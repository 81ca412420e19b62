"""Let a cluster continue the transaction and WAL numbers of another.

Rows of the audit log carry transaction numbers, and backups name WAL by timeline and segment. Both
must not begin again in a cluster that takes over the rows of another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from theseller.postgres.errors import ServerFailedError
from theseller.postgres.server import Server

#: Transactions whose states fill one page of PostgreSQL's commit log. At the beginning of a page
#: nothing has to be in that log yet. Source: PostgreSQL, CLOG_XACTS_PER_PAGE with 8 KiB pages.
_PER_PAGE = 32_768
#: A new cluster's own rows count as written at its beginning. From half of the 32-bit space on they
#: would count as of the future.
_LATEST = 1_500_000_000
_NEXT = """
select pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
       pg_walfile_name(pg_current_wal_insert_lsn())
"""


#: Numbers that `count_beyond` takes in one transaction: some seconds.
_AT_ONCE = 100_000
#: A subtransaction that writes takes a number, at a fraction of the cost of a transaction.
_TAKE_NUMBERS = """
do $$
begin
    for taken in 1..{} loop
        begin
            insert into pg_temp.taken_number values (taken);
        exception when division_by_zero then null;  -- makes the block a subtransaction
        end;
    end loop;
end
$$
"""


@dataclass(frozen=True, slots=True)
class Counters:
    """The next transaction number, and the WAL segment that is being written."""

    transaction: int
    segment: str

    def beyond_timeline(self, timeline: int) -> Counters:
        """Return these counters on that timeline, if theirs is an earlier one."""
        if int(self.segment[:8], 16) >= timeline:
            return self
        return replace(self, segment=f"{timeline:08X}{self.segment[8:]}")

    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of pg_resetwal that continue these counters.

        WAL goes on under the next timeline: a backup's WAL and that of the new cluster have
        different names, and a backup of the new one is due.

        Raises:
            ServerFailedError: the number is too high for a new cluster.
        """
        following = (self.transaction // _PER_PAGE + 1) * _PER_PAGE
        if following > _LATEST:
            raise ServerFailedError(
                f"The database has given {self.transaction} transaction numbers, too many for a"
                " copy into a new cluster.",
                "Upgrade its data folder with pg_upgrade, which keeps them, then run `theseller"
                " migrate`.",
            )
        timeline, log, segment = (int(self.segment[at : at + 8], 16) for at in (0, 8, 16))
        log, segment = divmod(log * 256 + segment + 1, 256)
        return (
            f"--next-transaction-id={following}",
            f"--next-wal-file={timeline + 1:08X}{log:08X}{segment:08X}",
        )


def read_counters(dsn: str) -> Counters:
    """Return where a running cluster is; `dsn` is its superuser's."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_NEXT).fetchone()
    if row is None:
        raise ServerFailedError("The server does not say how far it is.")
    return Counters(int(row[0]), str(row[1]))


def continue_counters(server: Server, found: Counters) -> None:
    """Set the counters of a stopped new cluster beyond those of another.

    Raises:
        ServerFailedError: pg_resetwal refused.
    """
    server.run_on_stopped_data("pg_resetwal", *found.arguments())


def count_beyond(dsn: str, transaction: int, *, say: Callable[[str], None]) -> None:
    """Have a running cluster use numbers up until it is beyond `transaction`.

    For a server on which pg_resetwal can't run. What was counted stays if this is interrupted.

    Args:
        dsn: of a role that may make temporary tables.
        transaction: the next transaction number of the other cluster.
        say: called with how many are left, if they take more than some seconds.

    Raises:
        ServerFailedError: there are too many to count.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute("create temporary table taken_number (number int)")
        while (left := transaction + 1 - _next_transaction(connection)) > 0:
            if left > _LATEST:
                raise ServerFailedError(
                    f"The target's transaction numbers are {left} behind those of the database, too"
                    " many to count.",
                    "Move to a server that has given more, or copy the data folder itself.",
                )
            if left > _AT_ONCE:
                say(f"{left} transaction numbers to count, some ten thousand a second")
            connection.execute(_TAKE_NUMBERS.format(min(left, _AT_ONCE)).encode())
            connection.execute("truncate taken_number")


def _next_transaction(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    row = connection.execute("select pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    return int(row.fetchall()[0][0])
