# ruff: noqa: ANN401, S608  # statements are put together from the constants of this module; every value is a bound parameter
"""Stock and traffic, slice by slice, and the record of documents. Every function runs inside the caller's tenant scope."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from theseller.amazon.decoders.inventory import Summary
from theseller.amazon.reports import Inspection, TrafficDay, TrafficProduct
from theseller.ingest.facts.bulk import Bulk, Row
from theseller.ingest.facts.minimize import oldest_kept
from theseller.ingest.facts.orders import STOCK_LOCK, TRAFFIC_LOCK, mark_dirty_days, write_products
from theseller.ingest.facts.seller_stores import reassign_storeless_lines
from theseller.ingest.types import DocumentOrigin, WriteResult
from theseller.lib.ids import new_id

_STOCK_COLUMNS = (
    ("sku", "text"), ("condition", "text"), ("asin", "text"), ("fnsku", "text"), ("fulfillable", "int4"), ("inbound", "int4"),
    ("reserved", "int4"), ("unfulfillable", "int4"), ("total", "int4"), ("as_of", "timestamptz"),
)  # fmt: skip
_TRAFFIC_COLUMNS = (
    ("marketplace_id", "text"), ("local_day", "date"), ("asin", "text"), ("sessions", "int8"), ("page_views", "int8"),
    ("units_ordered", "int8"), ("ordered_sales", "numeric"), ("currency", "text"), ("buy_box_percent", "numeric"),
)  # fmt: skip


def write_inventory(
    summaries: Iterable[Summary], *, marketplace_id: str, tenant: UUID, connection: UUID, at: datetime, using: str = "default"
) -> WriteResult:
    """Replace the stock of one store by `summaries`, all pages of one pull. A SKU that Amazon no longer lists is gone afterwards.

    `as_of` is the instant of the pull: Amazon's own `lastUpdatedTime` says when a count last changed, not how current it is.
    """
    rows: dict[tuple[str, str], Row] = {}
    products: dict[str, Row] = {}
    for summary in summaries:
        if not summary.seller_sku:
            continue
        row = _stock_row(summary, at)
        rows[row[0], row[1]] = row
        products[summary.seller_sku] = (marketplace_id, summary.seller_sku, summary.asin or "", summary.product_name or "", at)
    bulk = Bulk(tenant, using)
    if products:
        write_products(products.values(), tenant=tenant, connection=connection, using=using)
    bulk.lock(STOCK_LOCK)
    gone = bulk.run("delete from ingest_inventory where tenant_id = %(tenant)s and marketplace_id = %(store)s", store=marketplace_id)
    names = ", ".join(name for name, _ in _STOCK_COLUMNS)
    bulk.create_stage("incoming_inventory", _STOCK_COLUMNS)
    bulk.copy("incoming_inventory", _STOCK_COLUMNS, [rows.values()])
    added = bulk.run(
        f"insert into ingest_inventory (tenant_id, connection_id, marketplace_id, {names})"
        f" select %(tenant)s, %(connection)s, %(store)s, {names} from pg_temp.incoming_inventory",
        connection=connection,
        store=marketplace_id,
    )
    return WriteResult(added, gone)


def _stock_row(summary: Summary, at: datetime) -> Row:
    details = summary.inventory_details
    inbound = reserved = unfulfillable = 0
    fulfillable = summary.total_quantity or 0
    if details is not None:
        parts = (details.inbound_working_quantity, details.inbound_shipped_quantity, details.inbound_receiving_quantity)
        inbound = sum(part or 0 for part in parts)
        reserved = (details.reserved_quantity.total_reserved_quantity if details.reserved_quantity else 0) or 0
        unfulfillable = (details.unfulfillable_quantity.total_unfulfillable_quantity if details.unfulfillable_quantity else 0) or 0
        fulfillable = details.fulfillable_quantity or 0
    total = summary.total_quantity if summary.total_quantity is not None else fulfillable + inbound + reserved + unfulfillable
    head = (summary.seller_sku, summary.condition or "", summary.asin or "", summary.fn_sku or "")
    return (*head, fulfillable, inbound, reserved, unfulfillable, total, at)


def write_traffic(
    lines: Iterable[TrafficDay | TrafficProduct | Row], *, tenant: UUID, connection: UUID, at: datetime, using: str = "default"
) -> WriteResult:
    """Write the days, and the products of one-day reports, of a sales and traffic report; restated days replace what stood.

    Rows by product over a longer period are no fact of a day; they are left out and counted as `elsewhere`.
    """
    oldest = oldest_kept(at).date()
    rows: dict[tuple[str, date, str], Row] = {}
    too_old = elsewhere = 0
    for line in lines:
        if isinstance(line, TrafficDay):
            asin, day = "", line.day
        elif isinstance(line, TrafficProduct) and line.daily:
            asin, day = line.child_asin or line.parent_asin, line.first_day
        else:
            elsewhere += 1
            continue
        if day < oldest:
            too_old += 1
            continue
        key = (line.marketplace.id, day, asin)
        rows[key] = _added(rows.get(key), _traffic_row(key, line))
    bulk = Bulk(tenant, using)
    bulk.lock(TRAFFIC_LOCK)
    bulk.create_stage("incoming_traffic_day", _TRAFFIC_COLUMNS)
    bulk.copy("incoming_traffic_day", _TRAFFIC_COLUMNS, [[rows[key] for key in sorted(rows)]])
    names = ", ".join(name for name, _ in _TRAFFIC_COLUMNS)
    facts = [name for name, _ in _TRAFFIC_COLUMNS[3:]] + ["connection_id"]
    updates = ", ".join(f"{name} = excluded.{name}" for name in facts)
    stored, restated = (", ".join(f"{table}.{name}" for name in facts) for table in ("t", "excluded"))
    count = bulk.run(
        f"insert into ingest_traffic_day as t (tenant_id, connection_id, {names})"
        f" select %(tenant)s, %(connection)s, {names} from pg_temp.incoming_traffic_day order by marketplace_id, local_day, asin"
        f" on conflict (tenant_id, marketplace_id, local_day, asin) do update set {updates} where ({stored}) is distinct from ({restated})",
        connection=connection,
    )
    days = {(store, day) for store, day, _ in rows}
    mark_dirty_days(bulk, days, at)
    return WriteResult(count, too_old=too_old, elsewhere=elsewhere, days=len(days))


def _traffic_row(key: tuple[str, date, str], line: TrafficDay | TrafficProduct) -> Row:
    counts = (line.sessions or 0, line.page_views or 0, line.units_ordered)
    return (*key, *counts, line.ordered_product_sales, line.currency, line.buy_box_percentage)


def _added(former: Row | None, row: Row) -> Row:
    """Add rows of one ASIN that came once per SKU. A share of page views can't be added: it stays unknown."""
    if former is None:
        return row
    return (*row[:3], *(former[place] + row[place] for place in range(3, 7)), row[7], None)


@dataclass(frozen=True, slots=True)
class Document:
    """A document that became facts. `source_key` names it for its type: a settlement's number, a report's id, a file's hash."""

    origin: DocumentOrigin
    report_type: str
    source_key: str
    sha256: str
    marketplace_ids: Sequence[str]
    covers_from: datetime
    covers_until: datetime
    rows_kept: int
    rows_skipped: int
    columns_dropped: Sequence[str]


def document_of(inspection: Inspection, written: WriteResult, *, origin: DocumentOrigin, source_key: str, **covers: Any) -> Document:
    """Describe a document by its inspection. `marketplace_ids`, `covers_from` and `covers_until` come from the caller, who knows best."""
    return Document(
        origin=origin,
        report_type=str(inspection.report_type),
        source_key=source_key,
        sha256=inspection.sha256,
        rows_kept=inspection.rows - written.skipped,
        rows_skipped=written.skipped + inspection.rows_refused_count,
        columns_dropped=[column.name for column in inspection.columns_dropped],
        **covers,
    )


def record_document(document: Document, *, tenant: UUID, connection: UUID, at: datetime, using: str = "default") -> UUID:
    """Record a document in the transaction that wrote its facts; an earlier record of the same source is replaced. Return its id."""
    bulk = Bulk(tenant, using)
    [(number,)] = bulk.rows(
        """
        insert into ingest_document (tenant_id, id, connection_id, origin, report_type, source_key, content_sha256, marketplace_ids,
            covers_from, covers_until, rows_kept, rows_skipped, columns_dropped, recorded_at)
        values (%(tenant)s, %(id)s, %(connection)s, %(origin)s, %(report_type)s, %(source_key)s, %(sha256)s, %(stores)s::text[],
            %(covers_from)s, %(covers_until)s, %(kept)s, %(skipped)s, %(dropped)s::text[], %(at)s)
        on conflict (tenant_id, report_type, source_key) do update
        set connection_id = excluded.connection_id, origin = excluded.origin, content_sha256 = excluded.content_sha256,
            marketplace_ids = excluded.marketplace_ids, covers_from = excluded.covers_from, covers_until = excluded.covers_until,
            rows_kept = excluded.rows_kept, rows_skipped = excluded.rows_skipped, columns_dropped = excluded.columns_dropped,
            recorded_at = excluded.recorded_at
        returning id
        """,
        id=new_id(),
        connection=connection,
        origin=document.origin.value,
        report_type=document.report_type,
        source_key=document.source_key,
        sha256=bytes.fromhex(document.sha256),
        stores=list(document.marketplace_ids),
        covers_from=document.covers_from,
        covers_until=document.covers_until,
        kept=document.rows_kept,
        skipped=document.rows_skipped,
        dropped=list(document.columns_dropped),
        at=at,
    )
    # It may name a store that was not known before, and so decide where money of no store belongs.
    mark_dirty_days(bulk, reassign_storeless_lines(bulk), at)
    return UUID(str(number))
