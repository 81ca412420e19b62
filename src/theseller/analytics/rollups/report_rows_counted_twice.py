"""Find rows of transaction reports that count although they are covered.

A part of the nightly comparison, which shares no code with what puts such rows aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from theseller.analytics.rollups.column_charge_types import UNCOUNTED_STATES
from theseller.analytics.rollups.types import Difference
from theseller.ingest.sync.stored_ranges import stored_ranges

Row = Mapping[str, Any]


def counted_twice(
    cursor: CursorWrapper, tenant: UUID, store: str, day: date, ledger: Sequence[Row]
) -> Iterable[Difference]:
    """Yield a difference where a row of a transaction report counts twice.

    That is a row which counts although its settlement is stored, or Finances is read for its time.
    """
    rows = [
        row
        for row in ledger
        if row["source"] == "transaction_report" and row["state"] not in UNCOUNTED_STATES
    ]
    if not rows:
        return
    cursor.execute(
        "select distinct source_key from ingest_ledger_line where tenant_id = %s and source ="
        " 'settlement' and source_key = any (%s)",
        [tenant, sorted({row["settlement_id"] for row in rows} - {None})],
    )
    settled = {number for (number,) in cursor.fetchall()}
    read = stored_ranges(using=cursor.db.alias).transactions.get(store, ())
    twice = {
        row["currency"]
        for row in rows
        if row["settlement_id"] in settled
        or any(one.start <= row["posted_at"] < one.end for one in read)
    }
    yield from (Difference(store, day, currency, "", "source") for currency in sorted(twice))
