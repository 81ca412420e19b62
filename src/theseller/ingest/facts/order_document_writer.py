# statements are put together from the constants of this module; every value is a bound parameter
"""Writing of the orders of one document.

New orders are written at once, part by part; known ones at the end, merged with what is stored. A
part may hold some lines of an order and a later part the others. What a document says of a known
order is merged with what others said of it (`order_merge`): the result does not depend on the order
in which documents arrive.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from theseller.ingest.facts import order_line_merge_state
from theseller.ingest.facts.bulk_writer import Bulk, Row
from theseller.ingest.facts.dirty_days import Day
from theseller.ingest.facts.fact_row_types import ORDER_COLUMNS, OrderRow, names_of
from theseller.ingest.facts.order_merge import Line, merge_order
from theseller.ingest.types import OrderSource, WriteResult

_STAGE = "incoming_order_line"
_STAGED = (*ORDER_COLUMNS, ("carried_at", "text"), ("source", "text"))
_LINE = names_of(ORDER_COLUMNS)
_SPAN = "tenant_id = %(tenant)s and local_day between %(first)s and %(last)s"
_AMOUNTS = tuple(name for name, kind in ORDER_COLUMNS if kind == "numeric")
_SMALLEST = Decimal("0.0001")
#: Orders merged at a time.
_PART = 5_000
_ONE_DAY = timedelta(days=1)


class OrderWriter:
    """Writer of the order lines of one document.

    The caller has taken the lock of orders. `days`: those whose lines changed.
    """

    def __init__(self, bulk: Bulk, connection: UUID, source: OrderSource) -> None:
        self.days: set[Day] = set()
        self._bulk = bulk
        self._connection = connection
        self._source = source
        self._new: set[str] = set()
        self._known: list[OrderRow] = []
        self._written = WriteResult()
        [(filled,)] = bulk.rows(
            "select exists (select from ingest_order_line where tenant_id = %(tenant)s)"
        )
        self._empty = not filled

    def add(self, rows: list[OrderRow]) -> None:
        """Write the lines of orders that are not stored yet.

        Those of the others are kept for `settle`. Whether an order for nothing is a replacement can
        be said only when all its lines are there: it waits, too, and so do a line that comes twice,
        and an order with several lines of one product that have no item numbers.
        """
        orders = {row.order_id for row in rows}
        waiting = {
            row.order_id
            for row in rows
            if row.item_price is not None and not row.item_price and row.replacement_stated is None
        }
        waiting |= {
            row.order_id for row in rows if "/" in row.line_key and not row.line_key.endswith("/1")
        }
        if not self._empty:
            waiting |= self._already_stored(rows, orders)
        if len(keys := {(row.order_id, row.line_key) for row in rows}) < len(rows):
            times = Counter((row.order_id, row.line_key) for row in rows)
            waiting |= {order for order, key in keys if times[order, key] > 1}
        waiting |= orders & self._new
        if waiting:
            self._known.extend(row for row in rows if row.order_id in waiting)
            rows = [row for row in rows if row.order_id not in waiting]
        if rows:
            self._new |= orders - waiting
            self._insert([Line(row, {}, self._source.value) for row in rows])

    def settle(self) -> WriteResult:
        """Merge what came for known orders with what is stored of them."""
        by_order: dict[str, list[OrderRow]] = defaultdict(list)
        for row in self._known:
            by_order[row.order_id].append(row)
        self._known = []
        orders = sorted(by_order)
        for start in range(0, len(orders), _PART):
            self._merge({order: by_order.pop(order) for order in orders[start : start + _PART]})
        return self._written

    def _already_stored(self, rows: list[OrderRow], orders: set[str]) -> set[str]:
        """Return which of `orders` are stored.

        An order is bought once: its stored lines are within the span of the new ones.
        """
        incoming, bound = self._bulk.incoming(
            "incoming_order", [("order_id", "text")], [(order,) for order in sorted(orders)]
        )
        found = self._bulk.rows(
            f"select distinct order_id from ingest_order_line where {_SPAN} and "  # noqa: S608
            f"order_id in (select order_id from {incoming})",
            **_span(rows),
            **bound,
        )
        return {order for (order,) in found}

    def _merge(self, by_order: dict[str, list[OrderRow]]) -> None:
        stored, foreign = self._stored(by_order)
        deleted: list[tuple[str, str]] = list(foreign)
        fresh: list[Line] = []
        unchanged = outdated = 0
        for order, rows in by_order.items():
            before = stored.get(order, [])
            former = {line.key: line for line in before}
            stated = [Line(_as_stored(row), {}, self._source.value) for row in rows]
            # Of an order that this document brought, everything stored is its own, too: lines are
            # counted together, not part by part.
            lines = (
                merge_order([], [*before, *stated])
                if order in self._new
                else merge_order(before, stated)
            )
            changed = [line for line in lines if _differs(former.get(line.key), line)]
            lost = [key for key in former if key not in {line.key for line in lines}]
            deleted += [
                (order, key)
                for key in [*lost, *(line.key for line in changed if line.key in former)]
            ]
            fresh += changed
            if not changed and not lost:
                newer = max((line.row.last_updated_at for line in before), default=None)
                late = newer is not None and all(row.last_updated_at < newer for row in rows)
                outdated, unchanged = outdated + late, unchanged + (not late)
        removed = self._delete(deleted)
        self._written += WriteResult(0, removed, unchanged, outdated)
        self._insert(fresh)

    def _stored(
        self, by_order: dict[str, list[OrderRow]]
    ) -> tuple[dict[str, list[Line]], list[tuple[str, str]]]:
        """Return the stored lines of these orders, and the keys of foreign ones.

        Foreign are those of another connection. It has ended and its lines are about to be erased:
        the incoming ones replace them.
        """
        found = self._bulk.rows(
            f"select {_LINE}, carried_at::text, source, connection_id from "  # noqa: S608
            "ingest_order_line where tenant_id = any(%(tenants)s) and order_id = any(%(orders)s)",
            orders=sorted(by_order),
        )
        stored: dict[str, list[Line]] = defaultdict(list)
        foreign: list[tuple[str, str]] = []
        for *values, carried, source, connection in found:
            row = OrderRow._make(values)
            if connection != self._connection:
                foreign.append((row.order_id, row.line_key))
                continue
            stored[row.order_id].append(order_line_merge_state.load(row, source, carried))
        return stored, foreign

    def _insert(self, lines: list[Line]) -> None:
        if not lines:
            return
        self._bulk.create_stage(_STAGE, _STAGED)
        self._bulk.copy(_STAGE, _STAGED, [_staged(lines)])
        added = self._bulk.run(
            f"insert into ingest_order_line (tenant_id, connection_id, {_LINE}, "  # noqa: S608
            f"carried_at, source) select %(tenant)s, %(connection)s, {_LINE}, carried_at::jsonb, "
            f"source from pg_temp.{_STAGE}",
            connection=self._connection,
        )
        self.days.update({(line.row.marketplace_id, line.row.local_day) for line in lines})
        self._written += WriteResult(added)

    def _delete(self, keys: list[tuple[str, str]]) -> int:
        """Delete lines by order and key; return how many."""
        if not keys:
            return 0
        deleted = self._bulk.rows(
            "with deleted as (delete from ingest_order_line l using unnest(%(orders)s::text[],"
            " %(keys)s::text[]) as k (order_id, line_key) where l.tenant_id = any(%(tenants)s) and"
            " l.order_id = k.order_id and l.line_key = k.line_key returning l.marketplace_id,"
            " l.local_day) select marketplace_id, local_day, count(*) from deleted group by"
            " marketplace_id, local_day",
            orders=[order for order, _ in keys],
            keys=[key for _, key in keys],
        )
        self.days.update((store, day) for store, day, _ in deleted)
        return sum(count for _, _, count in deleted)


def _as_stored(row: OrderRow) -> OrderRow:
    """Round amounts as the database does.

    What is read again then equals what is stored.
    """
    amounts = {name: getattr(row, name) for name in _AMOUNTS}
    return row._replace(
        **{
            name: amount.quantize(_SMALLEST, ROUND_HALF_UP)
            for name, amount in amounts.items()
            if amount is not None
        }
    )


def _staged(lines: list[Line]) -> Iterator[Row]:
    for line in lines:
        yield (*line.row, order_line_merge_state.dump(line), line.source)


def _differs(former: Line | None, line: Line) -> bool:
    """Say whether two lines differ as stored.

    Amounts are equal whatever zeros follow, instants whatever their zone.
    """
    if (
        former is None
        or former.row != line.row
        or dict(former.carried) != dict(line.carried)
        or former.source != line.source
    ):
        return True
    return len(former.parts) != len(line.parts) or any(
        _differs(*pair) for pair in zip(former.parts, line.parts, strict=True)
    )


def _span(rows: list[OrderRow]) -> dict[str, Any]:
    days = [row.local_day for row in rows]
    return {"first": min(days) - _ONE_DAY, "last": max(days) + _ONE_DAY}
