"""Operators' sessions and reviews: `sql/access.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("governance", "0001_initial"), ("accounts", "0002_second_factors"), ("audit", "0002_checkpoints")]
    operations = [run_sql("governance", "access.sql")]
