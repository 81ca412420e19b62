"""State the release of the schema in the database: `sql/schema_release.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0010_protection_without_superuser")]
    operations = [run_sql("tenancy", "schema_release.sql")]
