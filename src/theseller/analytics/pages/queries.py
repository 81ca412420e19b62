"""Read the figures of the dashboard.

Each query runs inside the caller's tenant scope and sums only within one currency. Every query
repeats the tenant as a plain filter: row-level security decides what may be seen, the filter helps
the planner. A member's limit to marketplaces is applied here: `stores` leaves others out, and all
other queries refuse them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.db import connections

from theseller.analytics.pages.page_filters import Selection, same_time_on
from theseller.analytics.pages.periods import Choice, Span
from theseller.analytics.pages.types import LedgerEntry, OrderEntry, Scope, Store
from theseller.analytics.profit.goods_sold import GoodsSold, goods_sold, has_costs
from theseller.analytics.rollups.rollup_sql_execution import run_on_counted_lines
from theseller.analytics.rollups.sql_parameters import parameters
from theseller.analytics.rollups.types import SUMMED, Figures
from theseller.lib import sql_execution as statements
from theseller.tenancy.tenant_scope import current_tenant
from theseller.tenancy.visible_marketplaces import require_visible, visible_marketplaces

_STORES = """
select marketplace_id, currency, min(local_day), max(local_day), sum(order_items)
from analytics_day
where tenant_id = %(tenant)s
  and (%(visible)s::text[] is null or marketplace_id = any (%(visible)s::text[]))
group by 1, 2 order by sum(order_items) desc, 1, 2
"""
_DAYS = f"""
select local_day, {", ".join(f"sum({name})" for name in SUMMED)},
       count(*) filter (where ledger_source <> 'none'),
       count(*) filter (where ledger_source = 'settlement')
from analytics_day
where tenant_id = %(tenant)s and currency = %(currency)s
  and marketplace_id = any (%(stores)s::text[])
  and local_day between %(from_day)s and %(to_day)s
  and (
    local_day between %(first)s and %(last)s
    or local_day between %(before_first)s and %(before_last)s)
group by local_day order by local_day
"""  # column names of our own  # noqa: S608
_SO_FAR = """
select count(distinct o.order_id), coalesce(sum(o.quantity), 0), coalesce(sum(o.item_price), 0)
from ingest_order_line o
join unnest(%(stores)s::text[], %(cutoffs)s::timestamptz[]) as c (marketplace_id, cutoff)
  using (marketplace_id)
where o.tenant_id = %(tenant)s and o.local_day = %(day)s and o.purchased_at < c.cutoff
  and coalesce(o.currency, %(currency)s) = %(currency)s
  and o.status <> 'cancelled' and not o.is_replacement
"""
_DAY_ORDERS = """
select o.order_id, o.purchased_at, o.status, o.is_replacement, o.is_business, o.sku, o.asin,
       coalesce(p.title, ''), o.quantity, o.currency, o.item_price, o.promotion_discount
from ingest_order_line o
left join ingest_product p
  on p.tenant_id = o.tenant_id and p.marketplace_id = o.marketplace_id and p.sku = o.sku
where o.tenant_id = %(tenant)s and o.marketplace_id = %(store)s and o.local_day = %(day)s
order by o.purchased_at, o.order_id, o.line_key limit %(most)s
"""


@dataclass(frozen=True, slots=True)
class DaySeries:
    """Figures by day for a period and the one before it, and their sums."""

    span: Span
    before_span: Span | None
    by_day: dict[date, Figures]
    total: Figures
    before: Figures


def stores(*, using: str = "default") -> tuple[Store, ...]:
    """Return every store and currency with figures that the person may see.

    The one with the most order items is first.
    """
    return tuple(Store(*row) for row in _read(_STORES, {"visible": visible_marketplaces()}, using))


def day_series(
    scope: Scope, span: Span, before: Span | None, *, using: str = "default"
) -> DaySeries:
    """Return the figures of the scope's stores by day, and their sums.

    By each store's own calendar day, in one read of the day rollup.
    """
    require_visible(scope.marketplace_ids)
    other = before or Span(date.max, date.min)
    rows = _read(
        _DAYS,
        {
            "currency": scope.currency,
            "stores": list(scope.marketplace_ids),
            "first": span.first,
            "last": span.last,
            "before_first": other.first,
            "before_last": other.last,
            **span.enclosing(other),
        },
        using,
    )
    by_day = _with_costs(scope, span, other, {row[0]: Figures(*row[1:]) for row in rows}, using)
    return part_of(by_day, span, before)


def part_of(by_day: Mapping[date, Figures], span: Span, before: Span | None) -> DaySeries:
    """Return the series of some days whose figures have been read.

    It equals what `day_series` reads of them.
    """
    other = before or Span(date.max, date.min)
    now, earlier = (
        {day: figures for day, figures in by_day.items() if one.first <= day <= one.last}
        for one in (span, other)
    )
    return DaySeries(span, before, now | earlier, add_up(now.values()), add_up(earlier.values()))


def _with_costs(
    scope: Scope, span: Span, other: Span, by_day: dict[date, Figures], using: str
) -> dict[date, Figures]:
    """Return the figures of each day with the cost of the goods sold.

    In a shop without costs they are returned as they are.
    """
    if not by_day or not has_costs(scope.currency, using=using):
        return by_day
    spans = [one for one in (span, other) if one.first <= one.last]
    goods: dict[date, GoodsSold] = {}
    for one in spans:
        goods |= goods_sold(scope.marketplace_ids, scope.currency, one.first, one.last, using=using)
    return {
        day: _with_goods(figures, goods.get(day, GoodsSold())) for day, figures in by_day.items()
    }


def _with_goods(figures: Figures, goods: GoodsSold) -> Figures:
    return replace(
        figures,
        cost_of_goods=goods.cost,
        costed_sales=goods.costed_sales,
        uncosted_sales=goods.uncosted_sales,
        uncosted_net=goods.uncosted_net,
        costed_lines=goods.costed_lines,
        uncosted_lines=goods.uncosted_lines,
        cost_days=1,
    )


def add_up(parts: Iterable[Figures]) -> Figures:
    """Return the sum of figures of one currency."""
    names = tuple(Figures.__dataclass_fields__)
    sums: dict[str, Any] = defaultdict(int)
    for part in parts:
        for name in names:
            sums[name] += getattr(part, name)
    return Figures(**sums)


def ordered_so_far(
    scope: Scope, day: date, cutoffs: Sequence[datetime], *, using: str = "default"
) -> Figures:
    """Return the orders of `day` up to a time in each store.

    `cutoffs` has an aware datetime for each store of the scope: part of a day is compared with the
    same part of another.
    """
    require_visible(scope.marketplace_ids)
    orders, units, sales = _read(
        _SO_FAR,
        {
            "stores": list(scope.marketplace_ids),
            "cutoffs": list(cutoffs),
            "day": day,
            "currency": scope.currency,
        },
        using,
    )[0]
    return Figures(orders=orders, units=units, ordered_sales=sales)


def day_entries(
    store: str, day: date, *, most: int, using: str = "default"
) -> tuple[LedgerEntry, ...]:
    """Return the ledger lines of one store's day, with their treatment.

    By charge type; at most `most`.
    """
    require_visible([store])
    values = parameters(current_tenant(), [(store, day)], most=most)
    with connections[using].cursor() as cursor:
        run_on_counted_lines(cursor, values, "day_entries.sql")
        return tuple(LedgerEntry(*row) for row in cursor.fetchall())


def day_orders(
    store: str, day: date, *, most: int, using: str = "default"
) -> tuple[OrderEntry, ...]:
    """Return the order lines of one store's day, as purchased; at most `most`."""
    require_visible([store])
    return tuple(
        OrderEntry(*row)
        for row in _read(_DAY_ORDERS, {"store": store, "day": day, "most": most}, using)
    )


def _read(sql: str, values: dict[str, Any], using: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = statements.rows(
        connections[using], sql, {"tenant": current_tenant(), **values}
    )
    return rows


def load_series(selection: Selection, at: datetime) -> DaySeries:
    """Read the figures of the selection.

    A period that ends today is compared with the same part of its last day.
    """
    choice = selection.choice
    series = day_series(selection.scope, choice.span, choice.before)
    return to_the_same_time(selection, series, at)


def to_the_same_time(selection: Selection, series: DaySeries, at: datetime) -> DaySeries:
    """Return a series whose comparison ends at the time of day that it is now.

    Only if the selection ends today and is compared with as many days; only what counts by purchase
    date.
    """
    choice = selection.choice
    if not ends_at_the_same_time(choice) or choice.before is None:
        return series
    whole = series.by_day.get(choice.before.last, Figures())
    part = ordered_so_far(
        selection.scope, choice.before.last, same_time_on(selection.scope, choice.before.last, at)
    )
    before = replace(
        series.before,
        orders=series.before.orders - whole.orders + part.orders,
        units=series.before.units - whole.units + part.units,
        ordered_sales=series.before.ordered_sales - whole.ordered_sales + part.ordered_sales,
    )
    return replace(series, before=before)


def ends_at_the_same_time(choice: Choice) -> bool:
    """Return whether the comparison ends with a part of its last day."""
    return (
        choice.partial and choice.before is not None and choice.before.length == choice.span.length
    )
