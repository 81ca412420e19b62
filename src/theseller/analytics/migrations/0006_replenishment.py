"""Add what a shop's people entered about ordering products: `sql/replenishment.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0005_product_cost")]
    operations = [run_sql("analytics", "replenishment.sql")]
