"""Read how a month's ordered sales, posted sales and settlements differ.

For one store and currency. Every query runs inside the caller's tenant scope and refuses stores
that the person may not see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connections

from theseller.analytics.pages.periods import Span
from theseller.analytics.rollups.column_charge_types import (
    CASH_CHARGE_TYPES,
    COUNTED_CHARGE_TYPES,
)
from theseller.analytics.rollups.rollup_sql_execution import (
    LINES_OF_DAYS,
    LINES_OF_ORDERS,
    run_on_counted_lines,
)
from theseller.analytics.rollups.sql_parameters import parameters
from theseller.lib import sql_execution as statements
from theseller.tenancy.planner_estimates import repeated
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible, visible_marketplaces

_AT_ONCE = 2_000
_ORDERED = """
select o.order_id,
       bool_and(o.status = 'cancelled') as cancelled, bool_and(o.is_replacement) as replacement,
       bool_or(o.status in ('pending', 'unshipped')) as open,
       coalesce(sum(o.item_price)
           filter (where o.status <> 'cancelled' and not o.is_replacement), 0) as sales,
       coalesce(sum(o.quantity) filter (
           where o.status <> 'cancelled' and not o.is_replacement and o.item_price is null), 0),
       coalesce(sum(o.item_price) filter (where o.status = 'cancelled'), 0)
from ingest_order_line o
where o.tenant_id = any (%(tenants)s::uuid[]) and o.local_day between %(first)s and %(last)s
  and o.marketplace_id = %(store)s and coalesce(o.currency, %(currency)s) = %(currency)s
group by o.order_id
"""
_PLACED = """
select o.order_id, min(o.local_day) from ingest_order_line o
where o.tenant_id = any (%(tenants)s::uuid[]) and o.order_id = any (%(orders)s::text[])
  and (%(visible)s::text[] is null or o.marketplace_id = any (%(visible)s::text[]))
group by 1
"""
_PARTS = """
select case when l.kind = any (%(cash)s::text[]) then 'cash'
            when not l.kind = any (%(counted)s::text[]) then 'taxes'
            when l.marketplace_id <> %(store)s or l.currency <> %(currency)s then 'other_store'
            when l.local_day < %(first)s then 'before'
            when l.local_day > %(last)s then 'after'
            else 'within' end as part,
       sum(l.amount)
from ingest_ledger_line l
where l.tenant_id = any (%(tenants)s::uuid[]) and l.source = 'settlement'
  and l.source_key = any (%(numbers)s::text[])
group by 1
"""


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order that was placed in the month.

    `sales` are the prices of its lines that are sales, `canceled` those of canceled lines;
    `open`: pending or not shipped yet.
    """

    order_id: str
    is_canceled: bool
    is_replacement: bool
    open: bool
    sales: Decimal
    unpriced: int
    canceled: Decimal


@dataclass(frozen=True, slots=True)
class PostedSales:
    """Product sales posted for an order: in the month, before, after it."""

    within: Decimal = Decimal(0)
    earlier: Decimal = Decimal(0)
    later: Decimal = Decimal(0)
    deferred: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.within + self.earlier + self.later + self.deferred


def ordered(
    store: str, currency: str, month: Span, *, using: str = "default"
) -> tuple[Ordered, ...]:
    """Return the orders of a store that were placed in the month."""
    require_visible([store])
    values = _month(store, currency, month)
    return tuple(Ordered(*row) for row in statements.rows(connections[using], _ORDERED, values))


def posted_in_month(
    store: str, currency: str, month: Span, *, using: str = "default"
) -> dict[str, Decimal]:
    """Return the product sales that count in the month, by order.

    '' is money without an order.
    """
    require_visible([store])
    slices = [(store, day) for day in month.days()]
    values = parameters(current_tenant(), slices, first=month.first, last=month.last)
    found: dict[str, Decimal] = defaultdict(Decimal)
    for order, _store, of, _within, _earlier, counted, _deferred in _run(
        values, LINES_OF_DAYS, using
    ):
        if of == currency:
            found[order] += counted
    return found


def posted_for(
    orders: Sequence[str], store: str, currency: str, month: Span, *, using: str = "default"
) -> dict[str, PostedSales]:
    """Return the product sales of orders in a store, whatever their day."""
    require_visible([store])
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for begin in range(0, len(orders), _AT_ONCE):
        values = parameters(
            current_tenant(),
            [],
            orders=list(orders[begin : begin + _AT_ONCE]),
            visible=visible_marketplaces(),
            first=month.first,
            last=month.last,
        )
        for order, of_store, of, within, earlier, counted, deferred in _run(
            values, LINES_OF_ORDERS, using
        ):
            if (of_store, of) == (store, currency):
                part = "within" if within else "earlier" if earlier else "later"
                sums[order][part] += counted
                sums[order]["deferred"] += deferred
    return {order: PostedSales(**parts) for order, parts in sums.items()}


def placed_on(orders: Iterable[str], *, using: str = "default") -> dict[str, Any]:
    """Return the days on which orders were placed, of those that are stored."""
    values = {
        "tenants": repeated(current_tenant()),
        "orders": list(orders),
        "visible": visible_marketplaces(),
    }
    return dict(statements.rows(connections[using], _PLACED, values))


def settled_parts(
    numbers: Sequence[str], store: str, currency: str, month: Span, *, using: str = "default"
) -> dict[str, Decimal]:
    """Return what settlements consist of.

    Income and costs of the store ``within`` the month, ``before`` and ``after`` it, of an
    ``other_store``; ``taxes``, and ``cash`` (reserves, debts, transfers).
    """
    require_visible([store])
    values = _month(store, currency, month) | {
        "numbers": list(numbers),
        "cash": sorted(kind.value for kind in CASH_CHARGE_TYPES),
        "counted": sorted(kind.value for kind in COUNTED_CHARGE_TYPES),
    }
    found: dict[str, Decimal] = defaultdict(Decimal)
    found.update(statements.rows(connections[using], _PARTS, values))
    return found


def _month(store: str, currency: str, month: Span) -> dict[str, Any]:
    return {
        "tenants": repeated(current_tenant()),
        "store": store,
        "currency": currency,
        "first": month.first,
        "last": month.last,
    }


def _run(values: dict[str, Any], lines: tuple[str, str], using: str) -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        run_on_counted_lines(cursor, values, "sales_by_order.sql", lines=lines)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
