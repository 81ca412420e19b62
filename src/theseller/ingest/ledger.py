# ruff: noqa: S608  # statements are put together from the constants of this module; every value is a bound parameter
"""Money into the ledger, slice by slice, idempotently. Every function runs inside the caller's tenant scope.

A slice is one transaction of the Finances API or one settlement. A deferred transaction and its release are one sale: the release says so
by naming the other (DEFERRED_TRANSACTION_ID), and whichever of them arrives first, only the release stands in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from theseller.amazon.decoders.finances import Transaction
from theseller.amazon.reports import SettlementSummary
from theseller.amazon.reports.report import Row as ReportRow
from theseller.ingest.bulk import Bulk, Row
from theseller.ingest.minimise import LEDGER_COLUMNS, Minimiser, Stores
from theseller.ingest.order_book import Day
from theseller.ingest.persist import LEDGER_BOOK, mark_days
from theseller.ingest.types import Written

_STAGE = "incoming_ledger_line"
_LINE = ", ".join(name for name, _ in LEDGER_COLUMNS)
_PRINT = "sum(hashtextextended(row({})::text, 0))".format(
    ", ".join(f"{name}::numeric(20, 4)" if kind == "numeric" else name for name, kind in LEDGER_COLUMNS)
)
#: Keys are passed as an array: one index scan a partition, however many keys.
_STANDING = "tenant_id = %(tenant)s and source = %(source)s and source_key = any(%(keys)s)"


def write_transactions(
    transactions: Sequence[Transaction],
    *,
    tenant: UUID,
    connection: UUID,
    marketplace_ids: Sequence[str],
    at: datetime,
    using: str = "default",
) -> Written:
    """Write transactions of the Finances API. `marketplace_ids` are the connection's stores: one of them bears what belongs to none."""
    minimiser = Minimiser(at)
    rows = minimiser.transactions(transactions, Stores(marketplace_ids))
    bulk = Bulk(tenant, using)
    bulk.serialise(LEDGER_BOOK)
    written = _replace(bulk, rows, "finances", connection, at) if rows else Written()
    return written + Written(too_old=minimiser.too_old)


def write_settlement(
    summary: SettlementSummary,
    lines: Iterable[ReportRow],
    *,
    tenant: UUID,
    connection: UUID,
    marketplace_ids: Sequence[str],
    at: datetime,
    using: str = "default",
) -> Written:
    """Write the lines of one settlement, whole, in place of an earlier version of it.

    A line older than facts are kept is left out and counted, so that a settlement at the edge is not refused.
    """
    minimiser = Minimiser(at)
    rows = minimiser.settlement(lines, Stores(marketplace_ids))
    if any(row[1] != summary.settlement_id for row in rows):
        raise ValueError("the lines belong to another settlement than the summary")
    bulk = Bulk(tenant, using)
    bulk.serialise(LEDGER_BOOK)
    written = _replace(bulk, rows, "settlement", connection, at) if rows else Written()
    return written + Written(too_old=minimiser.too_old)


def _replace(bulk: Bulk, rows: list[Row], source: str, connection: UUID, at: datetime) -> Written:
    """Put the incoming slices in place of those that stand under their keys or are superseded by them."""
    superseded = sorted({row[15] for row in rows if row[15] is not None})
    rows, outdated = _without_superseded(bulk, rows, source, set(superseded))
    keys = sorted({row[1] for row in rows})
    bulk.create_stage(_STAGE, LEDGER_COLUMNS)
    bulk.copy(_STAGE, LEDGER_COLUMNS, [rows])
    unchanged = _unchanged(bulk, keys, source, connection)
    days = _delete(bulk, [*(key for key in keys if key not in unchanged), *superseded], source)
    replaced = days.total()
    added = bulk.run(
        f"insert into ingest_ledger_line (tenant_id, connection_id, source, {_LINE})"
        f" select %(tenant)s, %(connection)s, %(source)s, {_LINE} from pg_temp.{_STAGE} where source_key <> all(%(unchanged)s)",
        connection=connection,
        source=source,
        unchanged=sorted(unchanged),
    )
    days.update({(row[3], row[0]): 1 for row in rows if row[1] not in unchanged})
    mark_days(bulk, days, at)
    return Written(added, replaced, len(unchanged), outdated, days=len(days))


def _without_superseded(bulk: Bulk, rows: list[Row], source: str, superseded: set[str]) -> tuple[list[Row], int]:
    """Leave out deferred transactions whose release stands or arrives with them, and a deferred version of what stands released."""
    deferred = sorted({row[1] for row in rows if row[5] == "deferred"})
    if not deferred:
        return rows, 0
    standing = bulk.rows(
        "select supersedes from ingest_ledger_line where tenant_id = %(tenant)s and supersedes = any(%(keys)s)"
        f" union select source_key from ingest_ledger_line where {_STANDING} and state = 'released'",
        keys=deferred,
        source=source,
    )
    late = (superseded | {key for (key,) in standing}) & set(deferred)
    return [row for row in rows if row[1] not in late], len(late)


def _unchanged(bulk: Bulk, keys: list[str], source: str, connection: UUID) -> set[str]:
    """Return the slices that stand as they came. One of an ended connection does not count: it is about to be erased."""
    found = bulk.rows(
        f"""
        select source_key from
        (select source_key, {_PRINT} as lines, bool_and(connection_id = %(connection)s) as mine
         from ingest_ledger_line where {_STANDING} group by source_key) s
        join (select source_key, {_PRINT} as lines from pg_temp.{_STAGE} group by source_key) i using (source_key)
        where s.lines = i.lines and s.mine
        """,
        keys=keys,
        source=source,
        connection=connection,
    )
    return {key for (key,) in found}


def _delete(bulk: Bulk, keys: list[Any], source: str) -> Counter[Day]:
    if not keys:
        return Counter()
    gone = bulk.rows(
        f"""
        with gone as (delete from ingest_ledger_line where {_STANDING} returning marketplace_id, local_day)
        select marketplace_id, local_day, count(*) from gone group by marketplace_id, local_day
        """,
        keys=keys,
        source=source,
    )
    return Counter({(store, day): count for store, day, count in gone})
