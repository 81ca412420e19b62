"""Rows of products and order lines for a shop, by the thousand."""

from __future__ import annotations

from uuid import UUID

import psycopg

from theseller.lib.ids import new_id


def fill(
    superuser: psycopg.Connection[tuple[object, ...]], shop: UUID, count: int, title: str = "title"
) -> None:
    """Insert `count` products and as many order lines of today's."""
    superuser.execute(
        "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title,"
        " updated_at) select %s, 'US', 'S-' || i, %s, 'B' || i, %s || '-' || md5(i::text), now()"
        " from generate_series(1, %s) i",
        [shop, new_id(), title, count],
    )
    superuser.execute(
        "insert into ingest_order_line (tenant_id, local_day, order_id, line_key, connection_id,"
        " marketplace_id, purchased_at, last_updated_at, status, fulfilment, is_business,"
        " is_replacement, sku, asin, quantity, source) select %s, current_date, 'O-' || i, '1', %s,"
        " 'US', now(), now(), 'shipped', 'amazon', false, false, 'S-' || i, 'B', 1, 'orders_api'"
        " from generate_series(1, %s) i",
        [shop, new_id(), count],
    )
