"""Ends by age, and legal holds: `sql/ages.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("retention", "0002_backups"), ("ingest", "0001_initial"), ("analytics", "0001_initial")]
    operations = [run_sql("retention", "ages.sql")]
