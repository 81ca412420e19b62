"""One table of erasures and one of their certificates, in place of five: `sql/one_pair.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("retention", "0007_failures"),
        ("governance", "0006_confirmed_seller"),
        ("accounts", "0004_sessions_of_their_key"),
        ("tenancy", "0009_files_host"),
    ]
    operations = [run_sql("erasure", "one_pair.sql")]
