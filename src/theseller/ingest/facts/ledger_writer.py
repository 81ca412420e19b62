# statements are put together from the constants of this module; every value is a bound parameter
"""Writing of lines to the ledger by whole units, idempotently.

Every function runs inside the caller's tenant scope. A unit is one transaction of the Finances API
or one settlement. A deferred transaction and its release are one sale: the release names the other
(DEFERRED_TRANSACTION_ID), and whichever of them arrives first, only the release is stored in the
end. Both sources are stored side by side; which of them counts is decided for each transaction when
figures are computed (`analytics/rollups/statements/counted_lines.sql`), so a write marks every day
whose lines may now count otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from theseller.amazon.decoders.transactions import Transaction
from theseller.amazon.reports import SettlementSummary
from theseller.amazon.reports.report_reader import Row as ReportRow
from theseller.amazon.reports.report_types_and_columns import ReportType
from theseller.ingest.facts import transaction_digests
from theseller.ingest.facts.advisory_lock_numbers import LEDGER_LOCK
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.dirty_days import Day, mark_dirty_days
from theseller.ingest.facts.fact_row_types import LedgerRow
from theseller.ingest.facts.ledger_row_conversion import LedgerMinimizer
from theseller.ingest.facts.ledger_units import (
    STAGE,
    STORED_UNITS,
    delete_units,
    insert_units,
    stage_units,
    unchanged_units,
)
from theseller.ingest.facts.settlement_totals import store_settlement_total
from theseller.ingest.facts.store_attribution import stores_of_seller
from theseller.ingest.facts.transaction_report_writer import set_aside_covered
from theseller.ingest.types import WriteResult

_ONE_DAY = timedelta(days=1)
#: A settlement may hold what was posted up to these days before it began.
_BEFORE_SETTLEMENT = timedelta(days=3)


def write_transactions(
    transactions: Sequence[Transaction],
    *,
    tenant: UUID,
    connection: UUID,
    marketplace_ids: Sequence[str],
    at: datetime,
    digests: Mapping[str, bytes] | None = None,
    using: str = "default",
) -> WriteResult:
    """Write transactions of the Finances API.

    `marketplace_ids` are the stores of the connection's region. Money that names no store goes to
    the only one of them that the seller is known to have and that keeps its currency, else to none.
    `digests`: of the texts of the transactions, to recognize them when they come again.
    """
    minimizer = LedgerMinimizer(at)
    bulk = Bulk(tenant, using)
    rows = minimizer.transactions(transactions, stores_of_seller(bulk, marketplace_ids))
    bulk.lock(LEDGER_LOCK)
    written = (
        _replace(
            bulk,
            rows,
            "finances",
            connection,
            at,
            replaced=minimizer.replaced,
            digests=digests or {},
        )
        if rows or minimizer.replaced
        else WriteResult()
    )
    return written + WriteResult(too_old=minimizer.too_old)


def write_settlement(
    summary: SettlementSummary,
    lines: Iterable[ReportRow],
    *,
    tenant: UUID,
    connection: UUID,
    marketplace_ids: Sequence[str],
    at: datetime,
    using: str = "default",
) -> WriteResult:
    """Write the lines of one settlement, in place of an earlier version.

    A line older than facts are kept is left out and counted, so that a settlement that begins
    before that limit is not refused.

    Raises:
        ValueError: a line belongs to another settlement than `summary`.
    """
    minimizer = LedgerMinimizer(at)
    bulk = Bulk(tenant, using)
    rows = minimizer.settlement(lines, stores_of_seller(bulk, marketplace_ids))
    if any(row.source_key != summary.settlement_id for row in rows):
        raise ValueError("the lines belong to another settlement than the summary")
    bulk.lock(LEDGER_LOCK)
    written = (
        _replace(bulk, rows, "settlement", connection, at, (summary.starts_at, summary.ends_at))
        if rows
        else WriteResult()
    )
    totals = store_settlement_total(bulk, summary, connection, at)
    set_aside_covered(bulk, connection, at)
    return written + WriteResult(too_old=minimizer.too_old, totals=totals)


def _replace(
    bulk: Bulk,
    rows: list[LedgerRow],
    source: str,
    connection: UUID,
    at: datetime,
    period: tuple[datetime, datetime] | None = None,
    replaced: Collection[str] = (),
    digests: Mapping[str, bytes] | None = None,
) -> WriteResult:
    """Replace stored units by the incoming ones.

    Stored units with the same keys are replaced, and those that the incoming ones supersede.
    """
    superseded = sorted(
        {*replaced, *(row.supersedes for row in rows if row.supersedes is not None)}
    )
    rows, outdated = _without_superseded(bulk, rows, source)
    rows = _with_known_identifiers(bulk, rows, source)
    keys = sorted({row.source_key for row in rows})
    stage_units(bulk, rows)
    unchanged = unchanged_units(bulk, keys, source, connection)
    groups = _new_groups(bulk, source)
    deleted, orders = delete_units(
        bulk, [*(key for key in keys if key not in unchanged), *superseded], source
    )
    added = insert_units(bulk, source, connection, unchanged)
    changed = [row for row in rows if row.source_key not in unchanged]
    if digests is not None:
        posted = dict.fromkeys(replaced, at) | {row.source_key: row.posted_at for row in rows}
        touched = {*superseded, *(row.source_key for row in changed)}
        _note_digests(bulk, connection, digests, posted, touched, at)
    days = {*deleted, *((row.marketplace_id, row.local_day) for row in changed)}
    if changed or deleted:
        orders |= {row.order_id for row in changed if row.order_id}
        instants = (
            [row.posted_at for row in changed if not row.order_id]
            if period is None
            else [*period, *(row.posted_at for row in changed)]
        )
        days |= _days_beside(bulk, orders, instants, between=period is not None) | _days_of_groups(
            bulk, groups
        )
        if source == "settlement":
            days |= _days_stated(bulk, keys)
    mark_dirty_days(bulk, days, at)
    return WriteResult(added, deleted.total(), len(unchanged), outdated, days=len(days))


def _note_digests(
    bulk: Bulk,
    connection: UUID,
    digests: Mapping[str, bytes],
    posted: Mapping[str, datetime],
    touched: set[str],
    at: datetime,
) -> None:
    """Store digests of the transactions `posted`, delete those of others.

    The lines of `posted` are those of their texts. Others are those whose lines were `touched`.
    """
    known = {
        key: (digests[key], instant)
        for key, instant in posted.items()
        if key in digests and instant > at - transaction_digests.KEPT
    }
    transaction_digests.delete_digests(bulk, connection, touched - known.keys())
    transaction_digests.store_digests(bulk, connection, known)


def _without_superseded(
    bulk: Bulk, rows: list[LedgerRow], source: str
) -> tuple[list[LedgerRow], int]:
    """Return (rows, number of outdated units) without superseded ones.

    Left out are transactions whose release is stored or arrives with them, and a deferred version
    of what is stored as released.
    """
    if source != "finances" or not rows:
        return rows, 0
    keys = {row.source_key for row in rows}
    late = {row.supersedes for row in rows} & keys
    released = {row.source_key for row in rows if row.state == "released"}
    stored = bulk.rows(
        "select supersedes, true from ingest_ledger_line where tenant_id = "  # noqa: S608
        "any(%(tenants)s) and source = %(source)s and supersedes = any(%(keys)s) union select "
        f"source_key, false from ingest_ledger_line where {STORED_UNITS} and state = 'released'",
        keys=sorted(keys),
        source=source,
    )
    late |= {key for key, replaced in stored if replaced}
    released |= {key for key, replaced in stored if not replaced}
    kept = [
        row
        for row in rows
        if row.source_key not in late
        and not (row.state == "deferred" and row.source_key in released)
    ]
    return kept, len(keys - {row.source_key for row in kept})


def _with_known_identifiers(bulk: Bulk, rows: list[LedgerRow], source: str) -> list[LedgerRow]:
    """Keep the settlement and group that an earlier answer stated.

    An answer that states none does not remove them.
    """
    lacking = sorted(
        {
            row.source_key
            for row in rows
            if source == "finances" and None in (row.settlement_id, row.group_id)
        }
    )
    if not lacking:
        return rows
    found = bulk.rows(
        "select source_key, max(settlement_id), max(group_id) from "  # noqa: S608
        f"ingest_ledger_line where {STORED_UNITS} group by source_key",
        keys=lacking,
        source=source,
    )
    known = {key: (settlement, group) for key, settlement, group in found}
    for row in rows:  # In one page, too: the same transaction may come twice.
        settlement, group = known.get(row.source_key, (None, None))
        known[row.source_key] = (row.settlement_id or settlement, row.group_id or group)
    return [_with_identifiers(row, *known[row.source_key]) for row in rows]


def _with_identifiers(row: LedgerRow, settlement: str | None, group: str | None) -> LedgerRow:
    return row._replace(settlement_id=settlement, group_id=group)


def _new_groups(bulk: Bulk, source: str) -> list[str]:
    """Return the groups whose settlement is stated for the first time.

    They are the financial event groups of the incoming transactions.
    """
    if source != "finances":
        return []
    found = bulk.rows(f"""
        select distinct i.group_id from pg_temp.{STAGE} i
        where i.group_id is not null and i.settlement_id is not null and not exists (
            select from ingest_ledger_line l
            where l.tenant_id = any(%(tenants)s) and l.group_id = i.group_id
                and l.settlement_id = i.settlement_id)
        """)  # noqa: S608
    return [group for (group,) in found]


def _days_beside(
    bulk: Bulk, orders: set[str], instants: list[datetime], *, between: bool
) -> set[Day]:
    """Return the days of Finances lines that may now count otherwise.

    Those of the same orders, and those near `instants`: without an order on the same day and in the
    time of the same stored settlement, or all of a settlement's own period. A settlement may
    contain what was posted some days before it began (`docs/figures.md`).
    """
    days: set[Day] = set()
    if orders:
        days |= set(
            bulk.rows(
                "select distinct marketplace_id, local_day from ingest_ledger_line where tenant_id"
                " = any(%(tenants)s) and order_id = any(%(orders)s) and source = 'finances'",
                orders=sorted(orders),
            )
        )
    if not instants:
        return days
    first, last = (
        min(instants).astimezone(UTC).date() - _ONE_DAY,
        max(instants).astimezone(UTC).date() + _ONE_DAY,
    )
    if between:
        first, last = first - _BEFORE_SETTLEMENT, last + _ONE_DAY
        near: list[date] = []
    else:
        beside = {
            instant.astimezone(UTC).date() + step
            for instant in instants
            for step in (-_ONE_DAY, timedelta(0), _ONE_DAY)
        }
        near = sorted(beside | _days_of_settlements(bulk, sorted(beside)))
        first, last = near[0], near[-1]
    chosen = "" if between else " and local_day = any(%(near)s) and coalesce(order_id, '') = ''"
    return days | set(
        bulk.rows(
            "select distinct marketplace_id, local_day from ingest_ledger_line "  # noqa: S608
            "where tenant_id = any(%(tenants)s) and source = 'finances' and local_day between "
            f"%(first)s and %(last)s{chosen}",
            first=first,
            last=last,
            **({} if between else {"near": near}),
        )
    )


def _days_of_settlements(bulk: Bulk, days: list[date]) -> set[date]:
    """Return every day of the stored settlements whose period `days` touch.

    Charges without an order are compared over all of a settlement's period.
    """
    found = bulk.rows(
        "select distinct day::date from ingest_document d, unnest(%(days)s::date[]) as touched,"
        " generate_series(d.covers_from::date - %(before)s::int, d.covers_until::date + 2, interval"
        " '1 day') as day where d.tenant_id = %(tenant)s and d.report_type = %(type)s and touched"
        " between d.covers_from::date - %(before)s::int and d.covers_until::date + 2",
        days=days,
        before=_BEFORE_SETTLEMENT.days + 1,
        type=ReportType.SETTLEMENT_V2.value,
    )
    return {day for (day,) in found}


def _days_of_groups(bulk: Bulk, groups: list[str]) -> set[Day]:
    if not groups:
        return set()
    return set(
        bulk.rows(
            "select distinct marketplace_id, local_day from ingest_ledger_line where tenant_id ="
            " any(%(tenants)s) and group_id = any(%(groups)s)",
            groups=groups,
        )
    )


def _days_stated(bulk: Bulk, settlements: list[str]) -> set[Day]:
    """Return the days of the transactions stated to be in `settlements`.

    Amazon states it by number or by group, whenever the transactions were posted.
    """
    return set(
        bulk.rows(
            """
            with stated as materialized (
                select group_id from ingest_ledger_line where tenant_id = any(%(tenants)s)
                    and settlement_id = any(%(settlements)s) and group_id is not null
                group by group_id)
            select marketplace_id, local_day from ingest_ledger_line
            where tenant_id = any(%(tenants)s) and settlement_id = any(%(settlements)s)
            union
            select marketplace_id, local_day from ingest_ledger_line
            where tenant_id = any(%(tenants)s)
                and group_id = any((select array_agg(group_id) from stated)::text[])
            """,
            settlements=settlements,
        )
    )
