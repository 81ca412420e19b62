"""Ratios on one basis and deferred money apart: `sql/one_basis.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0002_finer"), ("ingest", "0003_per_transaction")]
    operations = [run_sql("analytics", "one_basis.sql")]
