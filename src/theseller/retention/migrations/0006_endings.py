"""The proof of a shop's end and of a person's: `sql/endings.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("retention", "0005_rewriting"), ("accounts", "0002_second_factors"), ("connections", "0001_initial")]
    operations = [run_sql("retention", "endings.sql")]
