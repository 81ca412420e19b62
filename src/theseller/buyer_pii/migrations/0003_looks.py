"""Who looked at which slip, for the shop's owner: `sql/looks.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("vault", "0002_wishes"), ("audit", "0002_checkpoints")]
    operations = [run_sql("vault", "looks.sql")]
