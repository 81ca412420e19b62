"""What each machine's copy of the checkpoints has had: `sql/copies.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_written_by")]
    operations = [run_sql("audit", "copies.sql")]
