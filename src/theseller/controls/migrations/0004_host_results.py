"""What each host found of the controls that every host has to hold: `sql/host_results.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("controls", "0003_prober_arrivals"), ("tenancy", "0012_hosts")]

    operations = [run_sql("controls", "host_results.sql")]
