"""Read orders with what Amazon posted for each: list, lines, ledger lines.

Every query runs inside the caller's tenant scope, and a member's limit to marketplaces is applied
here. Orders are found by purchase day; what was posted for an order counts whenever that was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connections

from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.types import LedgerEntry, OrderEntry, Scope
from theseller.analytics.rollups.rollup_sql_execution import LINES_OF_ORDERS, run_on_counted_lines
from theseller.analytics.rollups.sql_parameters import parameters
from theseller.lib import sql_execution as statements
from theseller.tenancy.planner_estimates import repeated
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible, visible_marketplaces

#: For how many orders the ledger is read at once.
_AT_ONCE = 2_000
#: The most orders that are sorted by what was posted for them: it is computed for all of them.
MOST_SORTED_BY_MONEY = 3_000


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = re.compile(r"-?[0-9]{1,18}")
#: A price as cursors state it: an exponent, NaN or more digits would be none that is stored.
_AMOUNT = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,4})?")


class OrderSort(StrEnum):
    """The columns that the list of orders can be ordered by."""

    DATE = "date"
    UNITS = "units"
    SALES = "sales"
    FEES = "fees"
    REFUNDS = "refunds"
    NET = "net"


#: The SQL expression of each order that the order lines decide, and its type.
_ORDER = {
    OrderSort.DATE: ("purchased_at", "timestamptz"),
    OrderSort.UNITS: ("units", "bigint"),
    OrderSort.SALES: ("sales", "numeric"),
}
#: The sorts that what was posted decides.
SORTS_BY_MONEY = frozenset(OrderSort) - _ORDER.keys()

_PAGE = """
with seen as (
    select o.order_id, min(o.marketplace_id) as marketplace_id,
           min(o.purchased_at) as purchased_at,
           case when bool_and(o.status = 'cancelled') then 'cancelled'
                when bool_or(o.status = 'pending') then 'pending'
                when bool_or(o.status = 'unshipped') then 'unshipped'
                else 'shipped' end as status,
           bool_and(o.is_replacement) as is_replacement, bool_or(o.is_business) as is_business,
           coalesce(sum(o.quantity) filter (
               where o.status <> 'cancelled' and not o.is_replacement), 0) as units,
           coalesce(sum(o.item_price) filter (
               where o.status <> 'cancelled' and not o.is_replacement), 0) as sales,
           coalesce(sum(o.quantity) filter (
               where o.status <> 'cancelled' and not o.is_replacement and o.item_price is null), 0)
               as unpriced
    from ingest_order_line o
    where o.tenant_id = any (%(tenants)s::uuid[]) and o.local_day between %(first)s and %(last)s
      and o.marketplace_id = any (%(stores)s::text[])
      and coalesce(o.currency, %(currency)s) = %(currency)s
      {search}
    group by o.order_id
)
select order_id, marketplace_id, purchased_at, status, is_replacement, is_business, units, sales,
       unpriced, count, all_units, all_sales
from (select s.*, count(*) over () as count, sum(units) over () as all_units,
             sum(sales) over () as all_sales from seen s) found
{after}
order by {key} {direction}, order_id {direction} limit %(most)s
"""
_CONTAINS = "and o.order_id like %(pattern)s"
_OF_PRODUCT = """
and o.order_id = any ((
    select array_agg(distinct p.order_id) from ingest_order_line p
    where p.tenant_id = any (%(tenants)s::uuid[]) and p.local_day between %(first)s and %(last)s
      and p.marketplace_id = any (%(stores)s::text[]) and p.sku = %(sku)s)::text[])
"""
_AFTER = "where ({key}, order_id) {sign} (%(value)s::{type}, %(order)s)"
_LINES = """
select o.order_id, o.purchased_at, o.status, o.is_replacement, o.is_business, o.sku, o.asin,
       coalesce(p.title, ''), o.quantity, o.currency, o.item_price, o.promotion_discount,
       o.marketplace_id
from ingest_order_line o
left join ingest_product p
  on p.tenant_id = o.tenant_id and p.marketplace_id = o.marketplace_id and p.sku = o.sku
where o.tenant_id = any (%(tenants)s::uuid[]) and o.order_id = %(order)s
  and (%(visible)s::text[] is null or o.marketplace_id = any (%(visible)s::text[]))
order by o.line_key limit %(most)s
"""
_IS_STORED = """
select exists (
    select from ingest_order_line o
    where o.tenant_id = any (%(tenants)s::uuid[]) and o.order_id = %(order)s
      and (%(visible)s::text[] is null or o.marketplace_id = any (%(visible)s::text[])))
  or exists (
    select from ingest_ledger_line l
    where l.tenant_id = any (%(tenants)s::uuid[]) and l.order_id = %(order)s
      and (%(visible)s::text[] is null or l.marketplace_id = any (%(visible)s::text[])))
"""


class MoneyState(StrEnum):
    """How far Amazon is with the money of an order."""

    NOT_POSTED = "not_posted"
    DEFERRED = "deferred"
    POSTED = "posted"
    PARTLY_SETTLED = "partly_settled"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class OrderMoney:
    """What Amazon posted for an order in one currency, with ledger signs.

    Of the ledger lines that count, whatever their day. `deferred` is no part of `net_proceeds`.
    """

    posted_lines: int = 0
    settled_lines: int = 0
    deferred_lines: int = 0
    product_sales: Decimal = Decimal(0)
    refunded_sales: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    net_proceeds: Decimal = Decimal(0)
    deferred: Decimal = Decimal(0)

    @property
    def state(self) -> MoneyState:
        """How far Amazon is with it.

        Deferred, as long as Amazon defers any of it.
        """
        if self.deferred_lines:
            return MoneyState.DEFERRED
        if not self.posted_lines:
            return MoneyState.NOT_POSTED
        if not self.settled_lines:
            return MoneyState.POSTED
        whole = self.settled_lines == self.posted_lines
        return MoneyState.SETTLED if whole else MoneyState.PARTLY_SETTLED


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """One order of the list.

    `units` and `sales` are of its lines that are sales. `unpriced` units have no price yet.
    """

    order_id: str
    marketplace_id: str
    purchased_at: datetime
    status: str
    is_replacement: bool
    is_business: bool
    units: int
    sales: Decimal
    unpriced: int
    money: OrderMoney = OrderMoney()

    @property
    def counted(self) -> bool:
        """Whether the order is a sale: not canceled and not a replacement."""
        return self.status != "cancelled" and not self.is_replacement


@dataclass(frozen=True, slots=True)
class OrderCursor:
    """The order behind which a page of the list begins; before it, if `back`."""

    value: str
    order_id: str
    back: bool = False


@dataclass(frozen=True, slots=True)
class OrderQuery:
    """Which orders of the list, in which order.

    `search` finds part of an order number, `sku` the orders of a product.
    """

    sort: OrderSort = OrderSort.DATE
    descending: bool = True
    search: str = ""
    sku: str = ""
    cursor: OrderCursor | None = None
    most: int = 50


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Some orders of the list, sums over all, and where other pages begin.

    `sort`: the order that the rows have; by date if there are too many to sort by money.
    """

    rows: tuple[OrderSummary, ...] = ()
    count: int = 0
    units: int = 0
    sales: Decimal = Decimal(0)
    previous: OrderCursor | None = None
    next: OrderCursor | None = None
    sort: OrderSort = OrderSort.DATE


def order_page(scope: Scope, span: Span, query: OrderQuery, *, using: str = "default") -> OrderPage:
    """Return a page of the orders placed in `span`, with their money."""
    require_visible(scope.marketplace_ids)
    if query.sort in SORTS_BY_MONEY:
        by_date = OrderQuery(search=query.search, sku=query.sku, most=MOST_SORTED_BY_MONEY)
        every = _read(scope, span, by_date, using)
        if len(every) <= MOST_SORTED_BY_MONEY:
            return _page_by_money(scope, every, query, using)
        query = replace(by_date, most=query.most)
    found = _read(scope, span, query, using)
    back = query.cursor is not None and query.cursor.back
    rows = found[: query.most][::-1] if back else found[: query.most]
    if not rows:
        return OrderPage(sort=query.sort)
    more, beside = len(found) > query.most, query.cursor is not None
    return OrderPage(
        _with_money(scope, [row for row, *_ in rows], using),
        *rows[0][1:],
        _cursor(rows[0][0], query, back=True) if (more if back else beside) else None,
        _cursor(rows[-1][0], query) if (beside if back else more) else None,
        query.sort,
    )


def order_money(
    order_ids: Sequence[str], currency: str, *, using: str = "default"
) -> dict[str, OrderMoney]:
    """Return what Amazon posted for orders in one currency.

    Of visible marketplaces.
    """
    found: dict[str, OrderMoney] = {}
    for begin in range(0, len(order_ids), _AT_ONCE):
        values = _order_values(order_ids[begin : begin + _AT_ONCE])
        with connections[using].cursor() as cursor:
            run_on_counted_lines(cursor, values, "order_totals.sql", lines=LINES_OF_ORDERS)
            found |= {
                order: OrderMoney(*rest) for order, of, *rest in cursor.fetchall() if of == currency
            }
    return found


def money_by_currency(order_id: str, *, using: str = "default") -> dict[str, OrderMoney]:
    """Return what Amazon posted for an order, by currency.

    Of visible marketplaces.
    """
    with connections[using].cursor() as cursor:
        values = _order_values([order_id])
        run_on_counted_lines(cursor, values, "order_totals.sql", lines=LINES_OF_ORDERS)
        return {of: OrderMoney(*rest) for _order, of, *rest in cursor.fetchall()}


def order_entries(order_id: str, *, most: int, using: str = "default") -> tuple[LedgerEntry, ...]:
    """Return at most `most` ledger lines of an order, the oldest first."""
    with connections[using].cursor() as cursor:
        values = _order_values([order_id]) | {"most": most}
        run_on_counted_lines(cursor, values, "order_entries.sql", lines=LINES_OF_ORDERS)
        return tuple(LedgerEntry(*row) for row in cursor.fetchall())


def is_stored(order_id: str, *, using: str = "default") -> bool:
    """Return whether lines of an order are stored that the person may see."""
    values = {
        "tenants": repeated(current_tenant()),
        "order": order_id,
        "visible": visible_marketplaces(),
    }
    [[found]] = statements.rows(connections[using], _IS_STORED, values)
    return bool(found)


def order_lines(order_id: str, *, most: int, using: str = "default") -> tuple[OrderEntry, ...]:
    """Return the lines of an order in visible marketplaces; at most `most`."""
    values = {
        "tenants": repeated(current_tenant()),
        "order": order_id,
        "visible": visible_marketplaces(),
        "most": most,
    }
    return tuple(OrderEntry(*row) for row in statements.rows(connections[using], _LINES, values))


def _order_values(order_ids: Sequence[str]) -> dict[str, Any]:
    visible = visible_marketplaces()
    return parameters(current_tenant(), [], orders=list(order_ids), visible=visible)


_Found = list[tuple[OrderSummary, int, int, Decimal]]


def _read(scope: Scope, span: Span, query: OrderQuery, using: str) -> _Found:
    """Return one row more than a page has, with the sums over all pages."""
    key, kind = _ORDER[query.sort]
    cursor = query.cursor
    descending = query.descending is not (cursor is not None and cursor.back)
    sign = "<" if descending else ">"
    sql = _PAGE.format(
        search=(_CONTAINS if query.search else "") + (_OF_PRODUCT if query.sku else ""),
        after=_AFTER.format(key=key, sign=sign, type=kind) if cursor else "",
        key=key,
        direction="desc" if descending else "asc",
    )
    values = {
        "tenants": repeated(current_tenant()),
        "currency": scope.currency,
        "stores": list(scope.marketplace_ids),
        "first": span.first,
        "last": span.last,
        "pattern": f"%{query.search}%",
        "sku": query.sku,
        "value": _value(query.sort, cursor) if cursor else None,
        "order": cursor.order_id if cursor else None,
        "most": query.most + 1,
    }
    return [
        (OrderSummary(*row[:9]), *row[9:])
        for row in statements.rows(connections[using], sql, values)
    ]


def _with_money(scope: Scope, rows: Sequence[OrderSummary], using: str) -> tuple[OrderSummary, ...]:
    money = order_money([row.order_id for row in rows], scope.currency, using=using)
    return tuple(replace(row, money=money.get(row.order_id, OrderMoney())) for row in rows)


def _page_by_money(scope: Scope, every: _Found, query: OrderQuery, using: str) -> OrderPage:
    """Return a page of `every` order, sorted by what was posted.

    Orders without posted money come last.
    """
    rows = sorted(
        _with_money(scope, [row for row, *_ in every], using),
        key=lambda row: (_posted(row, query.sort) or 0, row.order_id),
        reverse=query.descending,
    )
    rows.sort(key=lambda row: _posted(row, query.sort) is None)
    begin = 0
    if cursor := query.cursor:
        place = next(
            (place for place, row in enumerate(rows) if row.order_id == cursor.order_id), -1
        )
        begin = max(place - query.most, 0) if cursor.back else place + 1
    shown = tuple(rows[begin : begin + query.most])
    if not shown:
        return OrderPage(sort=query.sort)
    return OrderPage(
        shown,
        *every[0][1:],
        _cursor(shown[0], query, back=True) if begin else None,
        _cursor(shown[-1], query) if begin + query.most < len(rows) else None,
        query.sort,
    )


def _posted(row: OrderSummary, sort: OrderSort) -> Decimal | None:
    """Return what the list is sorted by; None where nothing is posted yet."""
    if not row.money.posted_lines:
        return None
    return {
        OrderSort.FEES: -row.money.fees,
        OrderSort.REFUNDS: -row.money.refunded_sales,
    }.get(sort, row.money.net_proceeds)


def _cursor(row: OrderSummary, query: OrderQuery, *, back: bool = False) -> OrderCursor:
    value = {
        OrderSort.DATE: str((row.purchased_at - _EPOCH) // timedelta(microseconds=1)),
        OrderSort.UNITS: str(row.units),
        OrderSort.SALES: f"{row.sales:f}",
    }.get(query.sort, "0")
    return OrderCursor(value, row.order_id, back)


def _value(sort: OrderSort, cursor: OrderCursor) -> object:
    """Return the value of a cursor as the statement compares it.

    Raises:
        ValueError, ArithmeticError: it is none of this sort.
    """
    if sort is OrderSort.SALES:
        if not _AMOUNT.fullmatch(cursor.value):
            raise ValueError("no amount")
        return Decimal(cursor.value)
    if not _DIGITS.fullmatch(cursor.value):
        raise ValueError("no number")
    number = int(cursor.value)
    return _EPOCH + timedelta(microseconds=number) if sort is OrderSort.DATE else number


def is_valid(sort: OrderSort, cursor: OrderCursor) -> bool:
    """Return whether the value of a cursor is one of `sort`."""
    try:
        _value(sort, cursor)
    except (ValueError, ArithmeticError):
        return False
    return True
