"""When Amazon first confirmed the seller of a connection: `sql/confirmed_seller.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("connections", "0003_seller_check")]
    operations = [run_sql("connections", "confirmed_seller.sql")]
