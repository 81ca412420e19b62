"""Bring databases that were made from earlier texts of edited migrations to what a new one has: `sql/repair_early_databases.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("ingest", "0001_initial"), ("governance", "0004_shop_requests")]
    operations = [run_sql("ingest", "repair_early_databases.sql")]
