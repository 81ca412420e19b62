"""Mark days of which only orders changed: `sql/orders_only.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("ingest", "0006_monitoring")]
    operations = [run_sql("ingest", "orders_only.sql")]
