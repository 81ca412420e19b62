"""Mark the days of a settlement for a whole recomputation: `sql/settled_days.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0003_one_basis"), ("ingest", "0007_orders_only")]
    operations = [run_sql("analytics", "settled_days.sql")]
