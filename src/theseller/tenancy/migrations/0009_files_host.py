"""Which state folder has this deployment's secrets and keys in files: `sql/files_host.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0008_isolation_probe")]
    operations = [run_sql("tenancy", "files_host.sql")]
