"""The vault: `sql/tables.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    initial = True
    dependencies = [("connections", "0002_keys"), ("retention", "0005_rewriting")]
    operations = [run_sql("vault", "tables.sql")]
