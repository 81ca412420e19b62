"""What was written anew after an erasure: `sql/rewriting.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("retention", "0004_shops")]
    operations = [run_sql("retention", "rewriting.sql")]
