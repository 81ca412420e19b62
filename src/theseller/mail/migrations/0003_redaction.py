"""Redact addresses in the lists of undelivered mail by two functions: `sql/redaction.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("mail", "0002_undelivered")]

    operations = [run_sql("mail", "redaction.sql")]
