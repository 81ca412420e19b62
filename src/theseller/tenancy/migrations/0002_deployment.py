"""The environment that this database belongs to."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0001_initial")]
    operations = [run_sql("tenancy", "deployment.sql")]
