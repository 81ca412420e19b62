"""Add the functions that monitoring reads: `sql/monitoring.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [
        ("ingest", "0005_replacement_stated"),
        ("connections", "0004_confirmed_seller"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]
    operations = [run_sql("ingest", "monitoring.sql")]
