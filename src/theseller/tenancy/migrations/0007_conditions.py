"""Keep a statement's own conditions behind the policies: `sql/conditions.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0006_statistics")]
    operations = [run_sql("tenancy", "conditions.sql")]
