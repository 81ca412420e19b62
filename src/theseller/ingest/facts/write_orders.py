"""Write orders, idempotently, inside the caller's tenant scope.

What a document says of an order is merged with what is stored of it (`order_merge`). Days that
changed are marked for the rollups in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

from theseller.amazon.decoders.orders import Order
from theseller.amazon.reports.report_reader import Row as ReportRow
from theseller.ingest.facts.advisory_lock_numbers import ORDERS_LOCK
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.dirty_days import mark_dirty_days
from theseller.ingest.facts.fact_row_types import OrderRow
from theseller.ingest.facts.order_document_writer import OrderWriter
from theseller.ingest.facts.order_row_conversion import OrderMinimizer
from theseller.ingest.facts.product_writer import merge_products
from theseller.ingest.facts.store_attribution import reassign_storeless_lines
from theseller.ingest.types import OrderSource, WriteResult

#: Rows that go to the database at a time.
PART_ROWS = 10_000


def write_orders(
    batches: Iterable[Iterable[ReportRow]],
    *,
    tenant: UUID,
    connection: UUID,
    source: OrderSource = OrderSource.ALL_ORDERS_REPORT,
    at: datetime,
    using: str = "default",
) -> WriteResult:
    """Write the lines of one all-orders report.

    `batches` are as `stream_report(…).batches()` yields them; tuples are faster.

    Raises:
        ReportRefusedError: from the iterator; the caller must roll back its transaction.
    """
    minimizer = OrderMinimizer(at)
    return _write(minimizer, minimizer.report_orders(batches), tenant, connection, source, using)


def write_api_orders(
    orders: Iterable[Order], *, tenant: UUID, connection: UUID, at: datetime, using: str = "default"
) -> WriteResult:
    """Write orders of the Orders API, each whole."""
    minimizer = OrderMinimizer(at)
    return _write(
        minimizer, minimizer.api_orders(orders), tenant, connection, OrderSource.ORDERS_API, using
    )


def _write(
    minimizer: OrderMinimizer,
    batches: Iterable[list[OrderRow]],
    tenant: UUID,
    connection: UUID,
    source: OrderSource,
    using: str,
) -> WriteResult:
    bulk = Bulk(tenant, using)
    bulk.lock(ORDERS_LOCK)
    writer = OrderWriter(bulk, connection, source)
    # While the database takes one part, the next is decoded: each works on its own core. The
    # connection is used by one thread at a time.
    with ThreadPoolExecutor(1) as database:
        under_way: Future[None] | None = None
        for part in _parts(batches):
            if under_way is not None:
                under_way.result()
            under_way = database.submit(writer.add, part)
        if under_way is not None:
            under_way.result()
    written = writer.settle()
    mark_dirty_days(bulk, writer.days, minimizer.at, orders_only=True)
    if minimizer.products:
        merge_products(bulk, minimizer.products.values(), connection)
        mark_dirty_days(bulk, reassign_storeless_lines(bulk), minimizer.at)
    return written + WriteResult(
        too_old=minimizer.too_old, elsewhere=minimizer.elsewhere, days=len(writer.days)
    )


def _parts(batches: Iterable[list[OrderRow]]) -> Iterator[list[OrderRow]]:
    """Yield the rows in parts of at least PART_ROWS, but the last."""
    pending: list[OrderRow] = []
    for batch in batches:
        pending.extend(batch)
        if len(pending) >= PART_ROWS:
            yield pending
            pending = []
    if pending:
        yield pending
