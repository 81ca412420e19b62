"""Backups and drills: `sql/backups.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("retention", "0001_initial")]
    operations = [run_sql("retention", "backups.sql")]
