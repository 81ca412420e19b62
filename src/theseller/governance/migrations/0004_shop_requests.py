"""Requests that end a shop: `sql/shop_requests.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("governance", "0003_deletion_requests"), ("retention", "0004_shops")]
    operations = [run_sql("governance", "shop_requests.sql")]
