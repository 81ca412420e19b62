"""Deletions and reviews by functions that check: `sql/checked_requests.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0004_shop_requests"),
        ("retention", "0006_endings"),
        ("accounts", "0002_second_factors"),
        ("connections", "0002_keys"),
    ]
    operations = [run_sql("governance", "checked_requests.sql")]
