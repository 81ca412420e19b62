"""Requests for deletion: `sql/deletion_requests.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("governance", "0002_access"), ("connections", "0001_initial"), ("retention", "0001_initial")]
    operations = [run_sql("governance", "deletion_requests.sql")]
