"""Erasures that fail, and when they are tried again: `sql/failures.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("retention", "0006_endings")]
    operations = [run_sql("retention", "failures.sql")]
