"""Give the control of tenant isolation two rows of its own: `sql/isolation_probe.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0007_conditions")]
    operations = [run_sql("tenancy", "isolation_probe.sql")]
