# ruff: noqa: S608  # statements are put together from the constants of this module; every value is a bound parameter
"""The book of orders while one document is being written: new orders at once, part by part; known ones at the end, whole.

A part may hold some lines of an order and a later part the others, and only with all of them can it be judged whether what stands is older.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

from theseller.ingest.bulk import Bulk, Row
from theseller.ingest.minimise import ORDER_COLUMNS
from theseller.ingest.types import OrderSource, Written

Day = tuple[str, date]

_STAGE = "incoming_order_line"
_LINE = ", ".join(name for name, _ in ORDER_COLUMNS)
_SPAN = "tenant_id = %(tenant)s and local_day between %(first)s and %(last)s"
#: A fingerprint of an order's lines that does not depend on their order. Stored amounts have four decimals, incoming ones any number.
_PRINT = "sum(hashtextextended(row({})::text, 0))".format(
    ", ".join(f"{name}::numeric(20, 4)" if kind == "numeric" else name for name, kind in ORDER_COLUMNS)
)
_DAY, _ORDER, _STORE = 0, 1, 3


class OrderBook:
    """Takes rows of ORDER_COLUMNS. `days` are those whose lines changed. The caller has serialised the book."""

    def __init__(self, bulk: Bulk, connection: UUID, source: OrderSource) -> None:
        self.days: set[Day] = set()
        self._bulk = bulk
        self._connection = connection
        self._source = source
        self._new: set[str] = set()
        self._known: list[Row] = []
        self._rows = 0
        self._empty = not bulk.rows("select exists (select from ingest_order_line where tenant_id = %(tenant)s)")[0][0]

    def add(self, rows: list[Row]) -> None:
        """Write the lines of orders that nobody knows yet; keep those of the others for `settle`."""
        orders = {row[_ORDER] for row in rows}
        known: set[str] = set()
        if not self._empty:
            known = self._standing(rows, orders)
            self._known.extend(row for row in rows if row[_ORDER] in known)
            rows = [row for row in rows if row[_ORDER] not in known]
        if rows:
            self._new |= orders - known
            self._stage(rows)
            self._rows += self._insert()
            self.days.update({(row[_STORE], row[_DAY]) for row in rows})

    def settle(self) -> Written:
        """Replace the known orders by what came for them, unless what stands is newer or the same."""
        if not self._known:
            return Written(self._rows)
        span = _span(self._known)
        self._stage(self._known)
        verdicts = self._judge(span)
        gone = self._delete(span)
        self.days.update(gone)
        keep = " where order_id in (select order_id from pg_temp.standing_order where verdict = 'replace')"
        self.days.update(self._bulk.rows(f"select distinct marketplace_id, local_day from pg_temp.{_STAGE}{keep}"))
        self._rows += self._insert(keep)
        return Written(self._rows, gone.total(), verdicts.get("unchanged", 0), verdicts.get("outdated", 0))

    def _standing(self, rows: list[Row], orders: set[str]) -> set[str]:
        """Return which of `orders` stood before this document. An order is bought once: its old lines lie within the span of the new."""
        stage = "incoming_order"
        self._bulk.create_stage(stage, [("order_id", "text")])
        self._bulk.copy(stage, [("order_id", "text")], [[(order,) for order in orders]])
        found = self._bulk.rows(
            f"select distinct order_id from ingest_order_line where {_SPAN} and order_id in (select order_id from pg_temp.{stage})",
            **_span(rows),
        )
        return {order for (order,) in found} - self._new

    def _stage(self, rows: list[Row]) -> None:
        self._bulk.create_stage(_STAGE, ORDER_COLUMNS)
        self._bulk.copy(_STAGE, ORDER_COLUMNS, [rows])

    def _insert(self, keep: str = "") -> int:
        return self._bulk.run(
            f"insert into ingest_order_line (tenant_id, connection_id, source, {_LINE})"
            f" select %(tenant)s, %(connection)s, %(source)s, {_LINE} from pg_temp.{_STAGE}{keep}",
            connection=self._connection,
            source=self._source.value,
        )

    def _judge(self, span: dict[str, Any]) -> dict[str, int]:
        """Compare the incoming orders with those that stand; return how many are to be replaced, unchanged and outdated.

        What stands under another connection is of one that has ended and is about to be erased: it is always replaced.
        """
        self._bulk.create_stage("standing_order", [("order_id", "text"), ("verdict", "text")])
        self._bulk.run(
            f"""
            insert into pg_temp.standing_order
            select order_id, case when not s.mine then 'replace'
                                  when s.updated > i.updated then 'outdated'
                                  when s.updated = i.updated and s.lines = i.lines then 'unchanged' else 'replace' end as verdict
            from (select order_id, max(last_updated_at) as updated, {_PRINT} as lines,
                         bool_and(connection_id = %(connection)s) as mine from ingest_order_line
                  where {_SPAN} and order_id in (select order_id from pg_temp.{_STAGE}) group by order_id) s
            join (select order_id, max(last_updated_at) as updated, {_PRINT} as lines from pg_temp.{_STAGE} group by order_id) i
            using (order_id)
            """,
            connection=self._connection,
            **span,
        )
        return dict(self._bulk.rows("select verdict, count(*) from pg_temp.standing_order group by verdict"))

    def _delete(self, span: dict[str, Any]) -> Counter[Day]:
        """Delete the orders that are to be replaced; return how many lines went from which day of which store."""
        gone = self._bulk.rows(
            f"""
            with gone as (delete from ingest_order_line where {_SPAN}
                          and order_id in (select order_id from pg_temp.standing_order where verdict = 'replace')
                          returning marketplace_id, local_day)
            select marketplace_id, local_day, count(*) from gone group by marketplace_id, local_day
            """,
            **span,
        )
        return Counter({(store, day): count for store, day, count in gone})


def _span(rows: list[Row]) -> dict[str, Any]:
    days = [row[_DAY] for row in rows]
    return {"first": min(days), "last": max(days)}
