"""Validate the ledger's constraints: `sql/transaction_reports_validated.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("ingest", "0010_transaction_reports")]
    operations = [run_sql("ingest", "transaction_reports_validated.sql")]
