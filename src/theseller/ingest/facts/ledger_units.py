# statements are put together from the constants of this module; every value is a bound parameter
"""Whole units of the ledger: comparison, deletion and insertion.

A unit is one transaction of the Finances API, one settlement or one row of a transaction report.
Units of one source are staged, compared with those that are stored, and put in their place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any
from uuid import UUID

from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.dirty_days import Day
from theseller.ingest.facts.fact_row_types import LEDGER_COLUMNS, LedgerRow, names_of

STAGE = "incoming_ledger_line"
_LINE = names_of(LEDGER_COLUMNS)
_PRINT = "sum(hashtextextended(row({})::text, 0))".format(
    ", ".join(
        f"{name}::numeric(20, 4)" if kind == "numeric" else name for name, kind in LEDGER_COLUMNS
    )
)
#: Keys are passed as an array: one index scan a partition, however many keys.
STORED_UNITS = "tenant_id = any(%(tenants)s) and source = %(source)s and source_key = any(%(keys)s)"


def stage_units(bulk: Bulk, rows: list[LedgerRow]) -> None:
    """Copy the lines of incoming units into the temporary table `STAGE`."""
    bulk.create_stage(STAGE, LEDGER_COLUMNS)
    bulk.copy(STAGE, LEDGER_COLUMNS, [rows])


def insert_units(bulk: Bulk, source: str, connection: UUID, unchanged: Collection[str]) -> int:
    """Insert the staged units but those `unchanged`.

    Returns:
        The number of lines.
    """
    return bulk.run(
        f"insert into ingest_ledger_line (tenant_id, connection_id, source, {_LINE}) "  # noqa: S608
        f"select %(tenant)s, %(connection)s, %(source)s, {_LINE} from pg_temp.{STAGE} where "
        "source_key <> all(%(unchanged)s)",
        connection=connection,
        source=source,
        unchanged=sorted(unchanged),
    )


def unchanged_units(bulk: Bulk, keys: list[str], source: str, connection: UUID) -> set[str]:
    """Return the keys of staged units that are stored with the same content.

    Units of a disconnected connection are not among them: they are about to be erased.
    """
    found = bulk.rows(
        f"""
        select source_key from
        (select source_key, {_PRINT} as lines, bool_and(connection_id = %(connection)s) as mine
         from ingest_ledger_line where {STORED_UNITS} group by source_key) s
        join (select source_key, {_PRINT} as lines from pg_temp.{STAGE} group by source_key) i
            using (source_key)
        where s.lines = i.lines and s.mine
        """,  # noqa: S608
        keys=keys,
        source=source,
        connection=connection,
    )
    return {key for (key,) in found}


def delete_units(bulk: Bulk, keys: list[Any], source: str) -> tuple[Counter[Day], set[str]]:
    """Delete units.

    Returns:
        The number of deleted lines by store and day, and the orders of these lines.
    """
    if not keys:
        return Counter(), set()
    deleted = bulk.rows(
        f"""
        with deleted as (delete from ingest_ledger_line where {STORED_UNITS}
            returning marketplace_id, local_day, order_id)
        select marketplace_id, local_day, order_id, count(*) from deleted
        group by marketplace_id, local_day, order_id
        """,  # noqa: S608
        keys=keys,
        source=source,
    )
    days: Counter[Day] = Counter()
    for store, day, _, count in deleted:
        days[store, day] += count
    return days, {order for _, _, order, _ in deleted if order}
