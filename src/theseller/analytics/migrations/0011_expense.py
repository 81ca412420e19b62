"""Add the table `analytics_expense`: `sql/expense.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("analytics", "0010_units_of_every_sale"), ("tenancy", "0001_initial")]
    operations = [run_sql("analytics", "expense.sql")]
