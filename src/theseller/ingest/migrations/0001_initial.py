"""The tables of this room: `sql/tables.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    initial = True
    dependencies = [("connections", "0001_initial")]
    operations = [run_sql("ingest", "tables.sql")]
