"""Allow transaction reports in the ledger: `sql/transaction_reports.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("ingest", "0009_settlement_totals")]
    operations = [run_sql("ingest", "transaction_reports.sql")]
