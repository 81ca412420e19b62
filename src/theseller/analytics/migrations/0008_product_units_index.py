"""The covering index of product totals, with the posted units."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.concurrent_indexes import CreateIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("analytics", "0007_posted_units")]
    operations = [
        CreateIndexConcurrently(
            "analytics_day_product_totals",
            table="public.analytics_day_product",
            definition=(
                "(tenant_id, local_day) include (marketplace_id, sku, currency, orders, units,"
                " ordered_sales, refunds, refunded_sales, fees, net_proceeds, product_sales,"
                " posted_orders, posted_lines, posted_units)"
            ),
        )
    ]
