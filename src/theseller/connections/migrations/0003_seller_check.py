"""Whether Amazon confirmed whose connection it is: `sql/seller_check.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("connections", "0002_keys")]
    operations = [run_sql("connections", "seller_check.sql")]
