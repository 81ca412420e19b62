"""Write products: what each SKU of a store is called."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from uuid import UUID

from theseller.ingest.facts.advisory_lock_numbers import PRODUCTS_LOCK
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.fact_row_types import PRODUCT_COLUMNS, ProductRow
from theseller.ingest.types import WriteResult


def write_products(
    rows: Iterable[ProductRow], *, tenant: UUID, connection: UUID, using: str = "default"
) -> WriteResult:
    """Write products, one row a (store, SKU).

    The later statement wins; a blank ASIN or title never replaces a value.
    """
    return merge_products(Bulk(tenant, using), rows, connection)


def merge_products(bulk: Bulk, rows: Iterable[ProductRow], connection: UUID) -> WriteResult:
    """Write products as `write_products` does, in the transaction of `bulk`."""
    ordered = sorted(rows, key=attrgetter("marketplace_id", "sku"))
    bulk.lock(PRODUCTS_LOCK)
    incoming, bound = bulk.incoming("incoming_product", PRODUCT_COLUMNS, ordered)
    # Two statements instead of ON CONFLICT, which has the row-security policies of reading looked
    # at for each row.
    count = bulk.run(
        f"""
        with i as materialized (select * from {incoming})
        update ingest_product p
        set asin = coalesce(nullif(i.asin, ''), p.asin),
            title = coalesce(nullif(i.title, ''), p.title),
            updated_at = i.updated_at, connection_id = %(connection)s
        from i
        where p.tenant_id = %(tenant)s and p.marketplace_id = i.marketplace_id and p.sku = i.sku
            and p.updated_at <= i.updated_at
          and (p.asin, p.title, p.connection_id) is distinct from (i.asin, i.title, %(connection)s)
        """,  # noqa: S608
        connection=connection,
        **bound,
    )
    count += bulk.run(
        f"""
        with i as materialized (select * from {incoming})
        insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title,
            updated_at)
        select %(tenant)s, marketplace_id, sku, %(connection)s, asin, title, updated_at
        from i
        where not exists (
            select from ingest_product p where p.tenant_id = %(tenant)s
                and p.marketplace_id = i.marketplace_id and p.sku = i.sku)
        """,  # noqa: S608
        connection=connection,
        **bound,
    )
    return WriteResult(rows=count)
