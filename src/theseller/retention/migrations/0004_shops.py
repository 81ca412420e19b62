"""The end of a shop: `sql/shops.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("retention", "0003_ages"), ("connections", "0001_initial"), ("accounts", "0002_second_factors")]
    operations = [run_sql("retention", "shops.sql")]
