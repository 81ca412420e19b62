"""The transactions of a settlement, by what Amazon states: `sql/stated_settlement.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("ingest", "0003_per_transaction")]
    operations = [run_sql("ingest", "stated_settlement.sql")]
