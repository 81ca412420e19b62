"""Hashes of the ticket keys, for the probe: `sql/ticket_keys.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0004_sessions")]
    operations = [run_sql("tenancy", "ticket_keys.sql")]
