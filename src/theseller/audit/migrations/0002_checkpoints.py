"""Checkpoints over the log: `sql/checkpoint.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [run_sql("audit", "checkpoint.sql")]
