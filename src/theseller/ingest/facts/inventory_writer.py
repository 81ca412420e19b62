"""Write the inventory in Amazon's warehouses, one store at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from theseller.amazon.decoders.inventory import Summary
from theseller.ingest.facts.advisory_lock_numbers import INVENTORY_LOCK
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.fact_row_types import (
    INVENTORY_COLUMNS,
    InventoryRow,
    ProductRow,
    names_of,
)
from theseller.ingest.facts.product_writer import write_products
from theseller.ingest.types import WriteResult

_NAMES = names_of(INVENTORY_COLUMNS)


def write_inventory(
    summaries: Iterable[Summary],
    *,
    marketplace_id: str,
    tenant: UUID,
    connection: UUID,
    at: datetime,
    using: str = "default",
) -> WriteResult:
    """Replace the inventory of one store by all pages of one pull.

    Runs inside the caller's tenant scope. A SKU that Amazon no longer lists is deleted. `as_of` is
    `at`, the instant of the pull: Amazon's own `lastUpdatedTime` says when a count last changed,
    not how current it is.
    """
    rows: dict[tuple[str, str], InventoryRow] = {}
    products: dict[str, ProductRow] = {}
    for summary in summaries:
        sku = summary.seller_sku
        if not sku:
            continue
        row = _row(summary, sku, at)
        rows[row.sku, row.condition] = row
        products[sku] = ProductRow(
            marketplace_id, sku, summary.asin or "", summary.product_name or "", at
        )
    bulk = Bulk(tenant, using)
    if products:
        write_products(products.values(), tenant=tenant, connection=connection, using=using)
    bulk.lock(INVENTORY_LOCK)
    deleted = bulk.run(
        "delete from ingest_inventory where tenant_id = %(tenant)s and marketplace_id = %(store)s",
        store=marketplace_id,
    )
    bulk.create_stage("incoming_inventory", INVENTORY_COLUMNS)
    bulk.copy("incoming_inventory", INVENTORY_COLUMNS, [rows.values()])
    added = bulk.run(
        "insert into ingest_inventory (tenant_id, connection_id, marketplace_id, "  # noqa: S608
        f"{_NAMES}) select %(tenant)s, %(connection)s, %(store)s, {_NAMES} from "
        "pg_temp.incoming_inventory",
        connection=connection,
        store=marketplace_id,
    )
    return WriteResult(added, deleted)


def _row(summary: Summary, sku: str, at: datetime) -> InventoryRow:
    details = summary.inventory_details
    inbound = reserved = unfulfillable = 0
    fulfillable = summary.total_quantity or 0
    if details is not None:
        parts = (
            details.inbound_working_quantity,
            details.inbound_shipped_quantity,
            details.inbound_receiving_quantity,
        )
        inbound = sum(part or 0 for part in parts)
        if details.reserved_quantity:
            reserved = details.reserved_quantity.total_reserved_quantity or 0
        if details.unfulfillable_quantity:
            unfulfillable = details.unfulfillable_quantity.total_unfulfillable_quantity or 0
        fulfillable = details.fulfillable_quantity or 0
    total = summary.total_quantity
    return InventoryRow(
        sku=sku,
        condition=summary.condition or "",
        asin=summary.asin or "",
        fnsku=summary.fn_sku or "",
        fulfillable=fulfillable,
        inbound=inbound,
        reserved=reserved,
        unfulfillable=unfulfillable,
        total=fulfillable + inbound + reserved + unfulfillable if total is None else total,
        as_of=at,
    )
