"""Name columns of recipients and requests in standard terms: `sql/column_names.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("vault", "0006_job_names")]
    operations = [run_sql("vault", "column_names.sql")]
