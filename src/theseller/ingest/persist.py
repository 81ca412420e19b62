# ruff: noqa: S608  # statements are put together from the constants of this module; every value is a bound parameter
"""Orders and products into the book of orders, idempotently. Every function runs inside the caller's tenant scope.

An order is a slice: all of its lines are replaced together, unless something newer stands. What changed marks its days for the rollups, in
the same transaction. Money: `ledger.py`. Stock and traffic: `stock.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from theseller.amazon.decoders.orders import Order
from theseller.amazon.reports.report import Row as ReportRow
from theseller.ingest.bulk import Bulk, Row
from theseller.ingest.minimise import ORDER_COLUMNS, Minimiser, products_rows
from theseller.ingest.types import OrderSource, Written

Day = tuple[str, date]

#: Books are locked in this order.
ORDERS_BOOK, LEDGER_BOOK, PRODUCTS_BOOK, STOCK_BOOK, TRAFFIC_BOOK = 101, 102, 103, 104, 105

_STAGE = "incoming_order_line"
_LINE = ", ".join(name for name, _ in ORDER_COLUMNS)
_SPAN = "tenant_id = %(tenant)s and local_day between %(first)s and %(last)s"
#: A fingerprint of an order's lines that does not depend on their order. Stored amounts have four decimals, incoming ones as many as printed.
_PRINT = "sum(hashtextextended(row({})::text, 0))".format(
    ", ".join(f"{name}::numeric(20, 4)" if kind == "numeric" else name for name, kind in ORDER_COLUMNS)
)
_PRODUCT_COLUMNS = (("marketplace_id", "text"), ("sku", "text"), ("asin", "text"), ("title", "text"), ("updated_at", "timestamptz"))


def write_orders(
    batches: Iterable[Iterable[ReportRow]],
    *,
    tenant: UUID,
    connection: UUID,
    source: OrderSource = OrderSource.ALL_ORDERS_REPORT,
    at: datetime,
    using: str = "default",
) -> Written:
    """Write the lines of one all-orders report, batch by batch as `stream_report(…).batches()` hands them out (tuples are faster).

    A ReportRefusedError from the iterator leaves through here: the caller's transaction must end with it.
    """
    minimiser = Minimiser(at)
    return _write(minimiser, minimiser.report_orders(batches), tenant, connection, source, using)


def write_api_orders(orders: Iterable[Order], *, tenant: UUID, connection: UUID, at: datetime, using: str = "default") -> Written:
    """Write orders of the Orders API, each whole."""
    minimiser = Minimiser(at)
    return _write(minimiser, minimiser.api_orders(orders), tenant, connection, OrderSource.ORDERS_API, using)


def _write(
    minimiser: Minimiser, batches: Iterable[Iterable[Row]], tenant: UUID, connection: UUID, source: OrderSource, using: str
) -> Written:
    bulk = Bulk(tenant, using)
    bulk.serialise(ORDERS_BOOK)
    bulk.create_stage(_STAGE, ORDER_COLUMNS)
    staged = bulk.copy(_STAGE, ORDER_COLUMNS, batches)
    written = _replace(bulk, minimiser, connection, source) if staged else Written()
    if minimiser.products:
        _write_products(bulk, products_rows(minimiser.products), connection)
    return written + Written(too_old=minimiser.too_old, elsewhere=minimiser.elsewhere)


def _replace(bulk: Bulk, minimiser: Minimiser, connection: UUID, source: OrderSource) -> Written:
    span = {"first": minimiser.first_day, "last": minimiser.last_day}
    days: Counter[Day] = Counter()
    verdicts: dict[str, int] = {}
    keep = ""
    if bulk.rows(f"select exists (select from ingest_order_line where {_SPAN})", **span)[0][0]:
        verdicts = _judge(bulk, span)
        days = _delete(bulk, span)
        keep = " where order_id not in (select order_id from pg_temp.standing_order where verdict <> 'replace')"
    replaced = days.total()
    days.update(dict.fromkeys(bulk.rows(f"select distinct marketplace_id, local_day from pg_temp.{_STAGE}{keep}"), 1))
    rows = bulk.run(
        f"insert into ingest_order_line (tenant_id, connection_id, source, {_LINE})"
        f" select %(tenant)s, %(connection)s, %(source)s, {_LINE} from pg_temp.{_STAGE}{keep}",
        connection=connection,
        source=source.value,
    )
    mark_days(bulk, days, minimiser.at)
    return Written(rows, replaced, verdicts.get("unchanged", 0), verdicts.get("outdated", 0), days=len(days))


def _judge(bulk: Bulk, span: dict[str, Any]) -> dict[str, int]:
    """Compare the incoming orders with those that stand: replace the older, leave the newer and the equal; return how many of each."""
    bulk.run("drop table if exists pg_temp.standing_order")
    # An order is bought once, so its day never changes and its old lines lie within the span of the incoming ones.
    bulk.run(
        f"""
        create temporary table standing_order on commit drop as
        select order_id, case when s.updated > i.updated then 'outdated'
                              when s.updated = i.updated and s.lines = i.lines then 'unchanged' else 'replace' end as verdict
        from (select order_id, max(last_updated_at) as updated, {_PRINT} as lines from ingest_order_line
              where {_SPAN} and order_id in (select order_id from pg_temp.{_STAGE}) group by order_id) s
        join (select order_id, max(last_updated_at) as updated, {_PRINT} as lines from pg_temp.{_STAGE} group by order_id) i
        using (order_id)
        """,
        **span,
    )
    return dict(bulk.rows("select verdict, count(*) from pg_temp.standing_order group by verdict"))


def _delete(bulk: Bulk, span: dict[str, Any]) -> Counter[Day]:
    """Delete the orders that are to be replaced; return how many lines went from which day of which store."""
    gone = bulk.rows(
        f"""
        with gone as (delete from ingest_order_line where {_SPAN}
                      and order_id in (select order_id from pg_temp.standing_order where verdict = 'replace')
                      returning marketplace_id, local_day)
        select marketplace_id, local_day, count(*) from gone group by marketplace_id, local_day
        """,
        **span,
    )
    return Counter({(store, day): count for store, day, count in gone})


def mark_days(bulk: Bulk, days: Iterable[Day], at: datetime) -> None:
    """Say that the rollups of these days no longer equal their base rows.

    DO UPDATE, not DO NOTHING: it waits for a recomputation that is just deleting the mark, and then sets a new one.
    """
    ordered = sorted(set(days))
    if ordered:
        bulk.run(
            "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)"
            " select %(tenant)s, d.store, d.day, %(at)s from unnest(%(stores)s::text[], %(days)s::date[]) as d (store, day)"
            " order by d.store, d.day"
            " on conflict (tenant_id, marketplace_id, local_day) do update set marked_at = excluded.marked_at",
            stores=[store for store, _ in ordered],
            days=[day for _, day in ordered],
            at=at,
        )


def write_products(rows: Iterable[Row], *, tenant: UUID, connection: UUID, using: str = "default") -> Written:
    """Write products as (store, SKU, ASIN, title, seen at), one row a key; what was seen later wins, a blank ASIN or title never does."""
    return _write_products(Bulk(tenant, using), sorted(rows, key=lambda row: row[:2]), connection)


def _write_products(bulk: Bulk, rows: list[Row], connection: UUID) -> Written:
    bulk.serialise(PRODUCTS_BOOK)
    bulk.create_stage("incoming_product", _PRODUCT_COLUMNS)
    bulk.copy("incoming_product", _PRODUCT_COLUMNS, [rows])
    count = bulk.run(
        """
        insert into ingest_product as p (tenant_id, marketplace_id, sku, connection_id, asin, title, updated_at)
        select %(tenant)s, marketplace_id, sku, %(connection)s, asin, title, updated_at from pg_temp.incoming_product
        on conflict (tenant_id, marketplace_id, sku) do update
        set asin = coalesce(nullif(excluded.asin, ''), p.asin), title = coalesce(nullif(excluded.title, ''), p.title),
            updated_at = excluded.updated_at, connection_id = excluded.connection_id
        where p.updated_at <= excluded.updated_at
          and (p.asin, p.title, p.connection_id) is distinct from (excluded.asin, excluded.title, excluded.connection_id)
        """,
        connection=connection,
    )
    return Written(rows=count)
