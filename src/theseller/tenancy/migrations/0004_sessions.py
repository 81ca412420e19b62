"""Tickets bound to a session of the database, and stages for bulk writes: `sql/sessions.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0003_policies")]
    operations = [run_sql("tenancy", "sessions.sql")]
