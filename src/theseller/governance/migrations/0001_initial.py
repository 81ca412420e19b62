"""The tables of this room: `sql/rotation.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    initial = True
    dependencies = [("connections", "0001_initial"), ("retention", "0001_initial")]
    operations = [run_sql("governance", "rotation.sql")]
