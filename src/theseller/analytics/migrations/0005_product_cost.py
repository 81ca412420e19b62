"""Unit costs of products, which sellers enter: `sql/product_cost.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0004_settled_days")]
    operations = [run_sql("analytics", "product_cost.sql")]
