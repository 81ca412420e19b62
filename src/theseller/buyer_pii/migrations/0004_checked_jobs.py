"""Which jobs the web may put into the queue: `sql/checked_jobs.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("vault", "0003_looks"), ("connections", "0002_keys"), ("procrastinate", "0041_post_retry_failed_job")]
    operations = [run_sql("vault", "checked_jobs.sql")]
