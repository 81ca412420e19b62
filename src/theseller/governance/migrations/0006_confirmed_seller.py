"""A deletion that Amazon requests covers confirmed sellers only: `sql/confirmed_seller.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("governance", "0005_checked_requests"), ("connections", "0004_confirmed_seller")]
    operations = [run_sql("governance", "confirmed_seller.sql")]
