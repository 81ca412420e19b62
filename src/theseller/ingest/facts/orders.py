"""Orders and products into the book of orders, idempotently. Every function runs inside the caller's tenant scope.

What a document says of an order is merged with what is stored of it (`order_merge`). What changed marks its days for the rollups, in
the same transaction. Money: `ledger`. Stock and traffic: `stock`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

from theseller.amazon.decoders.orders import Order
from theseller.amazon.reports.report import Row as ReportRow
from theseller.ingest.facts.bulk import Bulk, Row
from theseller.ingest.facts.minimize import Minimizer, products_rows
from theseller.ingest.facts.order_writer import Day, OrderWriter
from theseller.ingest.facts.seller_stores import reassign_storeless_lines
from theseller.ingest.types import OrderSource, WriteResult

#: Books are locked in this order.
ORDERS_LOCK, LEDGER_LOCK, PRODUCTS_LOCK, STOCK_LOCK, TRAFFIC_LOCK = 101, 102, 103, 104, 105

#: Rows that go to the database at a time.
PART_ROWS = 10_000
_PRODUCT_COLUMNS = (("marketplace_id", "text"), ("sku", "text"), ("asin", "text"), ("title", "text"), ("updated_at", "timestamptz"))


def write_orders(
    batches: Iterable[Iterable[ReportRow]],
    *,
    tenant: UUID,
    connection: UUID,
    source: OrderSource = OrderSource.ALL_ORDERS_REPORT,
    at: datetime,
    using: str = "default",
) -> WriteResult:
    """Write the lines of one all-orders report, batch by batch as `stream_report(…).batches()` hands them out (tuples are faster).

    A ReportRefusedError from the iterator leaves through here: the caller's transaction must end with it.
    """
    minimizer = Minimizer(at)
    return _write(minimizer, minimizer.report_orders(batches), tenant, connection, source, using)


def write_api_orders(orders: Iterable[Order], *, tenant: UUID, connection: UUID, at: datetime, using: str = "default") -> WriteResult:
    """Write orders of the Orders API, each whole."""
    minimizer = Minimizer(at)
    return _write(minimizer, minimizer.api_orders(orders), tenant, connection, OrderSource.ORDERS_API, using)


def _write(
    minimizer: Minimizer, batches: Iterable[list[Row]], tenant: UUID, connection: UUID, source: OrderSource, using: str
) -> WriteResult:
    bulk = Bulk(tenant, using)
    bulk.lock(ORDERS_LOCK)
    book = OrderWriter(bulk, connection, source)
    # While the database takes one part, the next is decoded: each works on its own core. The connection is used by one thread at a time.
    with ThreadPoolExecutor(1) as database:
        under_way: Future[None] | None = None
        for part in _parts(batches):
            if under_way is not None:
                under_way.result()
            under_way = database.submit(book.add, part)
        if under_way is not None:
            under_way.result()
    written = book.settle()
    mark_dirty_days(bulk, book.days, minimizer.at)
    if minimizer.products:
        _write_products(bulk, products_rows(minimizer.products), connection)
        mark_dirty_days(bulk, reassign_storeless_lines(bulk), minimizer.at)
    return written + WriteResult(too_old=minimizer.too_old, elsewhere=minimizer.elsewhere, days=len(book.days))


def _parts(batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """Yield the rows in parts of at least PART_ROWS, but the last."""
    held: list[Row] = []
    for batch in batches:
        held.extend(batch)
        if len(held) >= PART_ROWS:
            yield held
            held = []
    if held:
        yield held


def mark_dirty_days(bulk: Bulk, days: Iterable[Day], at: datetime) -> None:
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


def write_products(rows: Iterable[Row], *, tenant: UUID, connection: UUID, using: str = "default") -> WriteResult:
    """Write products as (store, SKU, ASIN, title, seen at), one row a key; what was seen later wins, a blank ASIN or title never does."""
    return _write_products(Bulk(tenant, using), sorted(rows, key=lambda row: row[:2]), connection)


def _write_products(bulk: Bulk, rows: list[Row], connection: UUID) -> WriteResult:
    bulk.lock(PRODUCTS_LOCK)
    bulk.create_stage("incoming_product", _PRODUCT_COLUMNS)
    bulk.copy("incoming_product", _PRODUCT_COLUMNS, [rows])
    # Two statements instead of ON CONFLICT, which has the row-security policies of reading looked at for each row.
    count = bulk.run(
        """
        update ingest_product p
        set asin = coalesce(nullif(i.asin, ''), p.asin), title = coalesce(nullif(i.title, ''), p.title),
            updated_at = i.updated_at, connection_id = %(connection)s
        from pg_temp.incoming_product i
        where p.tenant_id = %(tenant)s and p.marketplace_id = i.marketplace_id and p.sku = i.sku and p.updated_at <= i.updated_at
          and (p.asin, p.title, p.connection_id) is distinct from (i.asin, i.title, %(connection)s)
        """,
        connection=connection,
    )
    count += bulk.run(
        """
        insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title, updated_at)
        select %(tenant)s, marketplace_id, sku, %(connection)s, asin, title, updated_at from pg_temp.incoming_product i
        where not exists (
            select from ingest_product p where p.tenant_id = %(tenant)s and p.marketplace_id = i.marketplace_id and p.sku = i.sku)
        """,
        connection=connection,
    )
    return WriteResult(rows=count)
