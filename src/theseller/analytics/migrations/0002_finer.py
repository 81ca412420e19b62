"""Totals by product in 32 parts: `sql/finer.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]
    operations = [run_sql("analytics", "finer.sql")]
