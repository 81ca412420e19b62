"""Store what the head of a settlement states: `sql/settlement_totals.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("ingest", "0008_transaction_digests"), ("vault", "0006_job_names")]
    operations = [run_sql("ingest", "settlement_totals.sql")]
