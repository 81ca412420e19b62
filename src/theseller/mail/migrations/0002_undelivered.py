"""Undelivered mail for operators: texts, lists, counts, sending again."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("mail", "0001_outbox")]

    operations = [run_sql("mail", "undelivered.sql")]
