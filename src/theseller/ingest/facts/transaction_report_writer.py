# statements are put together from the constants of this module; every value is a bound parameter
"""Writing of transaction reports to the ledger.

They are the source of the lowest precedence. Every function runs inside the caller's tenant scope.
A unit is one row of a report, which is the same transaction in every file that holds it. A row
counts until a stored settlement or Finances covers it: then its lines are put into the state
`elsewhere` for good. The rule is in `docs/figures.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from theseller.amazon.reports.report_reader import Row as ReportRow
from theseller.ingest.facts.advisory_lock_numbers import LEDGER_LOCK
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.dirty_days import Day, mark_dirty_days
from theseller.ingest.facts.fact_row_types import LEDGER_COLUMNS, LedgerRow
from theseller.ingest.facts.history_windows import HISTORY_WINDOWS, Window, parse_instant, window
from theseller.ingest.facts.ledger_units import (
    STORED_UNITS,
    delete_units,
    insert_units,
    stage_units,
    unchanged_units,
)
from theseller.ingest.facts.store_attribution import stores_of_seller
from theseller.ingest.facts.transaction_report_rows import TransactionReportRows
from theseller.ingest.types import WriteResult

SOURCE = "transaction_report"
ELSEWHERE = "elsewhere"
#: Where Finances is read from some instant on, rows of the day before it are left out too: of a
#: release Amazon may print the day alone, in another time zone.
_EDGE = timedelta(days=1)
_LINE = ", ".join(name for name, _ in LEDGER_COLUMNS if name != "state")

#: Keys of rows that count and are covered. A deferred row is also covered by the settlement that
#: paid it out, which has the same charge of the same order and product.
_COVERED = """
with counting as materialized (
    select l.* from ingest_ledger_line l
    where l.tenant_id = %(tenant)s and l.connection_id = %(connection)s
      and l.source = 'transaction_report' and l.state <> 'elsewhere'
)
select distinct c.source_key from counting c
where (c.settlement_id is not null and exists (
        select from ingest_ledger_line s
        where s.tenant_id = %(tenant)s and s.source = 'settlement'
          and s.source_key = c.settlement_id))
   or exists (
        select from unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) as w (begins, ends)
        where c.posted_at >= w.begins and c.posted_at < w.ends)
   or (c.state = 'deferred' and c.order_id is not null and exists (
        select from ingest_ledger_line p
        where p.tenant_id = %(tenant)s and p.order_id = c.order_id and p.source = 'settlement'
          and p.kind = c.kind and p.amount = c.amount and p.currency = c.currency
          and coalesce(p.sku, '') = coalesce(c.sku, '')
          and p.posted_at >= c.posted_at - interval '1 day'))
"""


def write_transaction_report(
    rows: Iterable[ReportRow],
    *,
    tenant: UUID,
    connection: UUID,
    marketplace_ids: Sequence[str],
    at: datetime,
    using: str = "default",
) -> WriteResult:
    """Write the rows of one transaction report.

    A row that another file has stored is replaced; one that is stored as released is not deferred
    again.
    """
    bulk = Bulk(tenant, using)
    converter = TransactionReportRows(at)
    lines = converter.ledger_rows(rows, stores_of_seller(bulk, marketplace_ids))
    bulk.lock(LEDGER_LOCK)
    units = len({line.source_key for line in lines})
    lines = _as_covered(bulk, connection, lines)
    keys = sorted({line.source_key for line in lines})
    stage_units(bulk, lines)
    unchanged = unchanged_units(bulk, keys, SOURCE, connection)
    deleted, _ = delete_units(bulk, [key for key in keys if key not in unchanged], SOURCE)
    added = insert_units(bulk, SOURCE, connection, unchanged)
    days = {
        *deleted,
        *((row.marketplace_id, row.local_day) for row in lines if row.source_key not in unchanged),
    }
    days |= _set_aside(bulk, connection)
    mark_dirty_days(bulk, days, at)
    return WriteResult(
        added,
        deleted.total(),
        len(unchanged),
        units - len(keys),
        converter.too_old,
        days=len(days),
    )


def set_aside_covered(bulk: Bulk, connection: UUID, at: datetime) -> None:
    """Put rows aside that a stored settlement or Finances covers now.

    To be called by what stores either, in the same transaction.
    """
    mark_dirty_days(bulk, _set_aside(bulk, connection), at)


def _as_covered(bulk: Bulk, connection: UUID, lines: list[LedgerRow]) -> list[LedgerRow]:
    """Put covered rows aside.

    Left out are deferred rows that are stored as released. A deferred row that was put aside before
    stays so; a released one is decided again, because it may be another than that of the settlement
    which ended the deferral.
    """
    keys = sorted({line.source_key for line in lines})
    found = bulk.rows(
        f"select source_key, min(state) from ingest_ledger_line where {STORED_UNITS}"  # noqa: S608
        " group by source_key",
        source=SOURCE,
        keys=keys,
    )
    stored: dict[str, str] = dict(found)
    settled = bulk.rows(
        "select distinct source_key from ingest_ledger_line where tenant_id = any(%(tenants)s) and"
        " source = 'settlement' and source_key = any(%(numbers)s)",
        numbers=sorted({line.settlement_id for line in lines if line.settlement_id}),
    )
    numbers = {number for (number,) in settled}
    windows = _read_windows(bulk, connection)

    def state_of(line: LedgerRow) -> str:
        covered = line.settlement_id in numbers or any(
            one.start - _EDGE <= line.posted_at < one.end for one in windows
        )
        known = stored.get(line.source_key)
        if covered or (line.state == "deferred" and known == ELSEWHERE):
            return ELSEWHERE
        return line.state

    return [
        line._replace(state=state_of(line))
        for line in lines
        if not (line.state == "deferred" and stored.get(line.source_key) == "released")
    ]


def _set_aside(bulk: Bulk, connection: UUID) -> set[Day]:
    """Put covered rows aside; return the days of their lines.

    Under the lock of the ledger, so that of two writers at once the later one sees both.
    """
    bulk.lock(LEDGER_LOCK)
    counting = bulk.rows(
        "select exists (select from ingest_ledger_line where tenant_id = %(tenant)s and"
        " connection_id = %(connection)s and source = 'transaction_report' and state <>"
        " 'elsewhere')",
        connection=connection,
    )
    if not counting[0][0]:
        return set()
    windows = _read_windows(bulk, connection)
    covered = bulk.rows(
        _COVERED,
        connection=connection,
        begins=[one.start - _EDGE for one in windows],
        ends=[one.end for one in windows],
    )
    if not covered:
        return set()
    return set(
        bulk.rows(
            f"""
            with taken as (
                delete from ingest_ledger_line
                where tenant_id = any(%(tenants)s) and source = %(source)s
                  and source_key = any(%(keys)s)
                returning *
            ), aside as (
                insert into ingest_ledger_line (tenant_id, connection_id, source, state, {_LINE})
                select tenant_id, connection_id, source, %(elsewhere)s, {_LINE} from taken
                returning marketplace_id, local_day
            )
            select distinct marketplace_id, local_day from aside
            """,  # noqa: S608
            source=SOURCE,
            keys=sorted(key for (key,) in covered),
            elsewhere=ELSEWHERE,
        )
    )


def _read_windows(bulk: Bulk, connection: UUID) -> list[Window]:
    """Return the time for which Finances is read, or is being read."""
    found = bulk.rows(
        "select cursor, fresh_until from ingest_stream where tenant_id = %(tenant)s and"
        " connection_id = %(connection)s and name = 'transactions'",
        connection=connection,
    )
    windows: list[Window] = []
    for position, fresh_until in found:
        cursor = json.loads(position) if isinstance(position, str) else position
        if "anchor" not in cursor:
            continue
        anchor = parse_instant(cursor["anchor"])
        pending = [int(index) for index in cursor.get("pending", ())]
        begun = cursor.get("until")
        unread = set(pending[1:] if begun else pending)
        windows += [window(anchor, one) for one in range(HISTORY_WINDOWS) if one not in unread]
        ends = [fresh_until] if fresh_until else []
        if begun and not pending:
            ends.append(parse_instant(begun))
        if ends and max(ends) > anchor:
            windows.append(Window(anchor, max(ends)))
    return windows
