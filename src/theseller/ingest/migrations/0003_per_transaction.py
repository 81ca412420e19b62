"""Identifiers of settlements, and what no document said of an order: `sql/per_transaction.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("ingest", "0002_repair_early_databases")]
    operations = [run_sql("ingest", "per_transaction.sql")]
