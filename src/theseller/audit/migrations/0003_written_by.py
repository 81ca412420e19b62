"""Time, role and number of a line by the database: `sql/written_by.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_checkpoints"), ("tenancy", "0002_deployment")]
    operations = [run_sql("audit", "written_by.sql")]
