"""Drop the covering index that `0008_product_units_index` replaces."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0008_product_units_index")]
    operations = [run_sql("analytics", "without_product_read.sql")]
