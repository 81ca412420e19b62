"""Read how a month's ordered sales, posted sales and settlements differ.

For one store and currency. Every query runs inside the caller's tenant scope and refuses stores
that the person may not see.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connections

from theseller.analytics.pages.periods import Span
from theseller.analytics.rollups.column_charge_types import (
    CASH_CHARGE_TYPES,
    COUNTED_CHARGE_TYPES,
)
from theseller.analytics.rollups.rollup_sql_execution import (
    LINES_OF_MANY_ORDERS,
    LINES_WITHOUT_ORDER,
    run_on_counted_lines,
)
from theseller.analytics.rollups.sql_parameters import parameters
from theseller.lib import sql_execution as statements
from theseller.tenancy.planner_estimates import repeated
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible, visible_marketplaces

_AT_ONCE = 10_000
_ORDERED = """
select o.order_id, o.sku,
       bool_and(o.status = 'cancelled') as cancelled, bool_and(o.is_replacement) as replacement,
       bool_or(o.status in ('pending', 'unshipped')) as open,
       coalesce(sum(o.quantity)
           filter (where o.status <> 'cancelled' and not o.is_replacement), 0) as units,
       coalesce(sum(o.item_price)
           filter (where o.status <> 'cancelled' and not o.is_replacement), 0) as sales,
       coalesce(sum(o.quantity) filter (
           where o.status <> 'cancelled' and not o.is_replacement and o.item_price is null), 0),
       sum(o.item_price) filter (where o.status = 'cancelled') as canceled_sales
from ingest_order_line o
where o.tenant_id = any (%(tenants)s::uuid[]) and o.local_day between %(first)s and %(last)s
  and o.marketplace_id = %(store)s and coalesce(o.currency, %(currency)s) = %(currency)s
group by o.order_id, o.sku
"""
_ORDERS_OF_DAYS = """
select distinct l.order_id from ingest_ledger_line l
where l.tenant_id = any (%(tenants)s::uuid[]) and l.local_day between %(first)s and %(last)s
  and l.marketplace_id = %(store)s and l.currency = %(currency)s and l.order_id <> ''
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
class Product:
    """What was ordered of one product in an order.

    Of the lines that are sales. `sales` are the prices; `unpriced` units have none yet.
    """

    units: int
    sales: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order that was placed in the month.

    `open`: some of it is pending or not shipped yet. `products`: by SKU. `canceled`: the prices of
    canceled lines; None if none of them has one.
    """

    order_id: str
    is_canceled: bool
    is_replacement: bool
    open: bool
    products: dict[str, Product]
    canceled: Decimal | None

    @property
    def sales(self) -> Decimal:
        """The prices of all products."""
        return sum((one.sales for one in self.products.values()), Decimal(0))

    @property
    def unpriced(self) -> int:
        """The units that have no price yet."""
        return sum(one.unpriced for one in self.products.values())


@dataclass(slots=True)
class PostedProduct:
    """What was posted of one product of an order, deferred or not, on any day.

    `units` are those that Amazon states; 0 if it states none.
    """

    sales: Decimal = Decimal(0)
    units: int = 0


@dataclass(slots=True)
class PostedSales:
    """Product sales posted for an order: in the month, before, after it.

    `products`: all of it by SKU; '' is without one.
    """

    within: Decimal = Decimal(0)
    earlier: Decimal = Decimal(0)
    later: Decimal = Decimal(0)
    deferred: Decimal = Decimal(0)
    products: dict[str, PostedProduct] = field(default_factory=lambda: defaultdict(PostedProduct))

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.within + self.earlier + self.later + self.deferred


@dataclass(slots=True)
class Posted:
    """What was posted for orders on any day, and what counts in the month.

    `orders`: those for which product sales were posted. Of the month: product sales by order, ''
    without one; net proceeds by the settlement that contains them, '' in no stored one.
    """

    orders: dict[str, PostedSales] = field(default_factory=dict)
    sales: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    net: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def ordered(
    store: str, currency: str, month: Span, *, using: str = "default"
) -> tuple[Ordered, ...]:
    """Return the orders of a store that were placed in the month."""
    require_visible([store])
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    values = _month(store, currency, month)
    for order, *rest in statements.rows(connections[using], _ORDERED, values):
        rows[order].append(tuple(rest))
    return tuple(_order(order, products) for order, products in rows.items())


def _order(order: str, rows: Sequence[tuple[Any, ...]]) -> Ordered:
    canceled = [amount for *_, amount in rows if amount is not None]
    return Ordered(
        order,
        is_canceled=all(row[1] for row in rows),
        is_replacement=all(row[2] for row in rows),
        open=any(row[3] for row in rows),
        products={row[0]: Product(*row[4:7]) for row in rows if row[4] or row[5]},
        canceled=sum(canceled, Decimal(0)) if canceled else None,
    )


def posted(
    placed: Iterable[str], store: str, currency: str, month: Span, *, using: str = "default"
) -> Posted:
    """Return what was posted in a store.

    For the orders `placed` and for those with money in the month, whatever the day; in the month
    also without an order. Each line is read once.
    """
    require_visible([store])
    values = _month(store, currency, month)
    within = (order for (order,) in statements.rows(connections[using], _ORDERS_OF_DAYS, values))
    orders = sorted({*placed, *within})
    days = {"first": month.first, "last": month.last}
    slices = [(store, day) for day in month.days()]
    rows = _run(parameters(current_tenant(), slices, **days), LINES_WITHOUT_ORDER, using)
    for begin in range(0, len(orders), _AT_ONCE):
        chosen: dict[str, Any] = {
            "orders": orders[begin : begin + _AT_ONCE],
            "visible": visible_marketplaces(),
        }
        rows += _run(
            parameters(current_tenant(), [], **days, **chosen), LINES_OF_MANY_ORDERS, using
        )
    found = Posted()
    for row in rows:
        if (row.store, row.currency) != (store, currency):
            continue
        if row.within:
            found.sales[row.order_id] += row.counted
            found.net[row.settlement] += row.net
        if row.order_id and (row.counted or row.deferred):
            _add(found.orders.setdefault(row.order_id, PostedSales()), row)
    return found


def _add(order: PostedSales, row: _Row) -> None:
    order.deferred += row.deferred
    if row.within:
        order.within += row.counted
    elif row.earlier:
        order.earlier += row.counted
    else:
        order.later += row.counted
    product = order.products[row.sku]
    product.sales += row.counted + row.deferred
    product.units += row.units


def placed_on(orders: Iterable[str], *, using: str = "default") -> dict[str, date]:
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


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of `posted_by_order.sql`."""

    order_id: str
    sku: str
    store: str
    currency: str
    within: bool
    earlier: bool
    settlement: str
    counted: Decimal
    deferred: Decimal
    units: int
    net: Decimal


def _run(values: dict[str, Any], lines: tuple[str, str], using: str) -> list[_Row]:
    with connections[using].cursor() as cursor:
        run_on_counted_lines(cursor, values, "posted_by_order.sql", lines=lines)
        return [_Row(*row) for row in cursor.fetchall()]
