"""Keys that die with a connection: `sql/keys.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("connections", "0001_initial")]
    operations = [run_sql("connections", "keys.sql")]
