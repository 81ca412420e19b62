"""The hosts that run processes of this deployment: `sql/hosts.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0011_schema_release")]
    operations = [run_sql("tenancy", "hosts.sql")]
