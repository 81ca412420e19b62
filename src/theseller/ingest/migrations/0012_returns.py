"""Store customers' returns: `sql/returns.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [
        ("ingest", "0011_transaction_reports_validated"),
        ("vault", "0006_job_names"),
    ]
    operations = [run_sql("ingest", "returns.sql")]
