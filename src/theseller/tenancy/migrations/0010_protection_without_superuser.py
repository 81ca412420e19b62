"""Row security without a superuser: `sql/protection_without_superuser.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0009_files_host")]
    operations = [run_sql("tenancy", "protection_without_superuser.sql")]
