"""Moves of the database are reviewed: `sql/review_moved_databases.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("governance", "0006_confirmed_seller")]
    operations = [run_sql("governance", "review_moved_databases.sql")]
