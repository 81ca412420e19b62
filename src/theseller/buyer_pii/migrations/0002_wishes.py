"""Work that a lost job left: `sql/wishes.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_initial")]
    operations = [run_sql("vault", "wishes.sql")]
