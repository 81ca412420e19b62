"""Name what Amazon states of a replacement order: `sql/replacement_stated.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("ingest", "0004_stated_settlement")]
    operations = [run_sql("ingest", "replacement_stated.sql")]
