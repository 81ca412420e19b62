"""Which of a prober's marked requests reached the application."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("controls", "0002_prober_reports")]

    operations = [run_sql("controls", "prober_arrivals.sql")]
