"""Name jobs and functions of the database in standard terms: `sql/job_names.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [
        ("vault", "0005_one_job"),
        ("retention", "0007_failures"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]
    operations = [run_sql("vault", "job_names.sql")]
