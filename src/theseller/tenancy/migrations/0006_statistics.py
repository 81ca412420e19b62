"""No statistics of the values of row-secured tables: `sql/statistics.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0005_ticket_keys")]
    operations = [run_sql("tenancy", "statistics.sql")]
