"""Probers on other machines, their runs and signed reports."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("controls", "0001_initial")]

    operations = [run_sql("controls", "prober_reports.sql")]
