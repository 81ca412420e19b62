"""A job that is in the queue already, as Procrastinate expects to be told: `sql/one_job.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("vault", "0004_checked_jobs")]
    operations = [run_sql("vault", "one_job.sql")]
