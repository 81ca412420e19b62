"""Recompute days with a sale without a quantity: `sql/units_of_every_sale.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0009_without_product_read"), ("ingest", "0007_orders_only")]
    operations = [run_sql("analytics", "units_of_every_sale.sql")]
