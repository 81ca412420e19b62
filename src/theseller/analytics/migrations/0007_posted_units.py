"""Units whose sale was posted, by day and product: `sql/posted_units.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0006_replenishment"), ("ingest", "0007_orders_only")]
    operations = [run_sql("analytics", "posted_units.sql")]
